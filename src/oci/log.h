/* SPDX-License-Identifier: Apache-2.0 */
/* A container's log file, as conmon writes it: read line by line, also while it grows.
 *
 *   BUNDLE/log    TIME stdout F text        TIME is RFC 3339 with nanoseconds
 *                 TIME stderr P text        P: the container's line goes on in the next
 *
 * Place   who shows logs; any loop (a read of a local file is all it waits for)
 * Owns    its descriptor and one buffer
 * Limits  lines of 64 KiB (conmon cuts at 16 KiB): a longer one ends the log; OCI_LOG_TAIL_MAX
 * Spec    the log format of Kubernetes' CRI
 */
#ifndef WEFT_OCI_LOG_H
#define WEFT_OCI_LOG_H

#include "base/buf.h"
#include "base/prelude.h"
#include "base/slice.h"

#include <sys/types.h>

enum { OCI_LOG_TAIL_MAX = 100000 };

struct oci_log_line {
    struct slice time;
    struct slice text; /* without the newline */
    bool full;         /* F: a newline belongs behind the text; P: the next line continues it */
};

/* False when it is none. `line` is without its newline; *ret borrows it. */
bool oci_log_line_parse(struct slice line, struct oci_log_line *ret);

struct oci_log {
    /* private */
    int fd;
    off_t at;        /* what was read */
    struct buf rest; /* read and not handed out, from `taken` on */
    size_t taken;
};

/* The log of a bundle, from its start. One that is not there reads as empty. */
void oci_log_open(struct oci_log *log, const char *bundle);
void oci_log_close(struct oci_log *log);
/* Before the first line: skips to where the last `count` lines begin (OCI_LOG_TAIL_MAX at most). */
void oci_log_tail(struct oci_log *log, uint64_t count);
/* The next whole line (what is none is skipped), borrowed until the next call. False at the end:
 * more may be there later. */
bool oci_log_next(struct oci_log *log, struct oci_log_line *ret);

#endif
