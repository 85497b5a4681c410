/* SPDX-License-Identifier: Apache-2.0 */
/* Readers and builders of any object: owners, conditions, times, percentages. */
#include "test.h"

#include "kube/objects/object.h"
#include "wire/json.h"
#include "objects.h"

enum { NOW_MS = 1764496801 /* milliseconds: 1970-01-21T10:08:16Z */ };

static void owners(void **state)
{
    SCOPED(json_drop)
    json_t *owner = yaml_tree("{\"apiVersion\": \"apps/v1\", \"kind\": \"ReplicaSet\","
                              "\"metadata\": {\"name\": \"web\", \"uid\": \"u1\"}}");
    SCOPED(json_drop) json_t *twin = yaml_tree("{\"metadata\": {\"name\": \"web\"}}");
    SCOPED(json_drop)
    json_t *pod = yaml_tree("{\"metadata\": {\"name\": \"a\", \"ownerReferences\":"
                            "[{\"kind\": \"Node\", \"name\": \"n\", \"uid\": \"u0\"}]}}");
    SCOPED(json_drop) json_t *refs = kube_owner_refs(owner);

    (void)state;
    assert_null(kube_owner(pod)); /* an owner that does not control it */
    assert_null(kube_owner(NULL));
    assert_false(kube_is_owned_by(pod, owner));
    json_array_extend(json_path_get(pod, "metadata.ownerReferences"), refs);
    assert_string_equal(json_path_string(kube_owner(pod), "kind"), "ReplicaSet");
    assert_string_equal(json_path_string(kube_owner(pod), "apiVersion"), "apps/v1");
    assert_true(json_path_bool(kube_owner(pod), "blockOwnerDeletion", false));
    assert_true(kube_is_owned_by(pod, owner));
    assert_false(kube_is_owned_by(pod, twin)); /* the same name, without the uid */
    assert_false(kube_is_owned_by(pod, NULL));
}

static void metadata(void **state)
{
    SCOPED(json_drop)
    json_t *pod = yaml_tree("{\"metadata\": {\"uid\": \"u1\", \"generation\": 3,"
                            "\"deletionTimestamp\": \"2025-11-30T10:00:00Z\"}}");
    SCOPED(json_drop) json_t *bare = json_object();

    (void)state;
    assert_string_equal(kube_uid(pod), "u1");
    assert_null(kube_uid(bare));
    assert_null(kube_uid(NULL));
    assert_true(kube_uid_equal(pod, "u1"));
    assert_false(kube_uid_equal(bare, NULL));
    assert_true(kube_is_deleting(pod));
    assert_false(kube_is_deleting(bare));
    assert_int_equal(kube_generation(pod), 3);
    assert_int_equal(kube_generation(bare), 1);
}

/* The time of a condition moves with its status alone. */
static void conditions(void **state)
{
    SCOPED(json_drop)
    json_t *former = yaml_tree("[{\"type\": \"Ready\", \"status\": \"True\", \"reason\": \"Old\","
                               "  \"lastTransitionTime\": \"2020-01-01T00:00:00Z\"},"
                               " {\"type\": \"Able\", \"status\": \"False\","
                               "  \"lastTransitionTime\": \"2020-01-01T00:00:00Z\"}]");
    SCOPED(json_drop) json_t *list = json_array();
    SCOPED(json_drop)
    json_t *wanted = yaml_tree("[{\"type\": \"Ready\", \"status\": \"True\", \"reason\": \"New\","
                               "  \"message\": \"m\","
                               "  \"lastTransitionTime\": \"2020-01-01T00:00:00Z\"},"
                               " {\"type\": \"Able\", \"status\": \"True\","
                               "  \"lastTransitionTime\": \"1970-01-21T10:08:16Z\"},"
                               " {\"type\": \"Third\", \"status\": \"False\", \"reason\": \"R\","
                               "  \"lastTransitionTime\": \"1970-01-21T10:08:16Z\"}]");
    json_t *entry;

    (void)state;
    kube_condition_set(list, former, &(struct kube_condition){"Ready", true, "New", "m"}, NOW_MS);
    kube_condition_set(list, former, &(struct kube_condition){"Able", true, NULL, NULL}, NOW_MS);
    entry = kube_condition_set(list, former, &(struct kube_condition){"Third", false, "R", NULL},
                               NOW_MS);
    assert_ptr_equal(entry, json_array_get(list, 2));
    assert_true(json_equal(list, wanted));
    /* in place: nothing moves, nothing is added */
    kube_condition_set(list, list, &(struct kube_condition){"Able", true, NULL, NULL},
                       NOW_MS + 60000);
    assert_true(json_equal(list, wanted));
}

static void condition_status(void **state)
{
    SCOPED(json_drop)
    json_t *node = yaml_tree("{\"status\": {\"conditions\": [{\"type\": \"Ready\", \"status\": "
                             "\"Unknown\"}, {\"type\": \"Able\", \"status\": \"True\"}]}}");

    (void)state;
    assert_non_null(kube_condition(node, "Ready"));
    assert_null(kube_condition(node, "Other"));
    assert_false(kube_condition_is_true(node, "Ready"));
    assert_true(kube_condition_is_true(node, "Able"));
    assert_false(kube_condition_is_true(NULL, "Able"));
}

static void pods(void **state)
{
    static const struct {
        const char *status;
        bool ready, ended;
        int64_t since_ms;
    } cases[] = {
        {"{}", false, false, 0},
        {"{\"phase\": \"Failed\"}", false, true, 0},
        {"{\"phase\": \"Succeeded\"}", false, true, 0},
        {"{\"phase\": \"Running\", \"conditions\": [{\"type\": \"Ready\", \"status\": \"True\","
         "\"lastTransitionTime\": \"1970-01-01T00:00:07Z\"}]}",
         true, false, 7000},
        {"{\"conditions\": [{\"type\": \"Ready\", \"status\": \"True\"}]}", true, false, 1},
        {"{\"conditions\": [{\"type\": \"Ready\", \"status\": \"False\","
         "\"lastTransitionTime\": \"1970-01-01T00:00:07Z\"}]}",
         false, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *pod = json_pack("{s:o}", "status", yaml_tree(cases[i].status));

        if (kube_pod_is_ready(pod) != cases[i].ready || kube_pod_has_ended(pod) != cases[i].ended ||
            kube_pod_ready_since_ms(pod) != cases[i].since_ms)
            fail_msg("%s", cases[i].status);
    }
}

static void times(void **state)
{
    SCOPED(json_drop) json_t *time = kube_time(7999);
    SCOPED(json_drop) json_t *other = json_string("soon");

    (void)state;
    assert_string_equal(json_string_value(time), "1970-01-01T00:00:07Z");
    assert_int_equal(kube_time_ms(time, -1), 7000);
    assert_int_equal(kube_time_ms(other, -1), -1);
    assert_int_equal(kube_time_ms(NULL, 5), 5);
}

static void int_or_percent(void **state)
{
    static const struct {
        const char *value; /* JSON; "": none at all */
        const char *fallback;
        int64_t down, up; /* of 10 */
    } cases[] = {
        {"3", NULL, 3, 3}, {"\"25%\"", NULL, 2, 3}, {"\"100%\"", NULL, 10, 10}, {"", "25%", 2, 3},
        {"", NULL, 0, 0},  {"0", "25%", 0, 0},      {"\"0%\"", "25%", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *value = yaml_tree(cases[i].value);

        if (kube_int_or_percent(value, 10, false, cases[i].fallback) != cases[i].down ||
            kube_int_or_percent(value, 10, true, cases[i].fallback) != cases[i].up)
            fail_msg("%s", cases[i].value);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners),         cmocka_unit_test(metadata),
        cmocka_unit_test(conditions),     cmocka_unit_test(condition_status),
        cmocka_unit_test(pods),           cmocka_unit_test(times),
        cmocka_unit_test(int_or_percent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
