/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's ports: readiness, metrics, the application's probes, the end of the process.
 */
#include "rig.h"

#include "proxy/health.h"

#include <stdlib.h>

struct fixture {
    struct rig rig; /* for an application to be probed, and for clients */
    struct server *server;
    struct identity identity;
    struct health *health;
    struct health_ports ports;
    unsigned status;
    bool done;
};

static void on_done(const struct http_fetch_result *result, void *ctx)
{
    struct fixture *f = ctx;

    f->done = true;
    assert_int_equal(result->code, 0);
    f->status = result->head->status;
}

static unsigned ask(struct fixture *f, unsigned port, const char *method, const char *path)
{
    struct http_fetch_request request = {.method = method, .path = path};
    struct http_pool_options options = {.codec = HTTP_CODEC_HTTP1};
    struct http_fetch *fetch;
    struct http_pool *pool;

    f->done = false;
    assert_int_equal(addr_parse_ip(SLICE("127.0.0.1"), port, &options.addr), 0);
    assert_int_equal(http_pool_new(f->server->loop, &options, &pool), 0);
    assert_int_equal(http_fetch_start(pool, &request, on_done, f, &fetch), 0);
    for (uint64_t until_ms = clock_monotonic_ms() + RIG_WAIT_MS; !f->done;) {
        assert_true(clock_monotonic_ms() < until_ms);
        rig_turn(&f->rig);
        loop_run_once(f->server->loop, 5);
    }
    http_pool_free(pool);
    return f->status;
}

static int start(void **state)
{
    static const char *environment[] = {"POD_NAME=a", "POD_NAMESPACE=b", "INSTANCE_IP=127.0.0.1",
                                        NULL, NULL};
    struct server_options options = {.concurrency = 1};
    static struct fixture f;
    struct error err = {0};

    memset(&f, 0, sizeof f);
    rig_init(&f.rig);
    rig_upstream(&f.rig, "");
    environment[3] = arena_printf(
        &f.rig.arena,
        "ISTIO_KUBE_APP_PROBERS={\"/app-health/a/readyz\": {\"httpGet\": {\"path\": \"/ready\", "
        "\"port\": %u, \"httpHeaders\": [{\"name\": \"X-Status\", \"value\": \"418\"}, {\"name\": "
        "\"Host\", \"value\": \"app\"}]}}, \"/app-health/a/livez\": {\"tcpSocket\": {\"port\": "
        "%u}}, \"/app-health/a/dead\": {\"tcpSocket\": {\"port\": %u}}, \"/app-health/a/slow\": "
        "{\"httpGet\": {\"port\": %u, \"httpHeaders\": [{\"name\": \"x-hold\", \"value\": "
        "\"1\"}]}, \"timeoutSeconds\": 1}, \"/app-health/a/exec\": {\"exec\": {}}}",
        f.rig.upstreams[0].port, f.rig.upstreams[0].port, rig_free_port(), f.rig.upstreams[0].port);
    assert_int_equal(server_new(&options, &f.server, &err), 0);
    if (identity_init(&f.identity, false, (char *const *)(uintptr_t)environment, "/nonexistent",
                      NULL, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
    f.ports = (struct health_ports){rig_free_port(), rig_free_port(), rig_free_port()};
    if (health_open(f.server, &f.identity, &f.ports, &f.health, &err) < 0)
        fail_msg("%s", err.reason);
    f.server->state = SERVER_LIVE;
    *state = &f;
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;

    health_free(f->health);
    server_free(f->server);
    identity_deinit(&f->identity);
    rig_deinit(&f->rig);
    return 0;
}

static void readiness(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, f->ports.ready, "GET", "/healthz/ready"), 200);
    assert_int_equal(ask(f, f->ports.agent, "GET", "/healthz/ready"), 200);
    f->server->state = SERVER_INITIALIZING;
    assert_int_equal(ask(f, f->ports.ready, "GET", "/healthz/ready"), 503);
    f->server->state = SERVER_LIVE;
    f->server->healthcheck_failed = true;
    assert_int_equal(ask(f, f->ports.ready, "GET", "/healthz/ready"), 503);
}

/* Each port serves its own pages and no other's. */
static void pages(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, f->ports.metrics, "GET", "/stats/prometheus"), 200);
    assert_int_equal(ask(f, f->ports.agent, "GET", "/stats/prometheus"), 200);
    assert_int_equal(ask(f, f->ports.ready, "GET", "/stats/prometheus"), 404);
    assert_int_equal(ask(f, f->ports.metrics, "GET", "/healthz/ready"), 404);
    assert_int_equal(ask(f, f->ports.ready, "GET", "/app-health/a/livez"), 404);
    assert_int_equal(ask(f, f->ports.ready, "POST", "/quitquitquit"), 404);
    assert_int_equal(ask(f, f->ports.agent, "GET", "/quitquitquit"), 404);
}

static void probes(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, f->ports.agent, "GET", "/app-health/a/readyz"), 418);
    assert_slice(f->rig.upstreams[0].head->authority, "app");
    assert_slice(f->rig.upstreams[0].head->path, "/ready");
    assert_int_equal(ask(f, f->ports.agent, "GET", "/app-health/a/livez"), 200);
    assert_int_equal(ask(f, f->ports.agent, "GET", "/app-health/a/dead"), 500);
    assert_int_equal(ask(f, f->ports.agent, "GET", "/app-health/a/slow"), 500);
    assert_int_equal(ask(f, f->ports.agent, "GET", "/app-health/a/exec"), 501);
    assert_int_equal(ask(f, f->ports.agent, "GET", "/app-health/b/readyz"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readiness, start, stop),
        cmocka_unit_test_setup_teardown(pages, start, stop),
        cmocka_unit_test_setup_teardown(probes, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
