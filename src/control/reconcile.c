/* SPDX-License-Identifier: Apache-2.0 */
/* See reconcile.h.
 */
#include "control/reconcile.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

enum { IN_FLIGHT_MAX = 16, REST_MIN_MS = 500, REST_MAX_MS = 30 * 1000 };

struct write {
    struct reconcile *reconcile;
    struct kube_call *call; /* NULL: free */
    char path[256];         /* for the log */
};

struct reconcile {
    struct kube_client *client;
    const char *what;
    void (*run)(void *ctx);
    void *ctx;
    struct loop_timer timer;
    struct write writes[IN_FLIGHT_MAX];
    size_t in_flight;
    bool again;  /* look again when all writes are back */
    bool failed; /* one of them failed: rest first */
    uint64_t rest_ms;
};

static void on_timer(void *ctx)
{
    struct reconcile *reconcile = ctx;

    reconcile->again = false;
    reconcile->failed = false;
    reconcile->run(reconcile->ctx);
}

struct reconcile *reconcile_new(struct kube_client *client, const char *what,
                                void (*run)(void *ctx), void *ctx)
{
    struct reconcile *reconcile = MEM_NEW(struct reconcile);

    reconcile->client = client;
    reconcile->what = what;
    reconcile->run = run;
    reconcile->ctx = ctx;
    loop_timer_init(&reconcile->timer, on_timer, reconcile);
    return reconcile;
}

void reconcile_free(struct reconcile *reconcile)
{
    if (!reconcile)
        return;
    loop_timer_stop(kube_client_loop(reconcile->client), &reconcile->timer);
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++)
        kube_call_cancel(reconcile->writes[i].call);
    mem_free(reconcile);
}

static void timer_start(struct reconcile *reconcile, uint64_t delay_ms)
{
    loop_timer_start(kube_client_loop(reconcile->client), &reconcile->timer, delay_ms);
}

void reconcile_mark(struct reconcile *reconcile)
{
    if (reconcile->in_flight > 0)
        reconcile->again = true;
    else if (!loop_timer_is_armed(&reconcile->timer))
        timer_start(reconcile, 1);
}

/* All writes are back: go on as they ended. */
static void settle(struct reconcile *reconcile)
{
    if (reconcile->failed) {
        reconcile->rest_ms =
            reconcile->rest_ms ? MIN(reconcile->rest_ms * 2, REST_MAX_MS) : REST_MIN_MS;
        timer_start(reconcile, reconcile->rest_ms);
        return;
    }
    reconcile->rest_ms = 0;
    if (reconcile->again)
        timer_start(reconcile, 1);
}

static void on_written(const struct kube_result *result, void *ctx)
{
    struct write *write = ctx;
    struct reconcile *reconcile = write->reconcile;

    write->call = NULL;
    reconcile->in_flight--;
    if (result->code < 0 && result->code != ERR_NOT_FOUND) {
        reconcile->failed = true;
        if (result->code == ERR_EXISTS || result->code == ERR_CONFLICT)
            log_debug(kube, "%s: %s: %s", reconcile->what, write->path, result->reason);
        else
            log_warn(kube, "%s: %s: %s", reconcile->what, write->path, result->reason);
    }
    if (reconcile->in_flight == 0)
        settle(reconcile);
}

void reconcile_write(struct reconcile *reconcile, const struct kube_request *request)
{
    struct write *write = NULL;
    struct buf path;

    for (size_t i = 0; i < IN_FLIGHT_MAX && !write; i++)
        if (!reconcile->writes[i].call)
            write = &reconcile->writes[i];
    if (!write) {
        reconcile->again = true;
        return;
    }
    write->reconcile = reconcile;
    buf_init(&path, 4096);
    kube_resource_path(request->resource, request->ns, request->name, request->subresource, &path);
    snprintf(write->path, sizeof write->path, "%s", path.data);
    buf_deinit(&path);
    if (kube_call_start(reconcile->client, request, on_written, write, &write->call) < 0) {
        write->call = NULL;
        reconcile->failed = true;
        if (reconcile->in_flight == 0)
            settle(reconcile);
        return;
    }
    reconcile->in_flight++;
}
