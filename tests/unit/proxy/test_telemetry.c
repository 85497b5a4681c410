/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's metrics: labels of both ends, sums over workers, the bound on series.
 */
#include "test.h"

#include "proxy/flags.h"
#include "proxy/telemetry.h"

#include <stdio.h>

static const struct telemetry_node node = {.workload = "web",
                                           .namespace = "shop",
                                           .app = "web",
                                           .version = "v1",
                                           .canonical_service = "web",
                                           .canonical_revision = "v1",
                                           .cluster = "k"};
static const struct cluster_conf cluster = {.name = {"outbound|80||items", 18},
                                            .service_host = {"items.shop.svc", 14},
                                            .service_name = {"items", 5},
                                            .service_namespace = {"shop", 4}};

static const char *print(struct arena *arena, const struct telemetry *const *workers, size_t count)
{
    const char *text;
    struct buf out;

    buf_init(&out, 16 << 20);
    telemetry_print(workers, count, &out);
    text = arena_slice_str(arena, buf_slice(&out));
    buf_deinit(&out);
    return text;
}

static void must_have(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("%s\nis not in\n%s", part, text);
}

/* Both workers saw the same kind of request: one series, its sum. */
static void requests(void **state)
{
    struct http_head request = {.method = SLICE("GET"), .authority = SLICE("items")};
    struct info info = {.request = &request,
                        .status = 503,
                        .flags = FLAG_FAULT_INJECTED,
                        .begin_ms = 100,
                        .end_ms = 107,
                        .bytes_received = 10,
                        .bytes_sent = 20};
    struct telemetry workers[2];
    const struct telemetry *all[] = {&workers[0], &workers[1]};
    struct arena arena;
    const char *text;

    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < 2; i++) {
        telemetry_init(&workers[i], &node);
        telemetry_request(&workers[i], false, &cluster, SLICE("items-v1;shop;items;v1;k2"), &info);
    }
    text = print(&arena, all, 2);
    must_have(text, "istio_requests_total{reporter=\"source\",source_workload=\"web\"");
    must_have(text, "destination_workload=\"items-v1\",destination_workload_namespace=\"shop\"");
    must_have(text, "destination_service=\"items.shop.svc\"");
    must_have(text, "destination_cluster=\"k2\"");
    must_have(text, "response_code=\"503\"");
    must_have(text, "response_flags=\"FI\"");
    must_have(text, "} 2\n");
    must_have(text, "istio_request_duration_milliseconds_sum{");
    must_have(text, "} 14\n");
    must_have(text, "istio_request_bytes_sum{");
    for (size_t i = 0; i < 2; i++)
        telemetry_deinit(&workers[i]);
    arena_deinit(&arena);
}

/* At the destination the caller is unknown, and the called one is this proxy. */
static void inbound(void **state)
{
    struct http_header header = {SLICE("content-type"), SLICE("application/grpc")};
    struct http_head request = {.authority = SLICE("web:80\"x"),
                                .headers = {.items = &header, .count = 1}};
    struct info info = {.request = &request, .status = 200};
    struct telemetry worker;
    const struct telemetry *all[] = {&worker};
    struct arena arena;
    const char *text;

    (void)state;
    arena_init(&arena, 0);
    telemetry_init(&worker, &node);
    telemetry_request(&worker, true, NULL, SLICE(""), &info);
    text = print(&arena, all, 1);
    must_have(text, "reporter=\"destination\",source_workload=\"unknown\"");
    must_have(text, "destination_workload=\"web\"");
    must_have(text, "destination_service=\"web:80\\\"x\""); /* escaped: a client chose it */
    must_have(text, "request_protocol=\"grpc\"");
    telemetry_deinit(&worker);
    arena_deinit(&arena);
}

static void connections(void **state)
{
    struct info info = {.bytes_received = 3, .bytes_sent = 5};
    struct telemetry worker;
    const struct telemetry *all[] = {&worker};
    struct arena arena;
    const char *text;

    (void)state;
    arena_init(&arena, 0);
    telemetry_init(&worker, &node);
    telemetry_connection(&worker, false, &cluster, SLICE(""), &info);
    text = print(&arena, all, 1);
    must_have(text, "istio_tcp_sent_bytes_total{");
    must_have(text, "istio_tcp_received_bytes_total{");
    must_have(text, "istio_tcp_connections_opened_total{");
    must_have(text, "istio_tcp_connections_closed_total{");
    must_have(text, "request_protocol=\"tcp\"");
    telemetry_deinit(&worker);
    arena_deinit(&arena);
}

/* Callers who make up host names cannot make the proxy keep a series for each. */
static void bounded(void **state)
{
    struct telemetry worker;
    const struct telemetry *all[] = {&worker};
    struct arena arena;
    struct slice rest;
    struct slice line;
    const char *text;
    size_t count = 0;

    (void)state;
    arena_init(&arena, 0);
    telemetry_init(&worker, &node);
    for (int i = 0; i < TELEMETRY_SERIES_MAX + 100; i++) {
        char host[32];
        struct http_head request = {.authority = {host, 0}};
        struct info info = {.request = &request, .status = 200};

        request.authority.len = (size_t)snprintf(host, sizeof host, "h%d", i);
        telemetry_request(&worker, true, NULL, SLICE(""), &info);
    }
    text = print(&arena, all, 1);
    rest = slice_str(text);
    while (slice_split_next(&rest, '\n', &line))
        count += slice_starts_with(line, SLICE("istio_requests_total{"));
    assert_int_equal(count, TELEMETRY_SERIES_MAX + 1);
    must_have(text, "reporter=\"other\"");
    telemetry_deinit(&worker);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests), cmocka_unit_test(inbound),
                                       cmocka_unit_test(connections), cmocka_unit_test(bounded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
