/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors against one set of labels and one object. */
#include "test.h"

#include "kube/objects/selector.h"

static const struct selector_case {
    const char *selector;
    int expected; /* 1 matches, 0 does not, -1 is refused */
} label_cases[] = {
    {"", 1},
    {"app=web", 1},
    {"app==web", 1},
    {"app=db", 0},
    {"app!=db", 1},
    {"none!=db", 1},
    {"app in (db, web)", 1},
    {"app notin (db,web)", 0},
    {"none notin (x)", 1},
    {"none in (x)", 0},
    {"app", 1},
    {"!app", 0},
    {"!none", 1},
    {"app=web,tier=front", 1},
    {"app=web, tier = back", 0},
    {"empty=", 1},
    {"example.com/part=a_b-c", 1},
    {"=x", -1},
    {"app in web", -1},
    {"app in (web", -1},
    {"app likes web", -1},
    {"app=web)", -1},
};

static const struct selector_case field_cases[] = {
    {"metadata.name=x", 1}, {"metadata.name==x", 1}, {"metadata.name!=x", 0},
    {"spec.on=true", 1},    {"spec.none=", 1},       {"metadata.name=x,spec.on=false", 0},
    {"metadata.name", -1},
};

static void labels(void **state)
{
    json_t *set = json_pack("{s:s, s:s, s:s, s:s}", "app", "web", "tier", "front", "empty", "",
                            "example.com/part", "a_b-c");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(label_cases); i++) {
        struct arena arena;
        struct kube_selector selector;
        int got = -1;

        arena_init(&arena, 0);
        if (kube_selector_parse(slice_str(label_cases[i].selector), &arena, &selector, NULL) == 0)
            got = kube_selector_match(&selector, set);
        if (got != label_cases[i].expected)
            fail_msg("\"%s\": got %d", label_cases[i].selector, got);
        arena_deinit(&arena);
    }
    json_decref(set);
}

static void fields(void **state)
{
    json_t *object = json_pack("{s:{s:s}, s:{s:b}}", "metadata", "name", "x", "spec", "on", 1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(field_cases); i++) {
        struct arena arena;
        struct kube_selector selector;
        int got = -1;

        arena_init(&arena, 0);
        if (kube_selector_parse_fields(slice_str(field_cases[i].selector), &arena, &selector,
                                       NULL) == 0)
            got = kube_selector_match_fields(&selector, object);
        if (got != field_cases[i].expected)
            fail_msg("\"%s\": got %d", field_cases[i].selector, got);
        arena_deinit(&arena);
    }
    json_decref(object);
}

static void objects(void **state)
{
    json_t *set = json_pack("{s:s}", "app", "web");
    json_t *selector =
        json_pack("{s:{s:s}, s:[{s:s, s:s, s:[s]}]}", "matchLabels", "app", "web",
                  "matchExpressions", "key", "tier", "operator", "NotIn", "values", "back");
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    assert_true(kube_selector_match_object(selector, set));
    assert_true(kube_selector_match_object(NULL, set));
    assert_string_equal(kube_selector_format(selector, &arena), "app=web,tier notin (back)");
    json_object_set_new(set, "tier", json_string("back"));
    assert_false(kube_selector_match_object(selector, set));
    arena_deinit(&arena);
    json_decref(selector);
    json_decref(set);
}

static void filters(void **state)
{
    static const char *const known[] = {"spec.nodeName", NULL};
    static const char *const none[] = {NULL};
    json_t *object = json_pack("{s:{s:s, s:{s:s}}, s:{s:s}}", "metadata", "name", "x", "labels",
                               "app", "web", "spec", "nodeName", "n1");
    struct error err = {0};
    struct arena arena;
    struct kube_filter filter;

    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(kube_filter_parse(SLICE(""), SLICE(""), none, &arena, &filter, &err), 0);
    assert_true(kube_filter_is_empty(&filter));
    assert_true(kube_filter_match(&filter, object));
    filter.ns = "a";
    assert_false(kube_filter_match(&filter, object));
    filter.ns = "";
    assert_true(kube_filter_match(&filter, object));
    kube_filter_add_name(&filter, "y", &arena);
    assert_false(kube_filter_is_empty(&filter));
    assert_false(kube_filter_match(&filter, object));

    assert_int_equal(kube_filter_parse(SLICE("app=web"), SLICE("spec.nodeName=n1"), known, &arena,
                                       &filter, &err),
                     0);
    assert_true(kube_filter_match(&filter, object));
    kube_filter_add_name(&filter, "x", &arena);
    assert_true(kube_filter_match(&filter, object));
    assert_int_equal(
        kube_filter_parse(SLICE("app=db"), SLICE("spec.nodeName=n1"), known, &arena, &filter, &err),
        0);
    assert_false(kube_filter_match(&filter, object));

    assert_int_equal(kube_filter_parse(SLICE(""), SLICE("spec.x=1"), known, &arena, &filter, &err),
                     ERR_INVALID);
    assert_string_equal(err.reason, "field label not supported: spec.x");
    assert_int_equal(kube_filter_parse(SLICE(""), SLICE("spec.x=1"), none, &arena, &filter, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.reason, "\"spec.x\" is not a known field selector"));
    json_decref(object);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels),
        cmocka_unit_test(fields),
        cmocka_unit_test(objects),
        cmocka_unit_test(filters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
