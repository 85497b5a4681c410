/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of kinds: what the tables say, definitions come and go, versions have an order. */
#include "test.h"

#include "base/buf.h"
#include "kube/objects/kinds.h"

#include <stdio.h>

static struct kinds kinds;

/* Places are numbered cells; `names` says whose each is. */
static char names[KINDS_MAX][64];

static void *bucket_get(const char *name, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < KINDS_MAX; i++) {
        if (names[i][0] == '\0')
            snprintf(names[i], sizeof names[i], "%s", name);
        if (strcmp(names[i], name) == 0)
            return names[i];
    }
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    kinds_init(&kinds, bucket_get, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kinds_deinit(&kinds);
    return 0;
}

static void on_sub(const char *name, const char *group, const char *version, const char *kind_name,
                   const char *verbs, void *ctx)
{
    buf_printf(ctx, "%s:%s%s%s%s:%s ", name, group ? group : "", group ? "/" : "",
               version ? version : "", kind_name, verbs);
}

static void assert_subs(const char *group, const char *plural, const char *expected)
{
    SCOPED(buf_deinit) struct buf text;

    buf_init(&text, 4096);
    kinds_each_subresource(kinds_builtin(&kinds, group, plural), on_sub, &text);
    if (!slice_eq_str(buf_slice(&text), expected))
        fail_msg("%s: \"%.*s\"", plural, (int)text.len, text.data);
}

static void built_in_kinds(void **state)
{
    const struct kind *scaler =
        kinds_find_object(&kinds, "autoscaling/v2", "HorizontalPodAutoscaler");
    const struct kind *review = kinds_find_object(&kinds, NULL, "TokenReview");
    const struct kind *secrets = kinds_builtin(&kinds, "", "secrets");

    (void)state;
    assert_non_null(scaler);
    assert_string_equal(scaler->list_kind, "HorizontalPodAutoscalerList");
    assert_string_equal(scaler->qualified, "horizontalpodautoscalers.autoscaling");
    assert_string_equal(scaler->bucket, "autoscaling/horizontalpodautoscalers");
    assert_true(scaler->namespaced);
    assert_non_null(review);
    assert_null(review->bucket);
    assert_string_equal(secrets->api_version, "v1");
    assert_string_equal(secrets->qualified, "secrets");
    assert_string_equal(kinds_field_labels(secrets)[0], "type");
    assert_null(kinds_field_labels(secrets)[1]);
    assert_null(kinds_find(&kinds, SLICE(""), SLICE("v2"), SLICE("secrets")));
}

static void subresources(void **state)
{
    (void)state;
    assert_subs("", "namespaces", "status:Namespace:get,patch,update finalize:Namespace:update ");
    assert_subs("apps", "replicasets",
                "status:ReplicaSet:get,patch,update "
                "scale:autoscaling/v1Scale:get,patch,update ");
    assert_subs("", "serviceaccounts", "token:authentication.k8s.io/v1TokenRequest:create ");
    assert_subs("", "configmaps", "");
    assert_true(kinds_has_subresource(kinds_builtin(&kinds, "", "pods"), "eviction"));
    assert_false(kinds_has_subresource(kinds_builtin(&kinds, "", "pods"), "scale"));
}

static json_t *definition(const char *scope, bool has_status)
{
    json_t *crd =
        json_pack("{s:{s:s, s:s, s:{s:s, s:s, s:s, s:[s]}, s:[{s:s, s:b, s:b}, {s:s, s:b}]}}",
                  "spec", "group", "x.test", "scope", scope, "names", "plural", "boats", "singular",
                  "boat", "kind", "Boat", "shortNames", "bt", "versions", "name", "v1beta1",
                  "served", 1, "storage", 1, "name", "v1", "served", 1);

    if (has_status)
        json_path_set(crd, "spec.versions[1].subresources", json_pack("{s:{}}", "status"));
    return crd;
}

static void definitions(void **state)
{
    json_t *crd = definition("Namespaced", false);
    json_t *changed = definition("Cluster", true);
    const struct kind *first;
    const struct kind *kind;
    json_t *shorts;

    (void)state;
    assert_int_equal(kinds_crd_add(&kinds, crd), 0);
    first = kinds_find_object(&kinds, NULL, "Boat"); /* the better version is first */
    assert_non_null(first);
    assert_string_equal(first->version, "v1");
    assert_true(first->namespaced);
    assert_false(kinds_has_subresource(first, "status"));
    assert_string_equal(first->bucket, "x.test/boats");
    assert_ptr_equal(kinds_find_object(&kinds, "x.test/v1beta1", "Boat")->bucket, first->bucket);
    assert_null(kinds_field_labels(first)[0]);
    shorts = kinds_short_names(first);
    assert_true(json_array_has(shorts, "bt"));
    json_decref(shorts);

    kinds_crd_remove(&kinds, crd);
    assert_null(kinds_find(&kinds, SLICE("x.test"), SLICE("v1"), SLICE("boats")));
    assert_false(first->served); /* a call may hold it still */

    assert_int_equal(kinds_crd_add(&kinds, changed), 0);
    kind = kinds_find(&kinds, SLICE("x.test"), SLICE("v1"), SLICE("boats"));
    assert_ptr_equal(kind, first);
    assert_false(kind->namespaced);
    assert_true(kinds_has_subresource(kind, "status"));
    json_decref(crd);
    json_decref(changed);
}

static void version_order(void **state)
{
    (void)state;
    assert_true(kinds_version_cmp("v2", "v1") < 0);
    assert_true(kinds_version_cmp("v1", "v1beta1") < 0);
    assert_true(kinds_version_cmp("v1beta2", "v1beta1") < 0);
    assert_true(kinds_version_cmp("v1beta1", "v1alpha3") < 0);
    assert_true(kinds_version_cmp("v1", "odd") < 0);
    assert_int_equal(kinds_version_cmp("v1", "v1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_kinds),
        cmocka_unit_test(subresources),
        cmocka_unit_test(definitions),
        cmocka_unit_test(version_order),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
