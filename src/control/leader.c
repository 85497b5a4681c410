/* SPDX-License-Identifier: Apache-2.0 */
/* See leader.h. One step: look at the Lease, then take or renew it when that is due.
 */
#include "control/leader.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/json.h"

#include <string.h>

struct leader {
    struct leader_options options;
    char *ns, *name, *identity;
    struct loop *loop;
    struct loop_timer timer;
    struct kube_call *call; /* NULL: none is under way */
    char *seen_version;     /* resourceVersion of another one's Lease, as last seen */
    uint64_t seen_ms;       /* when it changed last, on our clock */
    uint64_t asked_ms;      /* when the write under way was started */
    uint64_t renewed_ms;    /* when we last held it for certain */
    bool leads;
};

static void step(void *ctx);

static void set_leads(struct leader *leader, bool leads)
{
    if (leader->leads == leads)
        return;
    leader->leads = leads;
    log_info(kube, "%s %s the Lease %s/%s", leader->identity, leads ? "holds" : "lost", leader->ns,
             leader->name);
    leader->options.on_change(leads, leader->options.ctx);
}

/* A call is back: again in a third of the duration, so that two may fail. */
static void rest(struct leader *leader)
{
    uint64_t now_ms = loop_now_ms(leader->loop);

    if (leader->leads && now_ms - leader->renewed_ms >= leader->options.duration_ms)
        set_leads(leader, false);
    loop_timer_start(leader->loop, &leader->timer, MAX(leader->options.duration_ms / 3, 1U));
}

static void call_start(struct leader *leader, const struct kube_request *request,
                       void (*on_done)(const struct kube_result *result, void *ctx))
{
    if (kube_call_start(leader->options.client, request, on_done, leader, &leader->call) >= 0)
        return;
    leader->call = NULL;
    rest(leader);
}

static void on_written(const struct kube_result *result, void *ctx)
{
    struct leader *leader = ctx;

    leader->call = NULL;
    if (result->code >= 0) {
        leader->renewed_ms = leader->asked_ms; /* others count from when they see it: later */
        set_leads(leader, true);
    } else if (result->code == ERR_CONFLICT || result->code == ERR_EXISTS) {
        set_leads(leader, false); /* another one was faster */
    } else {
        log_warn(kube, "Lease %s/%s: %s", leader->ns, leader->name, result->reason);
    }
    rest(leader);
}

/* Takes or renews. `lease` is the one there, NULL when there is none. */
static void write(struct leader *leader, const json_t *lease)
{
    bool is_mine = lease && strcmp(json_path_string_or(lease, "spec.holderIdentity", ""),
                                   leader->identity) == 0;
    char now[CLOCK_RFC3339_SIZE];
    json_t *body = lease ? json_deep_copy(lease)
                         : json_pack("{s:s, s:s, s:{s:s, s:s}, s:{}}", "apiVersion",
                                     "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
                                     leader->name, "namespace", leader->ns, "spec");
    json_t *spec = json_object_get(body, "spec");
    struct kube_request request = {.verb = lease ? KUBE_UPDATE : KUBE_CREATE,
                                   .resource = kube_resource_get(KUBE_RESOURCE_LEASE),
                                   .ns = leader->ns,
                                   .name = lease ? leader->name : NULL,
                                   .body = body};

    clock_format_rfc3339(clock_realtime_ms(), true, now);
    if (!spec) {
        spec = json_object();
        json_object_set_new(body, "spec", spec);
    }
    json_set_string(spec, "holderIdentity", leader->identity);
    json_object_set_new(spec, "leaseDurationSeconds",
                        json_integer(MAX(leader->options.duration_ms / 1000, 1U)));
    json_set_string(spec, "renewTime", now);
    if (!is_mine) {
        json_set_string(spec, "acquireTime", now);
        json_object_set_new(
            spec, "leaseTransitions",
            json_integer(lease ? json_get_int(spec, "leaseTransitions", 0) + 1 : 0));
    }
    leader->asked_ms = loop_now_ms(leader->loop);
    call_start(leader, &request, on_written);
    json_decref(body);
}

/* Whether another one's Lease was not renewed for its duration, as far as we saw. */
static bool is_over(struct leader *leader, const json_t *lease)
{
    const char *version = kube_resource_version(lease);
    uint64_t now_ms = loop_now_ms(leader->loop);
    uint64_t duration_ms =
        (uint64_t)MAX(json_path_int(lease, "spec.leaseDurationSeconds", 1), 1) * 1000;

    if (json_path_string_or(lease, "spec.holderIdentity", "")[0] == '\0')
        return true;
    if (!leader->seen_version || strcmp(leader->seen_version, version) != 0) {
        mem_free(leader->seen_version);
        leader->seen_version = mem_strdup(version);
        leader->seen_ms = now_ms;
    }
    return now_ms - leader->seen_ms >= duration_ms;
}

static void on_read(const struct kube_result *result, void *ctx)
{
    struct leader *leader = ctx;
    const char *holder;

    leader->call = NULL;
    if (result->code == ERR_NOT_FOUND) {
        write(leader, NULL);
        return;
    }
    if (result->code < 0) {
        log_warn(kube, "Lease %s/%s: %s", leader->ns, leader->name, result->reason);
        rest(leader);
        return;
    }
    holder = json_path_string_or(result->object, "spec.holderIdentity", "");
    if (strcmp(holder, leader->identity) == 0 || is_over(leader, result->object)) {
        write(leader, result->object);
        return;
    }
    set_leads(leader, false);
    rest(leader);
}

static void step(void *ctx)
{
    struct leader *leader = ctx;
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_LEASE),
                                   .ns = leader->ns,
                                   .name = leader->name};

    call_start(leader, &request, on_read);
}

struct leader *leader_new(const struct leader_options *options)
{
    struct leader *leader = MEM_NEW(struct leader);

    leader->options = *options;
    leader->ns = mem_strdup(options->ns);
    leader->name = mem_strdup(options->name);
    leader->identity = mem_strdup(options->identity);
    leader->loop = kube_client_loop(options->client);
    loop_timer_init(&leader->timer, step, leader);
    loop_timer_start(leader->loop, &leader->timer, 1);
    return leader;
}

void leader_free(struct leader *leader)
{
    if (!leader)
        return;
    loop_timer_stop(leader->loop, &leader->timer);
    kube_call_cancel(leader->call);
    mem_free(leader->seen_version);
    mem_free(leader->ns);
    mem_free(leader->name);
    mem_free(leader->identity);
    mem_free(leader);
}

bool leader_leads(const struct leader *leader)
{
    return leader->leads;
}
