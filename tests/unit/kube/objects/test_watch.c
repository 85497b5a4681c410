/* SPDX-License-Identifier: Apache-2.0 */
/* What a watch says of a change, and its lines. */
#include "test.h"

#include "kube/objects/watch.h"

static json_t *labelled(const char *app)
{
    return json_pack("{s:{s:s, s:{s:s}}}", "metadata", "name", "x", "labels", "app", app);
}

static void changes_through_a_filter(void **state)
{
    static const struct {
        const char *old, *now; /* the label app, NULL: not there */
        const char *expected;
    } cases[] = {
        {NULL, "web", "ADDED"},   {NULL, "db", NULL}, {"web", "web", "MODIFIED"},
        {"db", "web", "ADDED"},   {"db", "db", NULL}, {"web", "db", "DELETED"},
        {"web", NULL, "DELETED"}, {"db", NULL, NULL},
    };
    static const char *const known[] = {NULL};
    struct kube_filter filter;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(kube_filter_parse(SLICE("app=web"), SLICE(""), known, &arena, &filter, NULL),
                     0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *old = cases[i].old ? labelled(cases[i].old) : NULL;
        json_t *now = cases[i].now ? labelled(cases[i].now) : NULL;
        const char *got = kube_watch_type(&filter, old, now);

        if (cases[i].expected == NULL)
            assert_null(got);
        else
            assert_string_equal(got, cases[i].expected);
        json_decref(old);
        json_decref(now);
    }
    arena_deinit(&arena);
}

static void lines(void **state)
{
    SCOPED(buf_deinit) struct buf out;
    json_t *object = json_pack("{s:i}", "a", 1);

    (void)state;
    buf_init(&out, 4096);
    kube_watch_line("ADDED", SLICE("{\"a\":1}"), &out);
    kube_watch_line_tree("DELETED", object, &out);
    kube_watch_bookmark("apps/v1", "Deployment", 7, false, &out);
    kube_watch_bookmark("v1", "Pod", 8, true, &out);
    buf_append_char(&out, '\0');
    assert_string_equal(
        out.data,
        "{\"type\":\"ADDED\",\"object\":{\"a\":1}}\n"
        "{\"type\":\"DELETED\",\"object\":{\"a\":1}}\n"
        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Deployment\",\"apiVersion\":"
        "\"apps/v1\",\"metadata\":{\"resourceVersion\":\"7\",\"creationTimestamp\":null}}}\n"
        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\","
        "\"metadata\":{\"resourceVersion\":\"8\",\"creationTimestamp\":null,"
        "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n");
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_through_a_filter),
        cmocka_unit_test(lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
