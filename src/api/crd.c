/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions out of the tables of kinds.
 *
 * Place   `weft install`, `weft manifest generate`
 * Owns    nothing; returns new trees
 * Limits  descriptions of fields are not carried
 */
#include "api/crd.h"

#include <stdio.h>

#include "wire/json.h"

static json_t *schema_new(const struct api_schema *schema);

static const struct {
    const char *type;
    const char *format;
} json_types[] = {
    [API_OBJECT] = {"object", NULL},      [API_LIST] = {"array", NULL},
    [API_MAP] = {"object", NULL},         [API_STRING] = {"string", NULL},
    [API_BOOL] = {"boolean", NULL},       [API_INT32] = {"integer", "int32"},
    [API_INT64] = {"integer", "int64"},   [API_UINT32] = {"integer", NULL},
    [API_NUMBER] = {"number", "double"},  [API_BYTES] = {"string", "byte"},
    [API_TIME] = {"string", "date-time"}, [API_MICRO_TIME] = {"string", "date-time"},
    [API_DURATION] = {"string", NULL},    [API_QUANTITY] = {NULL, NULL},
    [API_INT_OR_STRING] = {NULL, NULL},   [API_ANY] = {NULL, NULL},
};

static json_t *string_list(const char *const *items)
{
    json_t *list = json_array();

    for (size_t i = 0; items[i]; i++)
        json_array_append_new(list, json_string(items[i]));
    return list;
}

static void object_properties(json_t *out, const struct api_schema *schema, bool is_root)
{
    json_t *properties = json_object();
    json_t *required = json_array();

    for (size_t i = 0; i < schema->field_count; i++) {
        const struct api_field *field = &schema->fields[i];
        bool is_envelope =
            is_root && strcmp(field->name, "spec") != 0 && strcmp(field->name, "status") != 0;
        json_t *value;

        if (is_envelope)
            continue; /* apiVersion, kind and metadata are the API server's */
        value = schema_new(field->schema);
        if (field->default_json)
            json_object_set_new(value, "default",
                                json_loads(field->default_json, JSON_DECODE_ANY, NULL));
        json_object_set_new(properties, field->name, value);
        if (field->required)
            json_array_append_new(required, json_string(field->name));
    }
    json_object_set_new(out, "properties", properties);
    if (json_array_size(required))
        json_object_set(out, "required", required);
    json_decref(required);
}

static void bounds(json_t *out, const struct api_schema *schema)
{
    static const struct {
        enum api_type type;
        const char *min, *max;
    } words[] = {{API_STRING, "minLength", "maxLength"}, {API_LIST, "minItems", "maxItems"}};
    const char *min = "minimum";
    const char *max = "maximum";

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (words[i].type == schema->type) {
            min = words[i].min;
            max = words[i].max;
        }
    }
    if (schema->has_min)
        json_object_set_new(out, min, json_integer(schema->min));
    if (schema->has_max)
        json_object_set_new(out, max, json_integer(schema->max));
    if (schema->type == API_UINT32 && !schema->has_max) {
        json_object_set_new(out, min, json_integer(0));
        json_object_set_new(out, max, json_integer(UINT32_MAX));
    }
}

static json_t *schema_new(const struct api_schema *schema)
{
    json_t *out = json_object();

    if (json_types[schema->type].type)
        json_object_set_new(out, "type", json_string(json_types[schema->type].type));
    if (json_types[schema->type].format)
        json_object_set_new(out, "format", json_string(json_types[schema->type].format));
    bounds(out, schema);
    if (schema->enums) {
        json_t *list = string_list(schema->enums);

        json_object_set_new(out, "enum", list);
    }
    if (schema->type == API_OBJECT)
        object_properties(out, schema, false);
    else if (schema->type == API_LIST)
        json_object_set_new(out, "items", schema_new(schema->item));
    else if (schema->type == API_MAP)
        json_object_set_new(out, "additionalProperties", schema_new(schema->item));
    else if (schema->type == API_QUANTITY || schema->type == API_INT_OR_STRING)
        json_object_set_new(out, "x-kubernetes-int-or-string", json_true());
    else if (schema->type == API_ANY)
        json_object_set_new(out, "x-kubernetes-preserve-unknown-fields", json_true());
    if (schema->list_kind == API_LIST_MAP) {
        json_object_set_new(out, "x-kubernetes-list-type", json_string("map"));
        json_object_set_new(out, "x-kubernetes-list-map-keys", string_list(schema->list_keys));
    }
    return out;
}

static json_t *columns_new(const struct api_kind *kind)
{
    json_t *list = json_array();

    for (size_t i = 0; i < kind->column_count; i++) {
        const struct api_column *column = &kind->columns[i];
        json_t *entry = json_pack("{s:s, s:s, s:s}", "jsonPath", column->json_path, "name",
                                  column->name, "type", column->type);

        if (column->description[0])
            json_object_set_new(entry, "description", json_string(column->description));
        if (column->priority)
            json_object_set_new(entry, "priority", json_integer(column->priority));
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *version_new(const struct api_kind *kind, const struct api_version *version)
{
    json_t *schema = json_pack("{s:s}", "type", "object");
    json_t *out;

    object_properties(schema, kind->schema, true);
    out = json_pack("{s:s, s:b, s:b, s:{s:o}}", "name", version->name, "served", 1, "storage",
                    version->storage ? 1 : 0, "schema", "openAPIV3Schema", schema);
    if (kind->flags & API_KIND_STATUS)
        json_object_set_new(out, "subresources", json_pack("{s:{}}", "status"));
    if (kind->column_count)
        json_object_set_new(out, "additionalPrinterColumns", columns_new(kind));
    return out;
}

json_t *api_crd_new(const struct api_kind *kind)
{
    json_t *versions = json_array();
    json_t *names = json_object();
    char name[256];
    char list_kind[128];
    json_t *out;

    ASSERT(kind->flags & API_KIND_CRD);
    (void)snprintf(name, sizeof(name), "%s.%s", kind->plural, kind->group);
    (void)snprintf(list_kind, sizeof(list_kind), "%sList", kind->kind);
    for (size_t i = 0; i < kind->version_count; i++)
        json_array_append_new(versions, version_new(kind, &kind->versions[i]));
    json_object_set_new(names, "kind", json_string(kind->kind));
    json_object_set_new(names, "listKind", json_string(list_kind));
    json_object_set_new(names, "plural", json_string(kind->plural));
    json_object_set_new(names, "singular", json_string(kind->singular));
    if (kind->short_names[0])
        json_object_set_new(names, "shortNames", string_list(kind->short_names));
    if (kind->categories[0])
        json_object_set_new(names, "categories", string_list(kind->categories));
    out = json_pack("{s:s, s:s, s:{s:s, s:{s:s, s:s}}, s:{s:s, s:o, s:s, s:o}}", "apiVersion",
                    "apiextensions.k8s.io/v1", "kind", "CustomResourceDefinition", "metadata",
                    "name", name, "labels", "app", "istio-pilot", "chart", "istio", "spec", "group",
                    kind->group, "names", names, "scope",
                    kind->flags & API_KIND_NAMESPACED ? "Namespaced" : "Cluster", "versions",
                    versions);
    ASSERT(out);
    return out;
}
