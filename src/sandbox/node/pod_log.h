/* SPDX-License-Identifier: Apache-2.0 */
/* A container's log over HTTP, as kubectl logs asks for it.
 *
 *   query --pod_log_options_read--> options
 *   source --lines--> pod_log_serve --since, timestamps, limitBytes--> text/plain
 *
 * Place   who runs containers and answers GET .../log
 * Owns    the stream's events while it serves
 * Limits  a piece of some 64 KiB is sent at once; a source that is followed is asked every 100 ms
 * Spec    Kubernetes core/v1 PodLogOptions
 */
#ifndef WEFT_SANDBOX_NODE_POD_LOG_H
#define WEFT_SANDBOX_NODE_POD_LOG_H

#include "base/prelude.h"
#include "base/slice.h"
#include "http/stream.h"
#include "io/loop.h"

struct pod_log_options {
    bool follow, previous, timestamps;
    int64_t since_ms;    /* wall clock; 0: all */
    uint64_t limit_size; /* bytes at most; UINT64_MAX: all */
    uint64_t tail_count; /* lines at most, the last; UINT64_MAX: all */
};

/* Out of a URL's query; what is none is as if it were not there. `now_ms`: wall clock. */
void pod_log_options_read(struct arena *arena, struct slice query, int64_t now_ms,
                          struct pod_log_options *ret);

struct pod_log_line {
    struct slice time; /* RFC 3339 with nanoseconds */
    struct slice text; /* without the newline */
    bool full;         /* a newline belongs behind it; else the next line continues it */
};

struct pod_log_source {
    /* The next line, borrowed until the next call; false: there is none now. */
    bool (*next)(struct pod_log_line *ret, void *ctx);
    bool (*goes_on)(void *ctx);  /* whether more may be written; asked before the lines are */
    void (*on_close)(void *ctx); /* the last call */
};

/* Answers a stream whose head came, with the source's lines from where it stands (`previous` and
 * `tail_count` are the caller's to apply), and follows it as long as it goes on. `source` must
 * outlive the stream. */
void pod_log_serve(struct loop *loop, struct http_stream *stream,
                   const struct pod_log_options *options, const struct pod_log_source *source,
                   void *ctx);

#endif
