/* SPDX-License-Identifier: Apache-2.0 */
/* Tells of files that come into a folder: moved there, or written there and closed.
 *
 * Place   whoever waits for other programs that report by files
 * Owns    one inotify descriptor on the loop
 * Limits  the kernel queues 16,384 events (fs.inotify.max_queued_events); more are lost, which is
 *         told: on_file runs with NULL, and all files have to be looked at
 */
#ifndef WEFT_IO_FOLDER_WATCH_H
#define WEFT_IO_FOLDER_WATCH_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/loop.h"

/* Embedded by its user; zeroed, it may be closed. */
struct folder_watch {
    struct loop *loop; /* NULL: not open */
    struct loop_watch watch;
    int fd;
    void (*on_file)(const char *name, void *ctx);
    void *ctx;
};

/* Folders below `path` are not looked into. Files that are there already are not told. on_file may
 * not close the watch. */
MUST_USE int folder_watch_open(struct folder_watch *watch, struct loop *loop, const char *path,
                               void (*on_file)(const char *name, void *ctx), void *ctx,
                               struct error *err);
/* One that was never opened is fine. */
void folder_watch_close(struct folder_watch *watch);

#endif
