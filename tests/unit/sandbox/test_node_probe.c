/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of a container whose port is a socket of the test's: startup holds readiness back,
 * thresholds count, readiness comes and goes, a container without probes is ready at once.
 */
#include "test.h"

#include "base/clock.h"
#include "sandbox/node_int.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

static struct instance instance = {.pods_path = "/nowhere"};

struct world {
    struct node node;
    struct node_pod *pod;
    struct node_container *c;
    int fd;
    unsigned port;
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

/* A running container "a" with the given probes; %u in them is the port. */
static void begin(struct world *w, const char *probes)
{
    SCOPED(json_drop) json_t *object = NULL;
    char filled[1024], text[2048];

    *w = (struct world){.node = {.instance = &instance}};
    port_open(w);
    assert_int_equal(loop_new(&w->node.loop), 0);
    snprintf(filled, sizeof filled, probes, w->port, w->port);
    snprintf(text, sizeof text,
             "{\"metadata\": {\"name\": \"p\", \"namespace\": \"n\", \"uid\": \"u\"}, \"spec\": "
             "{\"containers\": [{\"name\": \"a\"%s}]}}",
             filled);
    assert_int_equal(json_parse(slice_str(text), NULL, &object, NULL), 0);
    w->pod = node_pod_new(&w->node, object);
    snprintf(w->pod->ip, sizeof w->pod->ip, "127.0.0.1");
    w->pod->ready = w->pod->volumes_known = w->pod->finished = true; /* nothing to decide */
    w->c = &w->pod->containers[0];
    w->c->life->state = CONTAINER_RUNNING;
    node_probes_start(w->c);
}

static void end(struct world *w)
{
    node_probes_stop(w->c);
    for (int i = 0; i < 3; i++)
        loop_run_once(w->node.loop, 1);
    node_pod_free(w->pod);
    loop_free(w->node.loop);
    close(w->fd);
}

/* Turns the loop until the condition holds. */
#define UNTIL(w, condition)                                                                        \
    do {                                                                                           \
        uint64_t until_ = clock_monotonic_ms() + WAIT_MS;                                          \
        while (!(condition)) {                                                                     \
            if (clock_monotonic_ms() > until_)                                                     \
                fail_msg("never came true: %s", #condition);                                       \
            loop_run_once((w)->node.loop, 20);                                                     \
        }                                                                                          \
    } while (0)

static void without_probes_it_is_ready_at_once(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "");
    assert_true(w.c->life->started);
    assert_true(w.c->life->ready);
    end(&w);
}

static void startup_holds_readiness_back(void **state)
{
    struct world w;

    (void)state;
    begin(&w, ", \"startupProbe\": {\"tcpSocket\": {\"port\": %u}, \"periodSeconds\": 1, "
              "\"failureThreshold\": 30}, \"readinessProbe\": {\"tcpSocket\": {\"port\": %u}, "
              "\"periodSeconds\": 1}");
    UNTIL(&w, w.c->probes[PROBE_STARTUP].failures >= 1);
    assert_false(w.c->life->started);
    assert_false(w.c->life->ready);
    assert_int_equal(w.c->probes[PROBE_READINESS].failures, 0);
    assert_int_equal(listen(w.fd, 8), 0);
    UNTIL(&w, w.c->life->started);
    UNTIL(&w, w.c->life->ready);
    end(&w);
}

static void readiness_goes_after_its_threshold(void **state)
{
    struct world w;

    (void)state;
    begin(&w, ", \"readinessProbe\": {\"tcpSocket\": {\"port\": %u}, \"periodSeconds\": 1, "
              "\"failureThreshold\": 2, \"successThreshold\": 2}");
    assert_true(w.c->life->started);
    assert_int_equal(listen(w.fd, 64), 0);
    UNTIL(&w, w.c->probes[PROBE_READINESS].successes == 1);
    assert_false(w.c->life->ready);
    UNTIL(&w, w.c->life->ready);
    shutdown(w.fd, SHUT_RDWR); /* nobody listens any more */
    UNTIL(&w, w.c->probes[PROBE_READINESS].failures == 1);
    assert_true(w.c->life->ready);
    UNTIL(&w, !w.c->life->ready);
    assert_int_equal(w.c->stop_stage, STOP_NONE); /* readiness ends nothing */
    end(&w);
}

static void an_unknown_port_fails(void **state)
{
    struct world w;

    (void)state;
    begin(&w, ", \"readinessProbe\": {\"tcpSocket\": {\"port\": \"no-such-name\"}, "
              "\"periodSeconds\": 1, \"failureThreshold\": 1}");
    UNTIL(&w, w.c->probes[PROBE_READINESS].failures >= 1);
    assert_false(w.c->life->ready);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_probes_it_is_ready_at_once),
        cmocka_unit_test(startup_holds_readiness_back),
        cmocka_unit_test(readiness_goes_after_its_threshold),
        cmocka_unit_test(an_unknown_port_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
