/* SPDX-License-Identifier: Apache-2.0 */
/* Access logs: lines are built in a buffer per worker and sink, and written by the main thread,
 * each second or when 64 KiB have gathered. A slow reader of the log never stops a worker.
 *
 * Place   hcm and tcp_proxy at the end of a request or connection
 * Owns    the buffers; struct access_log_sinks owns the descriptors
 * Limits  1 MiB per worker and sink; beyond, lines are dropped and counted
 */
#ifndef WEFT_PROXY_ACCESS_LOG_H
#define WEFT_PROXY_ACCESS_LOG_H

#include "base/buf.h"
#include "base/prelude.h"
#include "io/loop.h"
#include "proxy/info.h"
#include "proxy/listener_conf.h"
#include "proxy/names.h"

enum { ACCESS_LOG_SINK_MAX = 32 };

/* Main thread. */
struct access_log_sinks {
    int fds[ACCESS_LOG_SINK_MAX]; /* -1: not open */
    size_t count;
};

struct access_log {
    struct loop *main_loop;
    struct access_log_sinks *sinks;
    struct buf lines[ACCESS_LOG_SINK_MAX];
    uint64_t dropped;
};

void access_log_sinks_init(struct access_log_sinks *sinks);
void access_log_sinks_deinit(struct access_log_sinks *sinks);
/* Opens the sinks of these paths (by number) that are not open yet. */
MUST_USE int access_log_sinks_open(struct access_log_sinks *sinks, const struct names *paths,
                                   struct error *err);
/* Closes and opens again, after log rotation. */
void access_log_sinks_reopen(struct access_log_sinks *sinks, const struct names *paths);

void access_log_init(struct access_log *log, struct loop *main_loop,
                     struct access_log_sinks *sinks);
void access_log_deinit(struct access_log *log);
/* Adds a line to each of the logs whose filter agrees. */
void access_log_write(struct access_log *log, const struct access_log_conf *confs, size_t count,
                      const struct info *info);
/* Hands the gathered lines to the main thread. */
void access_log_flush(struct access_log *log);

#endif
