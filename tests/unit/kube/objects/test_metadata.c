/* SPDX-License-Identifier: Apache-2.0 */
/* metadata of objects, and deletions: both are rules on one tree, or on two states of it. */
#include "objects.h"

#include "kube/objects/deletion.h"
#include "kube/objects/metadata.h"

static const struct kube_place pod_place = {.is_namespaced = true, .ns = "shop", .name = ""};
static const struct kube_place put_place = {
    .is_namespaced = true, .is_update = true, .ns = "shop", .name = "web"};
static const struct kube_place node_place = {.ns = "", .name = "n1"};

static void places(void **state)
{
    static const struct {
        const struct kube_place *place;
        const char *object, *expected; /* the object afterwards, or the beginning of the error */
    } cases[] = {
        {&pod_place, "{metadata: {name: a}}", "{metadata: {name: a, namespace: shop}}"},
        {&pod_place, "{metadata: {namespace: other}}", "the namespace of the provided object"},
        {&put_place, "{metadata: {name: web}}", "{metadata: {name: web, namespace: shop}}"},
        {&put_place, "{metadata: {}}", "the name of the object (web based on URL)"},
        {&put_place, "{metadata: {name: x}}",
         "the name of the object (x) does not match the name "
         "on the URL (web)"},
        {&node_place, "{metadata: {namespace: a}}", "{metadata: {name: n1}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *object = yaml_tree(cases[i].object);
        struct error err = {0};

        if (kube_metadata_place(cases[i].place, object, &err) == 0)
            object_assert(object, cases[i].expected);
        else if (strncmp(err.reason, cases[i].expected, strlen(cases[i].expected)) != 0)
            fail_msg("%s: %s", cases[i].object, err.reason);
        json_decref(object);
    }
}

static void made_up(void **state)
{
    json_t *object = yaml_tree("{metadata: {uid: mine, generation: 9, resourceVersion: '3', "
                               "selfLink: x, deletionTimestamp: y, generateName: web-}, spec: {}}");
    json_t *metadata = json_object_get(object, "metadata");
    json_t *fresh;

    (void)state;
    kube_metadata_init(object, true);
    assert_int_equal(strlen(json_path_string_or(metadata, "uid", "")), 36);
    assert_int_equal(strlen(json_path_string_or(metadata, "creationTimestamp", "")), 20);
    assert_int_equal(json_get_int(metadata, "generation", 0), 1);
    assert_int_equal(json_object_size(metadata), 4);
    kube_metadata_name(object);
    assert_int_equal(strlen(json_path_string_or(metadata, "name", "")), strlen("web-") + 5);
    fresh = json_deep_copy(object);
    kube_metadata_name(object); /* it has one */
    assert_true(json_equal(object, fresh));
    json_decref(fresh);
    json_decref(object);
}

static void names_by_prefix(void **state)
{
    char prefix[101] = {0};
    json_t *object = yaml_tree("{metadata: {}}");

    (void)state;
    kube_metadata_name(object);
    assert_null(json_path_get(object, "metadata.name"));
    memset(prefix, 'a', sizeof(prefix) - 1);
    json_path_set(object, "metadata.generateName", json_string(prefix));
    kube_metadata_name(object);
    assert_int_equal(strlen(json_path_string_or(object, "metadata.name", "")), 63);
    json_decref(object);
}

static void kept(void **state)
{
    json_t *old = yaml_tree("{metadata: {uid: u, generation: 2, resourceVersion: '7'}, spec: 1}");
    json_t *object = yaml_tree("{metadata: {uid: x, deletionTimestamp: t, labels: {}}, spec: 1}");

    (void)state;
    kube_metadata_keep(object, old);
    object_assert(object,
                  "{metadata: {uid: u, generation: 2, resourceVersion: '7', labels: {}}, spec: 1}");
    json_decref(object);
    json_decref(old);
}

static void generations(void **state)
{
    static const struct {
        const char *object;
        int64_t expected; /* from 4 on */
    } cases[] = {
        {"{apiVersion: v2, metadata: {labels: {a: b}}, status: 2, spec: 1}", 4},
        {"{apiVersion: v1, metadata: {}, status: 1, spec: 2}", 5},
        {"{apiVersion: v1, metadata: {}, status: 1}", 5},
        {"{apiVersion: v1, metadata: {}, spec: 1, data: {}}", 5},
    };
    json_t *old = yaml_tree("{apiVersion: v1, metadata: {generation: 4}, status: 1, spec: 1}");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *object = yaml_tree(cases[i].object);

        kube_metadata_count(object, old);
        assert_int_equal(json_path_int(object, "metadata.generation", 0), cases[i].expected);
        json_decref(object);
    }
    json_decref(old);
}

static void checks(void **state)
{
    static const struct {
        const char *object, *old, *expected; /* the beginning of the causes */
    } cases[] = {
        {"{metadata: {labels: {a: b}, annotations: {a/b: 'any text'}}}", "", ""},
        {"{metadata: {labels: {a: 'b c'}}}", "", "metadata.labels: Invalid value: \"b c\": "},
        {"{metadata: {annotations: {'a b': c}}}", "", "metadata.annotations: Invalid value: \"a b"},
        {"{metadata: {ownerReferences: [{apiVersion: v1, kind: Pod, name: a}]}}", "",
         "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty"},
        {"{metadata: {ownerReferences: [{kind: Pod, name: a, uid: b}]}}", "",
         "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty"},
        {"{metadata: {ownerReferences: [{apiVersion: v1, kind: A, name: a, uid: b, controller: "
         "true}, {apiVersion: v1, kind: A, name: c, uid: d, controller: true}]}}",
         "", "metadata.ownerReferences: Invalid value: only one reference can have Controller"},
        {"{metadata: {finalizers: [orphan, a.b/c]}}", "", ""},
        {"{metadata: {finalizers: [mine]}}", "",
         "metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer"},
        {"{metadata: {finalizers: [a.b/c, a.b/d]}}",
         "{metadata: {deletionTimestamp: t, finalizers: [a.b/c]}}",
         "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being "
         "deleted, found new finalizers []string{\"a.b/d\"}"},
        {"{metadata: {finalizers: [a.b/d]}}", "{metadata: {}}", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *object = yaml_tree(cases[i].object);
        json_t *old = yaml_tree(cases[i].old);
        struct buf told;
        struct api_cause_sink sink = {cause_note, &told};

        buf_init(&told, 0);
        kube_metadata_check(object, old, &sink);
        if (!slice_starts_with(buf_slice(&told), slice_str(cases[i].expected)) ||
            (cases[i].expected[0] == '\0' && told.len))
            fail_msg("%s: %.*s", cases[i].object, (int)told.len, told.data);
        buf_deinit(&told);
        json_decref(object);
        json_decref(old);
    }
}

static void names(void **state)
{
    static const struct {
        const char *group, *plural, *name;
        bool fits;
    } cases[] = {
        {"", "pods", "a.b", true},        {"", "namespaces", "a.b", false},
        {"", "namespaces", "1a", true},   {"", "services", "1a", false},
        {"", "services", "a1", true},     {"rbac.authorization.k8s.io", "roles", "A:b", true},
        {"", "pods", "A", false},         {"", "pods", "", false},
        {"a.b", "services", "1.a", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *object = json_pack("{s:{s:s}}", "metadata", "name", cases[i].name);
        struct buf told;
        struct api_cause_sink sink = {cause_note, &told};

        buf_init(&told, 0);
        kube_metadata_check_name(object, kube_metadata_form(cases[i].group, cases[i].plural),
                                 &sink);
        if ((told.len == 0) != cases[i].fits)
            fail_msg("%s %s", cases[i].plural, cases[i].name);
        buf_deinit(&told);
        json_decref(object);
    }
}

/* --- deletions --- */

#define AT "deletionTimestamp: '1970-01-01T00:00:05Z', deletionGracePeriodSeconds: 0"

static void deletions(void **state)
{
    static const struct {
        const char *object, *policy;
        int64_t grace_s;
        const char *expected;
        bool is_due;
    } cases[] = {
        {"{kind: ConfigMap, metadata: {}}", "", -1, "{kind: ConfigMap, metadata: {" AT "}}", true},
        {"{metadata: {generation: 3}}", "Background", 30, "{metadata: {generation: 4, " AT "}}",
         true},
        {"{metadata: {finalizers: [a/b]}}", "", -1, "{metadata: {finalizers: [a/b], " AT "}}",
         false},
        {"{metadata: {}}", "Foreground", -1,
         "{metadata: {finalizers: [foregroundDeletion], " AT "}}", false},
        {"{metadata: {finalizers: [orphan]}}", "Orphan", -1,
         "{metadata: {finalizers: [orphan], " AT "}}", false},
        {"{apiVersion: v1, kind: Namespace, metadata: {}, spec: {finalizers: [kubernetes]}}", "",
         -1,
         "{apiVersion: v1, kind: Namespace, metadata: {" AT "}, spec: {finalizers: [kubernetes]}, "
         "status: {phase: Terminating}}",
         false},
        {"{apiVersion: v1, kind: Pod, metadata: {}, spec: {}}", "", -1,
         "{apiVersion: v1, kind: Pod, metadata: {" AT "}, spec: {}}", true},
        {"{apiVersion: v1, kind: Pod, metadata: {}, spec: {nodeName: n1}}", "", -1,
         "{apiVersion: v1, kind: Pod, metadata: {deletionTimestamp: '1970-01-01T00:00:35Z', "
         "deletionGracePeriodSeconds: 30}, spec: {nodeName: n1}}",
         false},
        {"{apiVersion: v1, kind: Pod, metadata: {}, spec: {nodeName: n1}, status: {phase: Failed}}",
         "", 9,
         "{apiVersion: v1, kind: Pod, metadata: {" AT "}, spec: {nodeName: n1}, status: {phase: "
         "Failed}}",
         true},
        /* marked already: an earlier end counts, a later one does not */
        {"{apiVersion: v1, kind: Pod, metadata: {generation: 1, deletionTimestamp: t, "
         "deletionGracePeriodSeconds: 9}, spec: {nodeName: n1}}",
         "", 0,
         "{apiVersion: v1, kind: Pod, metadata: {generation: 1, " AT "}, spec: {nodeName: n1}}",
         true},
        {"{apiVersion: v1, kind: Pod, metadata: {deletionTimestamp: t, deletionGracePeriodSeconds: "
         "9}, spec: {nodeName: n1}}",
         "", 10,
         "{apiVersion: v1, kind: Pod, metadata: {deletionTimestamp: t, deletionGracePeriodSeconds: "
         "9}, spec: {nodeName: n1}}",
         false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct kube_deletion deletion = {cases[i].policy, cases[i].grace_s, 5000};
        json_t *object = yaml_tree(cases[i].object);
        json_t *before = json_deep_copy(object);
        json_t *left = kube_deletion_apply(object, &deletion);

        object_assert(left, cases[i].expected);
        assert_true(json_equal(object, before)); /* a copy was marked */
        if (kube_deletion_is_due(left) != cases[i].is_due)
            fail_msg("%s", cases[i].object);
        json_decref(object);
        json_decref(before);
        json_decref(left);
    }
}

static void preconditions(void **state)
{
    json_t *object = yaml_tree("{metadata: {uid: u1, resourceVersion: '7'}}");
    json_t *same = yaml_tree("{preconditions: {uid: u1, resourceVersion: '7'}}");
    json_t *other = yaml_tree("{preconditions: {uid: u2}}");
    json_t *older = yaml_tree("{preconditions: {resourceVersion: '6'}}");
    struct error err = {0};

    (void)state;
    assert_int_equal(kube_deletion_check(NULL, object, &err), 0);
    assert_int_equal(kube_deletion_check(same, object, &err), 0);
    assert_int_equal(kube_deletion_check(other, object, &err), ERR_CONFLICT);
    assert_string_equal(err.reason, "the UID in the precondition (u2) does not match the UID in "
                                    "record (u1). The object might have been deleted and then "
                                    "recreated");
    assert_int_equal(kube_deletion_check(older, object, &err), ERR_CONFLICT);
    assert_string_equal(err.reason, "the ResourceVersion in the precondition (6) does not match "
                                    "the ResourceVersion in record (7). The object might have been "
                                    "modified");
    json_decref(object);
    json_decref(same);
    json_decref(other);
    json_decref(older);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places), cmocka_unit_test(made_up),   cmocka_unit_test(names_by_prefix),
        cmocka_unit_test(kept),   cmocka_unit_test(checks),    cmocka_unit_test(generations),
        cmocka_unit_test(names),  cmocka_unit_test(deletions), cmocka_unit_test(preconditions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
