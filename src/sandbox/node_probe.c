/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: startup, liveness, readiness; what is tried is node_action.c's.
 *
 * Until a startup or readiness probe succeeds for the first time it is tried more often than its
 * period says, so a pod that is up quickly is ready quickly; a failure still counts once a period.
 */
#include "sandbox/node_int.h"

enum { EAGER_MS = 250 };

static const char *const kind_names[PROBE_COUNT] = {"Startup", "Liveness", "Readiness"};

static uint64_t spec_ms(const struct node_probe *probe, const char *key, int64_t fallback_s)
{
    int64_t value_s = json_get_int(probe->spec, key, fallback_s);

    return (uint64_t)MAX(value_s, (int64_t)0) * 1000;
}

/* --- the end of an attempt --- */

static void passed(struct node_probe *probe)
{
    struct node_container *c = probe->container;

    probe->failures = 0;
    probe->successes++;
    if (probe->successes < (unsigned)json_get_int(probe->spec, "successThreshold", 1))
        return;
    probe->succeeded_once = true;
    if (probe->kind == PROBE_STARTUP) {
        c->life->started = true;
        node_probes_start(c);
        node_pod_wake(c->pod);
    } else if (probe->kind == PROBE_READINESS && !c->life->ready) {
        c->life->ready = true;
        node_pod_wake(c->pod);
    }
}

/* A failure within the same period as the last counted one is not counted. */
static bool failure_counts(struct node_probe *probe)
{
    uint64_t now_ms = loop_now_ms(probe->container->pod->node->loop);

    if (probe->counted_ms && now_ms < probe->counted_ms + spec_ms(probe, "periodSeconds", 10))
        return false;
    probe->counted_ms = now_ms;
    return true;
}

static void failed(struct node_probe *probe, const char *text)
{
    struct node_container *c = probe->container;
    const char *name = kind_names[probe->kind];

    probe->successes = 0;
    if (!failure_counts(probe))
        return;
    probe->failures++;
    node_event(c->pod, c, true, "Unhealthy", "%s probe failed: %s", name, text);
    if (probe->failures < (unsigned)json_get_int(probe->spec, "failureThreshold", 3))
        return;
    if (probe->kind == PROBE_READINESS) {
        if (c->life->ready)
            node_pod_wake(c->pod);
        c->life->ready = false;
        return;
    }
    node_event(c->pod, c, false, "Killing", "Container %s failed %s probe, will be restarted",
               c->life->name, probe->kind == PROBE_STARTUP ? "startup" : "liveness");
    node_container_stop(
        c,
        json_get_int(probe->spec, "terminationGracePeriodSeconds",
                     json_path_int(c->pod->object, "spec.terminationGracePeriodSeconds", 30)),
        "probe");
}

static void probe_schedule(struct node_probe *probe, uint64_t delay_ms)
{
    loop_timer_start(probe->container->pod->node->loop, &probe->timer, delay_ms);
}

static void on_attempt(bool fine, const char *text, void *ctx)
{
    struct node_probe *probe = ctx;
    struct node_container *c = probe->container;
    uint64_t period_ms = MAX(spec_ms(probe, "periodSeconds", 10), (uint64_t)100);

    probe->attempt = NULL;
    if (!probe->succeeded_once && probe->kind != PROBE_LIVENESS)
        period_ms = MIN(period_ms, (uint64_t)EAGER_MS);
    probe_schedule(probe, period_ms);
    if (fine)
        passed(probe);
    else
        failed(probe, text);
    if (c->life->state != CONTAINER_RUNNING || (probe->kind == PROBE_STARTUP && c->life->started))
        loop_timer_stop(c->pod->node->loop, &probe->timer);
}

static void on_time(void *ctx)
{
    struct node_probe *probe = ctx;
    uint64_t timeout_ms = MAX(spec_ms(probe, "timeoutSeconds", 1), (uint64_t)1000);
    int rc;

    if (probe->attempt || probe->container->life->state != CONTAINER_RUNNING)
        return;
    rc = node_action_start(probe->container, probe->spec, timeout_ms, false, on_attempt, probe,
                           &probe->attempt);
    if (rc < 0)
        on_attempt(false,
                   rc == ERR_UNSUPPORTED ? "not supported: this kind of probe" : err_text(rc),
                   probe);
}

void node_probes_start(struct node_container *c)
{
    if (!c->probes[PROBE_STARTUP].spec)
        c->life->started = true;
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        struct node_probe *probe = &c->probes[i];

        if (!probe->spec || (i == PROBE_STARTUP) == c->life->started)
            continue;
        probe->failures = probe->successes = 0;
        probe->succeeded_once = false;
        probe->counted_ms = 0;
        loop_timer_init(&probe->timer, on_time, probe);
        probe_schedule(probe, MAX(spec_ms(probe, "initialDelaySeconds", 0), (uint64_t)20));
    }
    if (c->life->started && !c->probes[PROBE_READINESS].spec)
        c->life->ready = true;
}

void node_probes_stop(struct node_container *c)
{
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        struct node_probe *probe = &c->probes[i];

        loop_timer_stop(c->pod->node->loop, &probe->timer);
        node_action_cancel(probe->attempt);
        probe->attempt = NULL;
    }
}
