/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on standard error, in Istio's shape: `time<TAB>level<TAB>scope<TAB>text`.
 *
 * Place   proxy, control, cli and sandbox log, once, where a decision is taken; libraries below
 * only at debug Owns    the process-wide level table (a level per scope; atomics, changed by admin
 * and flags) Limits  a line is cut at 2048 bytes; control bytes are escaped, so a peer's text
 * cannot forge lines
 */
#ifndef WEFT_BASE_LOG_H
#define WEFT_BASE_LOG_H

#include "base/prelude.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

/* The scopes; X(name). */
#define LOG_SCOPE_MAP(X)                                                                           \
    X(main)                                                                                        \
    X(config)                                                                                      \
    X(xds)                                                                                         \
    X(http)                                                                                        \
    X(upstream)                                                                                    \
    X(admin)                                                                                       \
    X(kube)                                                                                        \
    X(push) X(webhook) X(ca) X(api) X(node) X(dns) X(controller) X(install) X(cli) X(io) X(tls)

enum log_scope {
#define LOG_ENUM(name) LOG_SCOPE_##name,
    LOG_SCOPE_MAP(LOG_ENUM)
#undef LOG_ENUM
        LOG_SCOPE_COUNT
};

bool log_enabled(enum log_scope scope, enum log_level level);
void log_write(enum log_scope scope, enum log_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Sets one scope (by name), or all when scope_name is NULL or "all". ERR_NOT_FOUND for an unknown
 * name. */
int log_level_set(const char *scope_name, enum log_level level);
enum log_level log_level_get(enum log_scope scope);
const char *log_scope_name(enum log_scope scope);
/* "debug", "info", "warning"/"warn", "error", "off"/"none", also Envoy's "trace" and "critical"; -1
 * for others. */
int log_level_parse(const char *text);
const char *log_level_name(enum log_level level);

#define log_at(scope, level, ...)                                                                  \
    do {                                                                                           \
        if (log_enabled(LOG_SCOPE_##scope, (level)))                                               \
            log_write(LOG_SCOPE_##scope, (level), __VA_ARGS__);                                    \
    } while (0)
#define log_debug(scope, ...) log_at(scope, LOG_DEBUG, __VA_ARGS__)
#define log_info(scope, ...) log_at(scope, LOG_INFO, __VA_ARGS__)
#define log_warn(scope, ...) log_at(scope, LOG_WARN, __VA_ARGS__)
#define log_error(scope, ...) log_at(scope, LOG_ERROR, __VA_ARGS__)

#endif
