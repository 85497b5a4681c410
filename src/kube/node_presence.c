/* SPDX-License-Identifier: Apache-2.0 */
/* See node_presence.h. */
#include "kube/node_presence.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/lease.h"

enum { STATUS_MS = 10000, RETRY_MS = 500, LEASE_MS = 40000 };

struct node_presence {
    struct kube_client *client;
    struct node_facts facts;
    uint64_t interval_ms;
    struct loop_timer timer;
    struct kube_call *call; /* NULL: none is under way */
    struct lease *lease;
    bool is_there; /* the Node, as far as we know */
};

static void again(struct node_presence *presence, uint64_t delay_ms)
{
    loop_timer_start(kube_client_loop(presence->client), &presence->timer, delay_ms);
}

static void on_written(const struct kube_result *result, void *ctx)
{
    struct node_presence *presence = ctx;
    bool was_there = presence->is_there;

    presence->call = NULL;
    if (result->code < 0 && result->code != ERR_EXISTS) {
        log_warn(node, "cannot write the Node object: %s", result->reason);
        presence->is_there = was_there && result->code != ERR_NOT_FOUND;
        again(presence, RETRY_MS);
        return;
    }
    presence->is_there = true;
    again(presence, was_there ? presence->interval_ms : 1);
}

static void on_time(void *ctx)
{
    struct node_presence *presence = ctx;
    int64_t now_ms = clock_realtime_ms();
    SCOPED(json_drop)
    json_t *body = presence->is_there ? node_object_status(&presence->facts, now_ms)
                                      : node_object_new(&presence->facts, now_ms);
    struct kube_request request = {
        .verb = KUBE_CREATE, .resource = kube_resource_get(KUBE_RESOURCE_NODE), .body = body};

    if (presence->is_there) {
        request.verb = KUBE_PATCH_MERGE;
        request.name = presence->facts.name;
        request.subresource = "status";
    }
    if (kube_call_start(presence->client, &request, on_written, presence, &presence->call) < 0)
        again(presence, RETRY_MS);
}

struct node_presence *node_presence_new(struct kube_client *client, const struct node_facts *facts,
                                        uint64_t interval_ms)
{
    const struct lease_options lease = {.client = client,
                                        .ns = "kube-node-lease",
                                        .name = facts->name,
                                        .identity = facts->name,
                                        .duration_ms = LEASE_MS};
    struct node_presence *presence = MEM_NEW(struct node_presence);

    presence->client = client;
    presence->facts = *facts;
    presence->interval_ms = interval_ms ? interval_ms : STATUS_MS;
    presence->lease = lease_new(&lease);
    loop_timer_init(&presence->timer, on_time, presence);
    again(presence, 1);
    return presence;
}

void node_presence_free(struct node_presence *presence)
{
    if (!presence)
        return;
    loop_timer_stop(kube_client_loop(presence->client), &presence->timer);
    kube_call_cancel(presence->call);
    lease_free(presence->lease);
    mem_free(presence);
}
