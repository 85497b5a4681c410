/* SPDX-License-Identifier: Apache-2.0 */
/* See lease.h. One step: look at the Lease, then take or renew it when that is due.
 */
#include "kube/lease.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>

struct lease {
    struct lease_options options;
    char *ns, *name, *identity;
    struct loop *loop;
    struct loop_timer timer;
    struct kube_call *call; /* NULL: none is under way */
    char *seen_version;     /* resourceVersion of another one's Lease, as last seen */
    uint64_t seen_ms;       /* when it changed last, on our clock */
    uint64_t asked_ms;      /* when the write under way was started */
    uint64_t renewed_ms;    /* when we last held it for certain */
    bool is_held;
};

static void step(void *ctx);

static void set_held(struct lease *lease, bool is_held)
{
    if (lease->is_held == is_held)
        return;
    lease->is_held = is_held;
    log_info(kube, "%s %s the Lease %s/%s", lease->identity, is_held ? "holds" : "lost", lease->ns,
             lease->name);
    if (lease->options.on_change)
        lease->options.on_change(is_held, lease->options.ctx);
}

/* A call is back: again in a third of the duration, so that two may fail. */
static void rest(struct lease *lease)
{
    uint64_t now_ms = loop_now_ms(lease->loop);

    if (lease->is_held && now_ms - lease->renewed_ms >= lease->options.duration_ms)
        set_held(lease, false);
    loop_timer_start(lease->loop, &lease->timer, MAX(lease->options.duration_ms / 3, 1U));
}

static void call_start(struct lease *lease, const struct kube_request *request,
                       void (*on_done)(const struct kube_result *result, void *ctx))
{
    if (kube_call_start(lease->options.client, request, on_done, lease, &lease->call) >= 0)
        return;
    lease->call = NULL;
    rest(lease);
}

static void on_written(const struct kube_result *result, void *ctx)
{
    struct lease *lease = ctx;

    lease->call = NULL;
    if (result->code >= 0) {
        lease->renewed_ms = lease->asked_ms; /* others count from when they see it: later */
        set_held(lease, true);
    } else if (result->code == ERR_CONFLICT || result->code == ERR_EXISTS) {
        set_held(lease, false); /* another one was faster */
    } else {
        log_warn(kube, "Lease %s/%s: %s", lease->ns, lease->name, result->reason);
    }
    rest(lease);
}

/* Takes or renews. `found` is the one there, NULL when there is none. */
static void write(struct lease *lease, const json_t *found)
{
    bool is_mine = found && strcmp(json_path_string_or(found, "spec.holderIdentity", ""),
                                   lease->identity) == 0;
    char now[CLOCK_RFC3339_SIZE], micro[CLOCK_RFC3339_SIZE];
    json_t *body = found ? json_deep_copy(found)
                         : json_pack("{s:s, s:s, s:{s:s, s:s}, s:{}}", "apiVersion",
                                     "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
                                     lease->name, "namespace", lease->ns, "spec");
    json_t *spec = json_object_get(body, "spec");
    struct kube_request request = {.verb = found ? KUBE_UPDATE : KUBE_CREATE,
                                   .resource = kube_resource_get(KUBE_RESOURCE_LEASE),
                                   .ns = lease->ns,
                                   .name = found ? lease->name : NULL,
                                   .body = body};

    clock_format_rfc3339(clock_realtime_ms(), true, now);
    snprintf(micro, sizeof micro, "%.23s000Z", now); /* a MicroTime: no other form is taken */
    if (!spec) {
        spec = json_object();
        json_object_set_new(body, "spec", spec);
    }
    json_set_string(spec, "holderIdentity", lease->identity);
    json_object_set_new(spec, "leaseDurationSeconds",
                        json_integer(MAX(lease->options.duration_ms / 1000, 1U)));
    json_set_string(spec, "renewTime", micro);
    if (!is_mine && lease->options.on_change) {
        json_set_string(spec, "acquireTime", micro);
        json_object_set_new(
            spec, "leaseTransitions",
            json_integer(found ? json_get_int(spec, "leaseTransitions", 0) + 1 : 0));
    }
    lease->asked_ms = loop_now_ms(lease->loop);
    call_start(lease, &request, on_written);
    json_decref(body);
}

/* Whether another one's Lease was not renewed for its duration, as far as we saw. */
static bool is_over(struct lease *lease, const json_t *found)
{
    const char *version = kube_resource_version(found);
    uint64_t now_ms = loop_now_ms(lease->loop);
    uint64_t duration_ms =
        (uint64_t)MAX(json_path_int(found, "spec.leaseDurationSeconds", 1), 1) * 1000;

    if (json_path_string_or(found, "spec.holderIdentity", "")[0] == '\0')
        return true;
    if (!lease->seen_version || strcmp(lease->seen_version, version) != 0) {
        mem_free(lease->seen_version);
        lease->seen_version = mem_strdup(version);
        lease->seen_ms = now_ms;
    }
    return now_ms - lease->seen_ms >= duration_ms;
}

static void on_read(const struct kube_result *result, void *ctx)
{
    struct lease *lease = ctx;
    const char *holder;

    lease->call = NULL;
    if (result->code == ERR_NOT_FOUND) {
        write(lease, NULL);
        return;
    }
    if (result->code < 0) {
        log_warn(kube, "Lease %s/%s: %s", lease->ns, lease->name, result->reason);
        rest(lease);
        return;
    }
    holder = json_path_string_or(result->object, "spec.holderIdentity", "");
    if (strcmp(holder, lease->identity) == 0 || is_over(lease, result->object)) {
        write(lease, result->object);
        return;
    }
    set_held(lease, false);
    rest(lease);
}

static void step(void *ctx)
{
    struct lease *lease = ctx;
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_LEASE),
                                   .ns = lease->ns,
                                   .name = lease->name};

    call_start(lease, &request, on_read);
}

struct lease *lease_new(const struct lease_options *options)
{
    struct lease *lease = MEM_NEW(struct lease);

    lease->options = *options;
    lease->ns = mem_strdup(options->ns);
    lease->name = mem_strdup(options->name);
    lease->identity = mem_strdup(options->identity);
    lease->loop = kube_client_loop(options->client);
    loop_timer_init(&lease->timer, step, lease);
    loop_timer_start(lease->loop, &lease->timer, 1);
    return lease;
}

void lease_free(struct lease *lease)
{
    if (!lease)
        return;
    loop_timer_stop(lease->loop, &lease->timer);
    kube_call_cancel(lease->call);
    mem_free(lease->seen_version);
    mem_free(lease->ns);
    mem_free(lease->name);
    mem_free(lease->identity);
    mem_free(lease);
}

bool lease_is_held(const struct lease *lease)
{
    return lease->is_held;
}
