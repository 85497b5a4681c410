/* SPDX-License-Identifier: Apache-2.0 */
/* The documents that kubectl explain reads: types by name, each once, and custom kinds. */
#include "test.h"

#include "api/openapi.h"
#include "wire/json.h"

static void built_in_kinds(void **state)
{
    json_t *document = openapi_document_new("Ships", "v1");
    json_t *schemas = json_path_get(document, "components.schemas");
    const char *deployment = "[\"io.k8s.api.apps.v1.Deployment\"]";
    json_t *found;

    (void)state;
    openapi_kind_add(document, api_kind_find("apps", "v1", "Deployment"), "v1");
    found = json_path_get(schemas, deployment);
    assert_string_equal(json_path_string(found, "x-kubernetes-group-version-kind[0].kind"),
                        "Deployment");
    assert_string_equal(json_path_string(found, "properties.spec.allOf[0].$ref"),
                        "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec");
    assert_non_null(json_path_get(found, "description"));
    found = json_path_get(schemas, "[\"io.k8s.api.core.v1.PodSpec\"]");
    assert_string_equal(json_path_string(found, "properties.containers.items.allOf[0].$ref"),
                        "#/components/schemas/io.k8s.api.core.v1.Container");
    assert_string_equal(json_path_string(found, "properties.containers.x-kubernetes-list-type"),
                        "map");
    assert_string_equal(json_path_string(found, "properties.restartPolicy.type"), "string");
    assert_non_null(json_object_get(schemas, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
    assert_non_null(json_object_get(schemas, "io.k8s.apimachinery.pkg.util.intstr.IntOrString"));
    json_decref(document);
}

static void every_kind_and_reference(void **state)
{
    size_t count;
    const struct api_kind *kinds = api_kinds(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        json_t *document = openapi_document_new("Ships", "v1");
        json_t *schemas = json_path_get(document, "components.schemas");
        const char *name;
        json_t *schema;

        openapi_kind_add(document, &kinds[i], kinds[i].versions[0].name);
        json_object_foreach(schemas, name, schema)
        {
            const char *key;
            json_t *property;

            json_object_foreach(json_object_get(schema, "properties"), key, property)
            {
                const char *target = json_path_string(property, "allOf[0].$ref");

                if (target && !json_object_get(schemas, strrchr(target, '/') + 1))
                    fail_msg("%s of %s: %s is missing", key, name, target);
            }
        }
        json_decref(document);
    }
}

static void custom_kinds(void **state)
{
    json_t *document = openapi_document_new("Ships", "v1");
    json_t *schemas = json_path_get(document, "components.schemas");
    json_t *crd = json_pack("{s:{s:s, s:{s:s}}}", "spec", "group", "sea.example.com", "names",
                            "kind", "Boat");
    json_t *version =
        json_pack("{s:s, s:{s:{s:s, s:{s:{s:s}}}}}", "name", "v1", "schema", "openAPIV3Schema",
                  "type", "object", "properties", "spec", "type", "object");
    json_t *found;

    (void)state;
    openapi_custom_add(document, crd, version);
    found = json_object_get(schemas, "com.example.sea.v1.Boat");
    assert_string_equal(json_path_string(found, "x-kubernetes-group-version-kind[0].group"),
                        "sea.example.com");
    assert_non_null(json_path_get(found, "properties.metadata.allOf"));
    assert_string_equal(json_path_string(found, "properties.spec.type"), "object");
    assert_null(json_path_get(version, "schema.openAPIV3Schema.properties.metadata"));
    json_decref(document);
    json_decref(crd);
    json_decref(version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_kinds),
        cmocka_unit_test(every_kind_and_reference),
        cmocka_unit_test(custom_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
