/* SPDX-License-Identifier: Apache-2.0 */
/* Host names, visibility and protocols as Istio reads them. */
#include "test.h"

#include "model/mesh_int.h"

static void names_in_full(void **state)
{
    static const struct {
        const char *host, *expected;
    } cases[] = {
        {"reviews", "reviews.shop.svc.cluster.local"},
        {"Reviews", "reviews.shop.svc.cluster.local"},
        {"reviews.other", "reviews.other"},
        {"*.example.com", "*.example.com"},
        {"*", "*"},
        {"10.0.0.1", "10.0.0.1"},
        {"::1", "::1"},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(mesh_host_resolve(cases[i].host, "shop", "cluster.local", out, sizeof(out)));
        assert_string_equal(out, cases[i].expected);
    }
    assert_false(mesh_host_resolve("reviews", "shop", "cluster.local", out, 20));
}

static void wildcards(void **state)
{
    static const struct {
        const char *pattern, *host;
        bool covers;
    } cases[] = {
        {"a.com", "a.com", true},    {"a.com", "b.a.com", false},  {"*.a.com", "b.a.com", true},
        {"*.a.com", "a.com", false}, {"*.a.com", "*.a.com", true}, {"*", "a.com", true},
        {"*.com", "*.a.com", true},  {"*.a.com", "*.com", false},  {"a.com", "*.com", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(mesh_host_covers(cases[i].pattern, cases[i].host), cases[i].covers);
}

static void exports(void **state)
{
    static const char *const all[] = {"*"};
    static const char *const own[] = {"."};
    static const char *const nobody[] = {"~", "a"};
    static const char *const some[] = {"a", "b"};
    static const char *const mixed[] = {"~", "*"};

    (void)state;
    assert_true(mesh_export_covers(NULL, 0, "x", "y"));
    assert_true(mesh_export_covers(all, 1, "x", "y"));
    assert_true(mesh_export_covers(own, 1, "x", "x"));
    assert_false(mesh_export_covers(own, 1, "x", "y"));
    assert_false(mesh_export_covers(nobody, 2, "a", "a"));
    assert_true(mesh_export_covers(some, 2, "x", "b"));
    assert_false(mesh_export_covers(some, 2, "x", "c"));
    assert_true(mesh_export_covers(mixed, 2, "x", "c"));
}

static void protocols(void **state)
{
    static const struct {
        const char *app, *name;
        uint32_t port;
        enum mesh_protocol protocol;
    } cases[] = {
        {NULL, "http", 80, MESH_PROTOCOL_HTTP},
        {NULL, "HTTP-web", 80, MESH_PROTOCOL_HTTP},
        {NULL, "http2-web", 80, MESH_PROTOCOL_HTTP2},
        {NULL, "grpc", 80, MESH_PROTOCOL_GRPC},
        {NULL, "grpc-web-x", 80, MESH_PROTOCOL_GRPC_WEB},
        {NULL, "https", 443, MESH_PROTOCOL_HTTPS},
        {NULL, "mysql", 3306, MESH_PROTOCOL_MYSQL},
        {NULL, "web", 80, MESH_PROTOCOL_AUTO},
        {NULL, "", 80, MESH_PROTOCOL_AUTO},
        {NULL, "", 3306, MESH_PROTOCOL_TCP},
        {"http", "tcp", 80, MESH_PROTOCOL_HTTP},
        {"kubernetes.io/h2c", "tcp", 80, MESH_PROTOCOL_HTTP2},
        {"kubernetes.io/ws", "", 80, MESH_PROTOCOL_HTTP},
        {"unknown", "http", 80, MESH_PROTOCOL_AUTO},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(mesh_protocol_parse(cases[i].app, cases[i].name, cases[i].port, false),
                         cases[i].protocol);
    assert_int_equal(mesh_protocol_parse(NULL, "http", 80, true), MESH_PROTOCOL_UDP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_in_full),
        cmocka_unit_test(wildcards),
        cmocka_unit_test(exports),
        cmocka_unit_test(protocols),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
