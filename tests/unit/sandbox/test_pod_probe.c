/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of a container whose port is a socket of the test's: startup holds readiness back,
 * thresholds count, readiness comes and goes, a container without probes is ready at once. And the
 * actions that probes and hooks share.
 */
#include "test.h"
#include "until.h"

#include "base/mem.h"
#include "sandbox/node/pod_probe.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct world {
    struct loop *loop;
    struct pod_action_target target;
    struct pod_probes probes;
    json_t *container;
    bool started, ready;
    unsigned failures[POD_PROBE_COUNT], given_up[POD_PROBE_COUNT];
    char text[256]; /* of the last failure */
    int fd;
    unsigned port;
    /* of an action */
    int ends;
    bool fine;
};

/* A port of the loopback: bound, and so ours, but nobody listens yet. */
static void port_open(struct world *w)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(w->fd, (struct sockaddr *)&at, &size), 0);
    w->port = ntohs(at.sin_port);
}

static void on_passed(enum pod_probe_kind kind, void *ctx)
{
    struct world *w = ctx;

    *(kind == POD_PROBE_STARTUP ? &w->started : &w->ready) = true;
}

static void on_failure(enum pod_probe_kind kind, const char *text, void *ctx)
{
    struct world *w = ctx;

    w->failures[kind]++;
    snprintf(w->text, sizeof w->text, "%s", text);
}

static void on_failed(enum pod_probe_kind kind, const json_t *spec, void *ctx)
{
    struct world *w = ctx;

    assert_non_null(spec);
    w->given_up[kind]++;
    if (kind == POD_PROBE_READINESS)
        w->ready = false;
    else
        pod_probes_stop(&w->probes);
}

/* In place of a container: the machine. */
static int exec_here(const json_t *command, uint64_t timeout_ms,
                     void (*on_exit)(const struct process_result *result, void *exit_ctx),
                     void *exit_ctx, struct process **ret, void *ctx)
{
    struct world *w = ctx;
    const char *argv[] = {"sh", "-c", json_string_value(json_array_get(command, 0)), NULL};
    const struct process_options options = {.argv = argv, .timeout_ms = timeout_ms};

    return process_start(w->loop, &options, on_exit, exit_ctx, ret, NULL);
}

/* A container "a" with the given members; %u in them is the port. */
static void begin(struct world *w, const char *members)
{
    static const struct pod_probes_events events = {
        .on_passed = on_passed, .on_failure = on_failure, .on_failed = on_failed};
    char filled[1024], text[2048];

    *w = (struct world){0};
    port_open(w);
    assert_int_equal(loop_new(&w->loop), 0);
    snprintf(filled, sizeof filled, members, w->port, w->port);
    snprintf(text, sizeof text, "{\"name\": \"a\"%s}", filled);
    assert_int_equal(json_parse(slice_str(text), NULL, &w->container, NULL), 0);
    w->target = (struct pod_action_target){.loop = w->loop,
                                           .container = w->container,
                                           .pod_ip = "127.0.0.1",
                                           .exec = exec_here,
                                           .ctx = w};
    pod_probes_init(&w->probes, &w->target, &events, w);
}

static void end(struct world *w)
{
    pod_probes_stop(&w->probes);
    for (int i = 0; i < 3; i++)
        loop_run_once(w->loop, 1);
    loop_free(w->loop);
    json_decref(w->container);
    close(w->fd);
}

static void without_probes_it_is_ready_at_once(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "");
    pod_probes_start(&w.probes, false);
    assert_true(w.started);
    assert_true(w.ready);
    end(&w);
}

static void startup_holds_readiness_back(void **state)
{
    struct world w;

    (void)state;
    begin(&w, ", \"startupProbe\": {\"tcpSocket\": {\"port\": %u}, \"periodSeconds\": 1, "
              "\"failureThreshold\": 30}, \"readinessProbe\": {\"tcpSocket\": {\"port\": %u}, "
              "\"periodSeconds\": 1}");
    pod_probes_start(&w.probes, false);
    LOOP_UNTIL(w.loop, w.failures[POD_PROBE_STARTUP] >= 1);
    assert_false(w.started);
    assert_false(w.ready);
    assert_int_equal(w.failures[POD_PROBE_READINESS], 0);
    assert_int_equal(listen(w.fd, 8), 0);
    LOOP_UNTIL(w.loop, w.started);
    LOOP_UNTIL(w.loop, w.ready);
    assert_false(loop_timer_is_armed(&w.probes.one[POD_PROBE_STARTUP].timer));
    end(&w);
}

static void readiness_goes_after_its_threshold(void **state)
{
    struct world w;

    (void)state;
    begin(&w, ", \"readinessProbe\": {\"tcpSocket\": {\"port\": %u}, \"periodSeconds\": 1, "
              "\"failureThreshold\": 2, \"successThreshold\": 2}");
    pod_probes_start(&w.probes, false);
    assert_true(w.started);
    assert_int_equal(listen(w.fd, 64), 0);
    LOOP_UNTIL(w.loop, w.probes.one[POD_PROBE_READINESS].successes == 1);
    assert_false(w.ready);
    LOOP_UNTIL(w.loop, w.ready);
    shutdown(w.fd, SHUT_RDWR); /* nobody listens any more */
    LOOP_UNTIL(w.loop, w.failures[POD_PROBE_READINESS] == 1);
    assert_true(w.ready);
    LOOP_UNTIL(w.loop, !w.ready);
    assert_int_equal(w.given_up[POD_PROBE_READINESS], 1);
    end(&w);
}

static void liveness_gives_up_and_stops(void **state)
{
    struct world w;

    (void)state;
    begin(&w, ", \"livenessProbe\": {\"exec\": {\"command\": [\"echo sick; exit 1\"]}, "
              "\"periodSeconds\": 1, \"failureThreshold\": 2}");
    pod_probes_start(&w.probes, true);
    assert_true(w.ready); /* liveness says nothing of it */
    LOOP_UNTIL(w.loop, w.given_up[POD_PROBE_LIVENESS] == 1);
    assert_int_equal(w.failures[POD_PROBE_LIVENESS], 2);
    assert_string_equal(w.text, "sick\n");
    assert_false(loop_timer_is_armed(&w.probes.one[POD_PROBE_LIVENESS].timer));
    end(&w);
}

static void an_unknown_port_fails(void **state)
{
    struct world w;

    (void)state;
    begin(&w, ", \"readinessProbe\": {\"tcpSocket\": {\"port\": \"no-such-name\"}, "
              "\"periodSeconds\": 1, \"failureThreshold\": 1}");
    pod_probes_start(&w.probes, false);
    LOOP_UNTIL(w.loop, w.failures[POD_PROBE_READINESS] >= 1);
    assert_false(w.ready);
    end(&w);
}

/* --- actions --- */

static void on_done(bool fine, const char *text, void *ctx)
{
    struct world *w = ctx;

    w->ends++;
    w->fine = fine;
    snprintf(w->text, sizeof w->text, "%s", text);
}

static int act(struct world *w, const char *text)
{
    SCOPED(json_drop) json_t *spec = NULL;
    struct pod_action *action;
    int ends = w->ends;
    int rc;

    assert_int_equal(json_parse(slice_str(text), NULL, &spec, NULL), 0);
    rc = pod_action_start(&w->target, spec, 5000, true, on_done, w, &action);
    if (rc < 0)
        return rc;
    LOOP_UNTIL(w->loop, w->ends > ends);
    return w->fine;
}

static void actions_are_told_by_their_kind(void **state)
{
    struct world w;

    (void)state;
    begin(&w, ", \"ports\": [{\"name\": \"web\", \"containerPort\": %u}]");
    assert_int_equal(listen(w.fd, 8), 0);
    assert_int_equal(act(&w, "{\"tcpSocket\": {\"port\": \"web\"}}"), true);
    assert_int_equal(act(&w, "{\"exec\": {\"command\": [\"true\"]}}"), true);
    assert_int_equal(act(&w, "{\"exec\": {\"command\": [\"exit 7\"]}}"), false);
    assert_string_equal(w.text, "command exited with 7");
    assert_int_equal(act(&w, "{\"sleep\": {\"seconds\": 0}}"), true);
    assert_int_equal(act(&w, "{\"httpGet\": {\"port\": \"none\"}}"), ERR_INVALID);
    assert_int_equal(act(&w, "{\"tcpSocket\": {\"port\": 0}}"), ERR_INVALID);
    assert_int_equal(act(&w, "{\"smoke\": {}}"), ERR_UNSUPPORTED);
    end(&w);
}

static void a_cancelled_action_tells_nothing(void **state)
{
    SCOPED(json_drop) json_t *spec = NULL;
    struct pod_action *action;
    struct world w;

    (void)state;
    begin(&w, "");
    assert_int_equal(
        json_parse(SLICE("{\"exec\": {\"command\": [\"sleep 60\"]}}"), NULL, &spec, NULL), 0);
    assert_int_equal(pod_action_start(&w.target, spec, 0, true, on_done, &w, &action), 0);
    pod_action_cancel(action);
    for (int i = 0; i < 3; i++)
        loop_run_once(w.loop, 1);
    assert_int_equal(w.ends, 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_probes_it_is_ready_at_once),
        cmocka_unit_test(startup_holds_readiness_back),
        cmocka_unit_test(readiness_goes_after_its_threshold),
        cmocka_unit_test(liveness_gives_up_and_stops),
        cmocka_unit_test(an_unknown_port_fails),
        cmocka_unit_test(actions_are_told_by_their_kind),
        cmocka_unit_test(a_cancelled_action_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
