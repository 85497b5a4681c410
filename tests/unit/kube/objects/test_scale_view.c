/* SPDX-License-Identifier: Apache-2.0 */
/* The scale subresource of built-in kinds and of definitions. */
#include "objects.h"

#include "kube/objects/scale_view.h"

static void views(void **state)
{
    static const struct {
        const char *crd_version, *object, *expected;
    } cases[] = {
        {"",
         "{metadata: {name: web, labels: {a: b}}, spec: {replicas: 3, selector: {matchLabels: {a: "
         "b}}}, status: {replicas: 2}}",
         "{kind: Scale, apiVersion: autoscaling/v1, metadata: {name: web}, spec: {replicas: 3}, "
         "status: {replicas: 2, selector: a=b}}"},
        {"{subresources: {scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size, "
         "labelSelectorPath: .status.labels}}}",
         "{metadata: {namespace: n1}, spec: {size: 4}, status: {size: 1, labels: 'c=d'}}",
         "{kind: Scale, apiVersion: autoscaling/v1, metadata: {namespace: n1}, spec: {replicas: "
         "4}, status: {replicas: 1, selector: c=d}}"},
        {"{subresources: {scale: {specReplicasPath: .spec.size, statusReplicasPath: "
         ".status.size}}}",
         "{metadata: {}, spec: {selector: {matchLabels: {a: b}}}}",
         "{kind: Scale, apiVersion: autoscaling/v1, metadata: {}, spec: {}, status: {replicas: 0, "
         "selector: ''}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *version = yaml_tree(cases[i].crd_version);
        json_t *object = yaml_tree(cases[i].object);
        const struct kube_scale_paths paths = kube_scale_paths(version);
        json_t *scale = kube_scale_view(object, &paths);

        object_assert(scale, cases[i].expected);
        json_decref(scale);
        json_decref(object);
        json_decref(version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(views)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
