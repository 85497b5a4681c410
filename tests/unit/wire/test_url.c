/* SPDX-License-Identifier: Apache-2.0 */
/* URLs: parts, refusals, percent coding, query parameters. */
#include "test.h"

#include "wire/url.h"

static void parts_are_found(void **state)
{
    struct url url;

    (void)state;
    assert_int_equal(url_parse(SLICE("https://[::1]:6443/a/b?c=d#e"), &url), 0);
    assert_slice(url.scheme, "https");
    assert_slice(url.authority, "[::1]:6443");
    assert_slice(url.host, "::1");
    assert_int_equal(url.port, 6443);
    assert_slice(url.path, "/a/b");
    assert_slice(url.query, "c=d");
    assert_int_equal(url_parse(SLICE("http://a"), &url), 0);
    assert_int_equal(url.port, 80);
    assert_slice(url.path, "");
    assert_null(url.query.data);
}

static void others_are_refused(void **state)
{
    static const char *const bad[] = {"",           "a",          "://a",      "http://",
                                      "http://u@a", "http://a:b", "http://[a", "http://a:70000"};
    struct url url;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(url_parse(slice_str(bad[i]), &url), ERR_INVALID);
}

static void text_is_coded_both_ways(void **state)
{
    struct arena arena;
    struct slice decoded;
    struct buf out;

    (void)state;
    arena_init(&arena, 0);
    buf_init(&out, 0);
    assert_int_equal(url_encode(&out, SLICE("a b/\xc3\xa9~")), 0);
    assert_slice(buf_slice(&out), "a%20b%2F%C3%A9~");
    assert_int_equal(url_decode(&arena, buf_slice(&out), &decoded), 0);
    assert_slice(decoded, "a b/\xc3\xa9~");
    assert_int_equal(url_decode(&arena, SLICE("%4"), &decoded), ERR_INVALID);
    assert_int_equal(url_decode(&arena, SLICE("%zz"), &decoded), ERR_INVALID);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void query_parameters_are_found(void **state)
{
    struct arena arena;
    struct slice query = SLICE("watch=true&&labelSelector=app%3Da%2Cb+c&flag&x=%4");

    (void)state;
    arena_init(&arena, 0);
    assert_slice(url_query_value(&arena, query, "watch"), "true");
    assert_slice(url_query_value(&arena, query, "labelSelector"), "app=a,b c");
    assert_slice(url_query_value(&arena, query, "x"), "%4");
    assert_non_null(url_query_value(&arena, query, "flag").data);
    assert_null(url_query_value(&arena, query, "none").data);
    assert_null(url_query_value(&arena, (struct slice){0}, "none").data);
    assert_true(url_query_is_true(&arena, query, "watch"));
    assert_true(url_query_is_true(&arena, SLICE("a=0&b=T"), "b"));
    assert_false(url_query_is_true(&arena, SLICE("a=0&b=yes"), "b"));
    assert_false(url_query_is_true(&arena, query, "flag"));
    assert_false(url_query_is_true(&arena, query, "none"));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(text_is_coded_both_ways),
        cmocka_unit_test(query_parameters_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
