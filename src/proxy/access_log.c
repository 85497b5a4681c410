/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers of access-log lines and their way to the main thread. See access_log.h.
 */
#include "proxy/access_log.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <fcntl.h>
#include <unistd.h>

enum { BUFFER_MAX = 1 << 20, FLUSH_SIZE = 1 << 16 };

/* The standard streams are duplicated: opening /dev/stdout again needs rights on the pipe behind it
 * that a proxy under user 1337 has not. */
static int open_sink(const char *path, int *ret_fd, struct error *err)
{
    int standard = strcmp(path, "/dev/stdout") == 0   ? STDOUT_FILENO
                   : strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO
                                                      : -1;
    int fd;

    if (standard < 0)
        return file_open_append(path, ret_fd, err);
    fd = fcntl(standard, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return err_set_path(err, ERR_IO, path, "is closed");
    *ret_fd = fd;
    return 0;
}

void access_log_sinks_init(struct access_log_sinks *sinks)
{
    sinks->count = 0;
    for (size_t i = 0; i < ACCESS_LOG_SINK_MAX; i++)
        sinks->fds[i] = -1;
}

void access_log_sinks_deinit(struct access_log_sinks *sinks)
{
    for (size_t i = 0; i < ACCESS_LOG_SINK_MAX; i++)
        fd_drop(&sinks->fds[i]);
}

int access_log_sinks_open(struct access_log_sinks *sinks, const struct names *paths,
                          struct error *err)
{
    size_t number = 0;

    MAP_EACH (entry, &paths->map) {
        if (number >= ACCESS_LOG_SINK_MAX)
            return err_set_path(err, ERR_LIMIT, "access_log", "more than %d files",
                                ACCESS_LOG_SINK_MAX);
        if (sinks->fds[number] < 0) {
            int rc = open_sink(entry->key.data, &sinks->fds[number], err);

            if (rc < 0)
                return rc;
        }
        number++;
    }
    sinks->count = number;
    return 0;
}

void access_log_sinks_reopen(struct access_log_sinks *sinks, const struct names *paths)
{
    size_t number = 0;

    MAP_EACH (entry, &paths->map) {
        struct error err = {0};
        int fd = -1;

        if (number >= ACCESS_LOG_SINK_MAX)
            return;
        if (open_sink(entry->key.data, &fd, &err) < 0) {
            log_warn(main, "access log: %s: %s", err.path, err.reason);
        } else {
            fd_drop(&sinks->fds[number]);
            sinks->fds[number] = fd;
        }
        number++;
    }
}

void access_log_init(struct access_log *log, struct loop *main_loop, struct access_log_sinks *sinks)
{
    log->main_loop = main_loop;
    log->sinks = sinks;
    log->dropped = 0;
    for (size_t i = 0; i < ACCESS_LOG_SINK_MAX; i++)
        buf_init(&log->lines[i], BUFFER_MAX);
}

void access_log_deinit(struct access_log *log)
{
    for (size_t i = 0; i < ACCESS_LOG_SINK_MAX; i++)
        buf_deinit(&log->lines[i]);
}

static bool compare(const struct access_filter *filter, uint64_t value)
{
    switch (filter->op) {
    case ACCESS_OP_EQ:
        return value == filter->value;
    case ACCESS_OP_GE:
        return value >= filter->value;
    case ACCESS_OP_LE:
        return value <= filter->value;
    case ACCESS_OP_NE:
        return value != filter->value;
    }
    return false;
}

static bool header_agrees(const struct access_filter *filter, const struct info *info)
{
    return info->request != NULL && match_header_test(&filter->header, info->request);
}

static bool filter_agrees(const struct access_filter *filter, const struct info *info)
{
    bool all = filter->kind == ACCESS_FILTER_AND;

    switch (filter->kind) {
    case ACCESS_FILTER_STATUS:
        return compare(filter, info->status);
    case ACCESS_FILTER_DURATION:
        return compare(filter, info->end_ms - info->begin_ms);
    case ACCESS_FILTER_FLAGS:
        return filter->flags ? (info->flags & filter->flags) != 0 : info->flags != 0;
    case ACCESS_FILTER_HEADER:
        return header_agrees(filter, info);
    case ACCESS_FILTER_AND:
    case ACCESS_FILTER_OR:
        for (size_t i = 0; i < filter->child_count; i++)
            if (filter_agrees(&filter->children[i], info) != all)
                return !all;
        return all;
    }
    return true;
}

void access_log_write(struct access_log *log, const struct access_log_conf *confs, size_t count,
                      const struct info *info)
{
    for (size_t i = 0; i < count; i++) {
        const struct access_log_conf *conf = &confs[i];
        struct buf *lines;
        size_t before;

        if (conf->sink >= ACCESS_LOG_SINK_MAX ||
            (conf->filter != NULL && !filter_agrees(conf->filter, info)))
            continue;
        lines = &log->lines[conf->sink];
        before = lines->len;
        if (conf->format != NULL)
            format_print(conf->format, info, lines);
        else
            format_print_json(conf->fields, conf->field_count, info, lines);
        if (lines->failed) {
            /* Whole lines or none. */
            lines->len = before;
            lines->failed = false;
            log->dropped++;
        }
        if (lines->len >= FLUSH_SIZE)
            access_log_flush(log);
    }
}

struct letter {
    struct access_log_sinks *sinks;
    size_t sink;
    size_t len;
    char *text;
};

static void write_letter(void *ctx)
{
    struct letter *letter = ctx;
    size_t done = 0;

    while (done < letter->len && letter->sinks->fds[letter->sink] >= 0) {
        ssize_t n =
            write(letter->sinks->fds[letter->sink], letter->text + done, letter->len - done);

        if (n <= 0)
            break; /* a full disk or a closed pipe: lines are lost, requests are not */
        done += (size_t)n;
    }
    mem_free(letter->text);
    mem_free(letter);
}

void access_log_flush(struct access_log *log)
{
    for (size_t i = 0; i < ACCESS_LOG_SINK_MAX; i++) {
        struct letter *letter;

        if (log->lines[i].len == 0)
            continue;
        letter = MEM_NEW(struct letter);
        letter->sinks = log->sinks;
        letter->sink = i;
        letter->len = log->lines[i].len;
        letter->text = buf_take(&log->lines[i]);
        buf_init(&log->lines[i], BUFFER_MAX);
        if (loop_post(log->main_loop, write_letter, letter) < 0) {
            log->dropped++;
            mem_free(letter->text);
            mem_free(letter);
        }
    }
}
