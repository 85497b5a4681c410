/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of kinds: lookups, and facts that clients rely on. */
#include "test.h"

#include "api/schema.h"

static const struct api_field *field(const struct api_schema *schema, const char *name)
{
    const struct api_field *found = api_field_find(schema, slice_str(name));

    assert_non_null(found);
    return found;
}

static void kinds_are_found(void **state)
{
    const struct api_kind *kind;

    (void)state;
    kind = api_kind_find("networking.istio.io", "v1beta1", "VirtualService");
    assert_non_null(kind);
    assert_string_equal(kind->plural, "virtualservices");
    assert_string_equal(kind->singular, "virtualservice");
    assert_string_equal(kind->short_names[0], "vs");
    assert_string_equal(kind->versions[0].name, "v1");
    assert_true(kind->versions[0].storage);
    assert_int_equal(kind->flags & API_KIND_CRD, API_KIND_CRD);
    assert_ptr_equal(api_kind_find_plural("networking.istio.io", "", "virtualservices"), kind);
    assert_ptr_equal(api_kind_find_object("networking.istio.io/v1", "VirtualService"), kind);
    assert_null(api_kind_find("networking.istio.io", "v2", "VirtualService"));
    kind = api_kind_find_object("v1", "Namespace");
    assert_non_null(kind);
    assert_int_equal(kind->flags & API_KIND_NAMESPACED, 0);
    assert_null(api_kind_find_object("v1", "Deployment"));
    kind = api_kind_find("telemetry.istio.io", "v1alpha1", "Telemetry");
    assert_true(kind->versions[1].storage);
    assert_false(kind->versions[0].storage);
}

static void fields_carry_merge_facts(void **state)
{
    const struct api_schema *spec =
        field(field(field(api_kind_find("apps", "v1", "Deployment")->schema, "spec")->schema,
                    "template")
                  ->schema,
              "spec")
            ->schema;
    const struct api_schema *ports;

    (void)state;
    assert_string_equal(field(spec, "containers")->schema->merge_key, "name");
    assert_string_equal(field(spec, "restartPolicy")->default_json, "\"Always\"");
    ports = field(field(spec, "containers")->schema->item, "ports")->schema;
    assert_string_equal(ports->merge_key, "containerPort");
    assert_string_equal(ports->list_keys[0], "containerPort");
    assert_string_equal(ports->list_keys[1], "protocol");
    assert_null(ports->list_keys[2]);
    assert_string_equal(field(api_type_find("ObjectMeta"), "finalizers")->schema->merge_key, "");
    assert_null(api_type_find("Nothing"));
}

static void protobuf_numbers(void **state)
{
    const struct api_schema *meta = api_type_find("ObjectMeta");
    const struct api_schema *volume = api_type_find("Volume");

    (void)state;
    assert_string_equal(api_field_find_number(meta, 0, 6)->name, "resourceVersion");
    assert_string_equal(api_field_find_number(meta, 0, 11)->name, "labels");
    assert_null(api_field_find_number(meta, 0, 99));
    assert_string_equal(api_field_find_number(volume, 0, 1)->name, "name");
    assert_true(api_field_is_inline(volume, 2));
    assert_string_equal(api_field_find_number(volume, 2, 1)->name, "hostPath");
    assert_false(api_field_is_inline(volume, 1));
}

/* Binary search depends on it. */
static void tables_are_sorted(void **state)
{
    size_t count;
    const struct api_kind *kinds = api_kinds(&count);

    (void)state;
    assert_true(count > 30);
    for (size_t i = 0; i < count; i++) {
        const struct api_schema *schema = kinds[i].schema;

        for (size_t j = 1; j < schema->field_count; j++)
            assert_true(strcmp(schema->fields[j - 1].name, schema->fields[j].name) < 0);
        assert_non_null(api_field_find(schema, SLICE("apiVersion")));
        assert_ptr_equal(api_type_find(schema->name), schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_found),
        cmocka_unit_test(fields_carry_merge_facts),
        cmocka_unit_test(protobuf_numbers),
        cmocka_unit_test(tables_are_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
