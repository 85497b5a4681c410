/* SPDX-License-Identifier: Apache-2.0 */
/* The admin interface as tools ask it: pages, methods, parameters.
 */
#include "test.h"

#include "base/clock.h"
#include "http/client.h"
#include "proxy/server.h"
#include "wire/yaml.h"

#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

static const char bootstrap[] =
    "static_resources: {listeners: [{name: web, address: {socket_address: {address: 127.0.0.1, "
    "port_value: 1}}, filter_chains: [{filters: [{name: hcm, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
    "HttpConnectionManager, stat_prefix: web, route_config: {name: local, virtual_hosts: [{name: "
    "v, "
    "domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: one}}]}]}, http_filters: "
    "[{name: "
    "router, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]}]}], clusters: "
    "[{name: "
    "one, type: STATIC, load_assignment: {cluster_name: one, endpoints: [{lb_endpoints: "
    "[{endpoint: "
    "{address: {socket_address: {address: 10.0.0.7, port_value: 80}}}}]}]}}]}";

struct fixture {
    struct server *server;
    struct http_pool *pool;
    struct arena arena;
    unsigned status;
    const char *body;
    bool done;
};

static void on_done(const struct http_fetch_result *result, void *ctx)
{
    struct fixture *f = ctx;

    assert_int_equal(result->code, 0);
    f->status = result->head->status;
    f->body = arena_slice_str(&f->arena, result->body);
    f->done = true;
}

static const char *ask(struct fixture *f, const char *method, const char *path)
{
    struct http_fetch_request request = {.method = method, .path = path};
    struct http_fetch *fetch;
    uint64_t until_ms = clock_monotonic_ms() + WAIT_MS;

    f->done = false;
    assert_int_equal(http_fetch_start(f->pool, &request, on_done, f, &fetch), 0);
    while (!f->done) {
        assert_true(clock_monotonic_ms() < until_ms);
        loop_run_once(f->server->loop, 10);
    }
    return f->body;
}

static int start(void **state)
{
    struct server_options options = {.concurrency = 1};
    struct http_pool_options pool = {.codec = HTTP_CODEC_HTTP1};
    static struct fixture f;
    struct error err = {0};
    json_t *json = NULL;
    int probe = socket(AF_INET, SOCK_STREAM, 0);

    memset(&f, 0, sizeof f);
    arena_init(&f.arena, 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &pool.addr), 0);
    assert_int_equal(bind(probe, &pool.addr.sa.generic, pool.addr.len), 0);
    assert_int_equal(addr_of_socket(probe, &pool.addr), 0);
    close(probe);
    assert_int_equal(server_new(&options, &f.server, &err), 0);
    assert_int_equal(yaml_parse_one(slice_str(bootstrap), NULL, &json, &err), 0);
    if (server_apply_bootstrap(f.server, json, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
    json_decref(json);
    if (server_open_admin(f.server, &pool.addr, &err) < 0)
        fail_msg("%s", err.reason);
    assert_int_equal(http_pool_new(f.server->loop, &pool, &f.pool), 0);
    f.server->state = SERVER_LIVE;
    *state = &f;
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;

    http_pool_free(f->pool);
    server_free(f->server);
    arena_deinit(&f->arena);
    return 0;
}

static void ready(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(ask(f, "GET", "/ready"), "LIVE\n");
    assert_int_equal(f->status, 200);
    assert_string_equal(ask(f, "POST", "/healthcheck/fail"), "OK\n");
    assert_string_equal(ask(f, "GET", "/ready"), "DRAINING\n");
    assert_int_equal(f->status, 503);
    ask(f, "POST", "/healthcheck/ok");
    f->server->state = SERVER_INITIALIZING;
    assert_string_equal(ask(f, "GET", "/ready"), "INITIALIZING\n");
    assert_int_equal(f->status, 503);
}

/* What changes something is asked for by POST alone; an unknown page is answered with the list. */
static void methods(void **state)
{
    static const char *const changing[] = {"/drain_listeners", "/healthcheck/fail",
                                           "/healthcheck/ok",  "/logging",
                                           "/quitquitquit",    "/reopen_logs"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(changing); i++) {
        assert_string_equal(ask(f, "GET", changing[i]), "Method GET not allowed, POST required.");
        assert_int_equal(f->status, 405);
    }
    assert_non_null(strstr(ask(f, "GET", "/nothing"), "invalid path. admin commands are:\n"));
    assert_int_equal(f->status, 404);
    assert_non_null(strstr(ask(f, "GET", "/help"), "  /quitquitquit (POST): end the process\n"));
}

static const char *text_of(struct fixture *f, const char *path, const char *json_path)
{
    json_t *json = NULL;
    const char *text;

    assert_int_equal(json_parse(slice_str(ask(f, "GET", path)), NULL, &json, NULL), 0);
    text = json_path_string(json, json_path);
    text = text ? arena_strdup(&f->arena, text) : "-";
    json_decref(json);
    return text;
}

static void dumps(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(text_of(f, "/config_dump", "configs[0].@type"),
                        "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump");
    assert_string_equal(text_of(f, "/config_dump?mask=static_clusters",
                                "configs[0].static_clusters[0].cluster.name"),
                        "one");
    assert_string_equal(text_of(f, "/config_dump?resource=static_listeners",
                                "configs[0].static_listeners[0].listener.name"),
                        "web");
    assert_string_equal(text_of(f, "/listeners?format=json", "listener_statuses[0].name"), "web");
    assert_string_equal(ask(f, "GET", "/listeners"), "web::127.0.0.1:1\n");
    assert_non_null(
        strstr(ask(f, "GET", "/clusters"), "one::10.0.0.7:80::health_flags::healthy\n"));
    assert_string_equal(text_of(f, "/clusters?format=json", "cluster_statuses[0].name"), "one");
    assert_string_equal(text_of(f, "/server_info", "state"), "LIVE");
}

static void statistics(void **state)
{
    struct fixture *f = *state;
    const char *all = ask(f, "GET", "/stats");

    assert_non_null(strstr(all, "cluster.one.membership_total: "));
    assert_non_null(strstr(all, "http.web.fault.aborts_injected: 0\n"));
    assert_non_null(strstr(all, "server.live: 1\n"));
    assert_null(strstr(ask(f, "GET", "/stats?usedonly"), "http.web."));
    assert_string_equal(ask(f, "GET", "/stats?filter=server.l%69ve"), "server.live: 1\n");
    assert_non_null(strstr(ask(f, "GET", "/stats?filter=%5B"), "Invalid re2 regex: "));
    assert_int_equal(f->status, 400);
    assert_non_null(
        strstr(ask(f, "GET", "/stats?format=prometheus"),
               "# TYPE envoy_http_fault_aborts_injected counter\n"
               "envoy_http_fault_aborts_injected{http_conn_manager_prefix=\"web\"} 0\n"));
}

static void levels(void **state)
{
    struct fixture *f = *state;

    assert_non_null(strstr(ask(f, "POST", "/logging?http=debug"), "  http: debug\n"));
    assert_non_null(
        strstr(ask(f, "POST", "/logging?paths=http:info,config:debug"), "  config: debug\n"));
    assert_non_null(strstr(ask(f, "POST", "/logging?level=info"), "  config: info\n"));
    assert_non_null(strstr(ask(f, "POST", "/logging?http=loud"), "usage: /logging"));
    assert_int_equal(f->status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ready, start, stop),
        cmocka_unit_test_setup_teardown(methods, start, stop),
        cmocka_unit_test_setup_teardown(dumps, start, stop),
        cmocka_unit_test_setup_teardown(statistics, start, stop),
        cmocka_unit_test_setup_teardown(levels, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
