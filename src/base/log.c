/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: see log.h. The level table is the one piece of process-wide state that base keeps. */
#include "base/log.h"

#include "base/clock.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

enum { LOG_LINE_SIZE = 2048 };

/* Zero is LOG_DEBUG, so the table stores level minus LOG_INFO: all start at info. */
static _Atomic int scope_levels[LOG_SCOPE_COUNT];

static const char *const scope_names[] = {
#define LOG_NAME(name) #name,
    LOG_SCOPE_MAP(LOG_NAME)
#undef LOG_NAME
};

static const struct {
    const char *name;
    enum log_level level;
} level_names[] = {
    {"debug", LOG_DEBUG},  {"info", LOG_INFO},      {"warn", LOG_WARN},
    {"error", LOG_ERROR},  {"off", LOG_OFF},        {"trace", LOG_DEBUG},
    {"warning", LOG_WARN}, {"critical", LOG_ERROR}, {"none", LOG_OFF},
};

bool log_enabled(enum log_scope scope, enum log_level level)
{
    return (int)level >=
           atomic_load_explicit(&scope_levels[scope], memory_order_relaxed) + LOG_INFO;
}

enum log_level log_level_get(enum log_scope scope)
{
    return (enum log_level)(atomic_load_explicit(&scope_levels[scope], memory_order_relaxed) +
                            LOG_INFO);
}

int log_level_set(const char *scope_name, enum log_level level)
{
    bool all = !scope_name || strcmp(scope_name, "all") == 0;
    bool found = all;

    for (size_t i = 0; i < LOG_SCOPE_COUNT; i++) {
        if (!all && strcmp(scope_names[i], scope_name) != 0)
            continue;
        found = true;
        atomic_store_explicit(&scope_levels[i], (int)level - LOG_INFO, memory_order_relaxed);
    }
    return found ? 0 : ERR_NOT_FOUND;
}

const char *log_scope_name(enum log_scope scope)
{
    return scope_names[scope];
}

int log_level_parse(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (strcasecmp(level_names[i].name, text) == 0)
            return (int)level_names[i].level;
    return -1;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level].name;
}

/* Makes bytes below space visible as '?', so that text from a peer stays on its line. */
static void line_clean(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 && text[i] != '\t')
            text[i] = '?';
}

void log_write(enum log_scope scope, enum log_level level, const char *fmt, ...)
{
    char line[LOG_LINE_SIZE];
    char stamp[CLOCK_RFC3339_SIZE];
    size_t head;
    size_t len;
    va_list args;
    int text_len;

    head = (size_t)snprintf(line, sizeof line, "%s\t%s\t%s\t",
                            clock_format_rfc3339(clock_realtime_ms(), true, stamp),
                            log_level_name(level), scope_names[scope]);
    va_start(args, fmt);
    text_len = vsnprintf(line + head, sizeof line - head - 1, fmt, args);
    va_end(args);
    len = head + (text_len < 0 ? 0 : (size_t)text_len);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    line_clean(line + head, len - head);
    line[len] = '\n';
    /* One write a line: lines of several threads do not mix. Nothing sensible can be done if it
     * fails. */
    if (write(STDERR_FILENO, line, len + 1) < 0)
        return;
}
