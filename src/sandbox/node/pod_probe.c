/* SPDX-License-Identifier: Apache-2.0 */
/* Probes, see pod_probe.h. */
#include "sandbox/node/pod_probe.h"

enum { EAGER_MS = 250, FIRST_MS = 20, PERIOD_MIN_MS = 100, TIMEOUT_MIN_MS = 1000 };

static const char *const keys[POD_PROBE_COUNT] = {"startupProbe", "livenessProbe",
                                                  "readinessProbe"};

static uint64_t spec_ms(const struct pod_probe *probe, const char *key, int64_t fallback_s)
{
    int64_t value_s = json_get_int(probe->spec, key, fallback_s);

    return (uint64_t)MAX(value_s, (int64_t)0) * 1000;
}

static unsigned threshold(const struct pod_probe *probe, const char *key, int64_t fallback)
{
    return (unsigned)json_get_int(probe->spec, key, fallback);
}

/* --- the end of an attempt --- */

static void passed(struct pod_probe *probe)
{
    struct pod_probes *all = probe->all;

    probe->failures = 0;
    probe->successes++;
    if (probe->successes < threshold(probe, "successThreshold", 1))
        return;
    probe->succeeded_once = true;
    if (probe->kind == POD_PROBE_STARTUP)
        pod_probes_start(all, true);
    else if (probe->kind == POD_PROBE_READINESS)
        all->events->on_passed(probe->kind, all->ctx);
}

/* A failure within the same period as the last counted one is not counted. */
static bool failure_counts(struct pod_probe *probe)
{
    uint64_t now_ms = loop_now_ms(probe->all->target->loop);

    if (probe->counted_ms && now_ms < probe->counted_ms + spec_ms(probe, "periodSeconds", 10))
        return false;
    probe->counted_ms = now_ms;
    return true;
}

static void failed(struct pod_probe *probe, const char *text)
{
    const struct pod_probes *all = probe->all;

    probe->successes = 0;
    if (!failure_counts(probe))
        return;
    probe->failures++;
    all->events->on_failure(probe->kind, text, all->ctx);
    if (probe->failures >= threshold(probe, "failureThreshold", 3))
        all->events->on_failed(probe->kind, probe->spec, all->ctx);
}

static void on_attempt(bool fine, const char *text, void *ctx)
{
    struct pod_probe *probe = ctx;
    uint64_t period_ms = MAX(spec_ms(probe, "periodSeconds", 10), (uint64_t)PERIOD_MIN_MS);

    probe->attempt = NULL;
    if (!probe->succeeded_once && probe->kind != POD_PROBE_LIVENESS)
        period_ms = MIN(period_ms, (uint64_t)EAGER_MS);
    loop_timer_start(probe->all->target->loop, &probe->timer, period_ms);
    if (fine)
        passed(probe);
    else
        failed(probe, text);
}

/* --- attempts --- */

static void on_time(void *ctx)
{
    struct pod_probe *probe = ctx;
    uint64_t timeout_ms = MAX(spec_ms(probe, "timeoutSeconds", 1), (uint64_t)TIMEOUT_MIN_MS);
    int rc;

    if (probe->attempt)
        return;
    rc = pod_action_start(probe->all->target, probe->spec, timeout_ms, false, on_attempt, probe,
                          &probe->attempt);
    if (rc < 0)
        on_attempt(false,
                   rc == ERR_UNSUPPORTED ? "not supported: this kind of probe" : err_text(rc),
                   probe);
}

void pod_probes_init(struct pod_probes *probes, const struct pod_action_target *target,
                     const struct pod_probes_events *events, void *ctx)
{
    *probes = (struct pod_probes){.target = target, .events = events, .ctx = ctx};
    for (size_t i = 0; i < POD_PROBE_COUNT; i++) {
        struct pod_probe *probe = &probes->one[i];

        probe->all = probes;
        probe->kind = (enum pod_probe_kind)i;
        probe->spec = json_object_get(target->container, keys[i]);
        loop_timer_init(&probe->timer, on_time, probe);
    }
}

static void probe_begin(struct pod_probe *probe)
{
    probe->failures = probe->successes = 0;
    probe->succeeded_once = false;
    probe->counted_ms = 0;
    loop_timer_start(probe->all->target->loop, &probe->timer,
                     MAX(spec_ms(probe, "initialDelaySeconds", 0), (uint64_t)FIRST_MS));
}

void pod_probes_start(struct pod_probes *probes, bool started)
{
    struct pod_probe *startup = &probes->one[POD_PROBE_STARTUP];

    if (!started && startup->spec) {
        probe_begin(startup);
        return;
    }
    loop_timer_stop(probes->target->loop, &startup->timer);
    for (size_t i = POD_PROBE_LIVENESS; i < POD_PROBE_COUNT; i++)
        if (probes->one[i].spec)
            probe_begin(&probes->one[i]);
    probes->events->on_passed(POD_PROBE_STARTUP, probes->ctx);
    if (!probes->one[POD_PROBE_READINESS].spec)
        probes->events->on_passed(POD_PROBE_READINESS, probes->ctx);
}

void pod_probes_stop(struct pod_probes *probes)
{
    for (size_t i = 0; i < POD_PROBE_COUNT; i++) {
        struct pod_probe *probe = &probes->one[i];

        loop_timer_stop(probes->target->loop, &probe->timer);
        pod_action_cancel(probe->attempt);
        probe->attempt = NULL;
    }
}
