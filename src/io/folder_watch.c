/* SPDX-License-Identifier: Apache-2.0 */
/* See folder_watch.h. */
#include "io/folder_watch.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static void on_events(unsigned events, void *ctx)
{
    struct folder_watch *watch = ctx;
    char bytes[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got;

    (void)events;
    while ((got = read(watch->fd, bytes, sizeof bytes)) > 0) {
        for (char *at = bytes; at < bytes + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;

            if (event->mask & IN_Q_OVERFLOW)
                watch->on_file(NULL, watch->ctx);
            else if (event->len > 0)
                watch->on_file(event->name, watch->ctx);
            at += sizeof *event + event->len;
        }
    }
}

int folder_watch_open(struct folder_watch *watch, struct loop *loop, const char *path,
                      void (*on_file)(const char *name, void *ctx), void *ctx, struct error *err)
{
    int rc;

    *watch = (struct folder_watch){.on_file = on_file, .ctx = ctx};
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0 || inotify_add_watch(watch->fd, path, IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
        rc = err_from_errno(errno);
    else
        rc = loop_watch_add(loop, &watch->watch, watch->fd, on_events, watch);
    if (rc < 0) {
        err_set(err, rc, "cannot watch %s: %s", path, err_text(rc));
        fd_drop(&watch->fd);
        return rc;
    }
    watch->loop = loop;
    return 0;
}

void folder_watch_close(struct folder_watch *watch)
{
    if (!watch->loop)
        return;
    loop_watch_remove(watch->loop, &watch->watch);
    fd_drop(&watch->fd);
    watch->loop = NULL;
}
