/* SPDX-License-Identifier: Apache-2.0 */
/* Heads by themselves: credentials, and what a relay passes on. */
#include "test.h"

#include "http/head.h"
#include "http/relay.h"

static void bearer(void **state)
{
    static const struct {
        const char *value, *token;
    } cases[] = {
        {"Bearer abc", "abc"},
        {"bearer  a.b-c ", "a.b-c"},
        {"Basic YTpi", ""},
        {"Bearer", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_headers headers = {0};
        struct arena arena;

        arena_init(&arena, 0);
        http_headers_add(&headers, &arena, SLICE("authorization"), slice_str(cases[i].value));
        assert_true(slice_eq_str(http_headers_bearer(&headers), cases[i].token));
        arena_deinit(&arena);
    }
    assert_int_equal(http_headers_bearer(&(struct http_headers){0}).len, 0);
}

static void relayed(void **state)
{
    struct http_head asked = {.method = SLICE("GET"),
                              .scheme = SLICE("https"),
                              .authority = SLICE("front"),
                              .path = SLICE("/a?b"),
                              .protocol = SLICE("websocket"),
                              .content_length = 3};
    struct http_head head;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    http_headers_add(&asked.headers, &arena, SLICE("authorization"), SLICE("Bearer secret"));
    http_headers_add(&asked.headers, &arena, SLICE("upgrade"), SLICE("websocket"));
    head = http_relay_head(&asked, "back", SLICE("/c"), &arena);
    assert_true(slice_eq_str(head.method, "GET"));
    assert_true(slice_eq_str(head.scheme, "http"));
    assert_true(slice_eq_str(head.authority, "back"));
    assert_true(slice_eq_str(head.path, "/c"));
    assert_true(slice_eq_str(head.protocol, "websocket"));
    assert_int_equal(head.headers.count, 1);
    assert_true(slice_eq_str(http_headers_value(&head.headers, SLICE("upgrade")), "websocket"));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bearer), cmocka_unit_test(relayed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
