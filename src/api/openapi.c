/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas as OpenAPI v3 says them. See openapi.h.
 *
 *   inline    {type: object, properties: {...}}             definitions: no references are allowed
 *   by name   {allOf: [{$ref: "#/components/schemas/NAME"}]} documents: each type once
 *
 * A named type is its package and its name, "io.k8s.api.core.v1.PodSpec"; kubectl shows the last
 * part.
 */
#include "api/openapi.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/json.h"

enum { NAME_SIZE = 320 };

#define META_PACKAGE "io.k8s.apimachinery.pkg.apis.meta.v1"

/* `schemas`: where named types are put; NULL says everything inline. */
static json_t *schema_new(const struct api_schema *schema, json_t *schemas);

static const struct {
    const char *type;
    const char *format;
    const char *name; /* of the named type that Kubernetes makes of it */
} json_types[] = {
    [API_OBJECT] = {"object", NULL, NULL},
    [API_LIST] = {"array", NULL, NULL},
    [API_MAP] = {"object", NULL, NULL},
    [API_STRING] = {"string", NULL, NULL},
    [API_BOOL] = {"boolean", NULL, NULL},
    [API_INT32] = {"integer", "int32", NULL},
    [API_INT64] = {"integer", "int64", NULL},
    [API_UINT32] = {"integer", NULL, NULL},
    [API_NUMBER] = {"number", "double", NULL},
    [API_BYTES] = {"string", "byte", NULL},
    [API_TIME] = {"string", "date-time", META_PACKAGE ".Time"},
    [API_MICRO_TIME] = {"string", "date-time", META_PACKAGE ".MicroTime"},
    [API_DURATION] = {"string", NULL, NULL},
    [API_QUANTITY] = {NULL, NULL, "io.k8s.apimachinery.pkg.api.resource.Quantity"},
    [API_INT_OR_STRING] = {NULL, NULL, "io.k8s.apimachinery.pkg.util.intstr.IntOrString"},
    [API_ANY] = {NULL, NULL, NULL},
};

json_t *openapi_strings_new(const char *const *items)
{
    json_t *list = json_array();

    for (size_t i = 0; items[i]; i++)
        json_array_append_new(list, json_string(items[i]));
    return list;
}

static json_t *reference_new(const char *name)
{
    char target[NAME_SIZE + 32];

    (void)snprintf(target, sizeof(target), "#/components/schemas/%s", name);
    return json_pack("{s:[{s:s}]}", "allOf", "$ref", target);
}

/* --- schemas --- */

static void properties_set(json_t *out, const struct api_schema *schema, bool is_root,
                           json_t *schemas)
{
    json_t *properties = json_object();
    json_t *required = json_array();

    for (size_t i = 0; i < schema->field_count; i++) {
        const struct api_field *field = &schema->fields[i];
        bool is_envelope =
            is_root && strcmp(field->name, "spec") != 0 && strcmp(field->name, "status") != 0;
        json_t *value;

        if (is_envelope)
            continue;
        value = schema_new(field->schema, schemas);
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

static void bounds_set(json_t *out, const struct api_schema *schema)
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

static json_t *inline_new(const struct api_schema *schema, json_t *schemas)
{
    json_t *out = json_object();

    if (json_types[schema->type].type)
        json_object_set_new(out, "type", json_string(json_types[schema->type].type));
    if (json_types[schema->type].format)
        json_object_set_new(out, "format", json_string(json_types[schema->type].format));
    bounds_set(out, schema);
    if (schema->enums)
        json_object_set_new(out, "enum", openapi_strings_new(schema->enums));
    if (schema->type == API_OBJECT)
        properties_set(out, schema, false, schemas);
    else if (schema->type == API_LIST)
        json_object_set_new(out, "items", schema_new(schema->item, schemas));
    else if (schema->type == API_MAP)
        json_object_set_new(out, "additionalProperties", schema_new(schema->item, schemas));
    else if (schema->type == API_QUANTITY || schema->type == API_INT_OR_STRING)
        json_object_set_new(out, "x-kubernetes-int-or-string", json_true());
    else if (schema->type == API_ANY)
        json_object_set_new(out, "x-kubernetes-preserve-unknown-fields", json_true());
    if (schema->list_kind == API_LIST_MAP) {
        json_object_set_new(out, "x-kubernetes-list-type", json_string("map"));
        json_object_set_new(out, "x-kubernetes-list-map-keys",
                            openapi_strings_new(schema->list_keys));
    } else if (schema->list_kind == API_LIST_SET) {
        json_object_set_new(out, "x-kubernetes-list-type", json_string("set"));
    }
    if (schema->merge_key && schemas) {
        json_object_set_new(out, "x-kubernetes-patch-strategy", json_string("merge"));
        if (schema->merge_key[0])
            json_object_set_new(out, "x-kubernetes-patch-merge-key",
                                json_string(schema->merge_key));
    }
    return out;
}

/* A type's name in documents; false for one that has none. */
static bool type_name(const struct api_schema *schema, char *out)
{
    const char *fixed = json_types[schema->type].name;

    if (schema->type == API_OBJECT && schema->name && schema->package)
        (void)snprintf(out, NAME_SIZE, "%s.%s", schema->package, schema->name);
    else if (fixed)
        (void)snprintf(out, NAME_SIZE, "%s", fixed);
    else
        return false;
    return true;
}

static json_t *schema_new(const struct api_schema *schema, json_t *schemas)
{
    char name[NAME_SIZE];

    if (!schemas || !type_name(schema, name))
        return inline_new(schema, schemas);
    if (!json_object_get(schemas, name)) {
        json_object_set_new(schemas, name, json_object()); /* ends recursive types */
        json_object_set_new(schemas, name, inline_new(schema, schemas));
    }
    return reference_new(name);
}

json_t *openapi_schema_new(const struct api_schema *schema)
{
    return schema_new(schema, NULL);
}

void openapi_properties_set(json_t *out, const struct api_schema *schema, bool is_root)
{
    properties_set(out, schema, is_root, NULL);
}

/* --- documents --- */

static json_t *group_version_kind(const char *group, const char *version, const char *kind)
{
    return json_pack("{s:s, s:s, s:s}", "group", group, "version", version, "kind", kind);
}

/* What every object has, in our words; and the reference to its metadata. */
static void envelope_set(json_t *schema, json_t *schemas)
{
    static const struct {
        const char *name, *text;
    } members[] = {
        {"apiVersion", "Group and version of the object's kind."},
        {"kind", "The object's kind."},
        {"spec", "What is wanted."},
        {"status", "What was last seen of it; written by controllers."},
    };
    json_t *properties = json_object_get(schema, "properties");
    json_t *metadata = schema_new(api_type_find("ObjectMeta"), schemas);

    json_set_string(metadata, "description", "Name, namespace, labels and the like.");
    json_object_set_new(properties, "metadata", metadata);
    json_object_set_new(properties, "apiVersion", json_pack("{s:s}", "type", "string"));
    json_object_set_new(properties, "kind", json_pack("{s:s}", "type", "string"));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        json_t *member = json_object_get(properties, members[i].name);

        if (member && !json_object_get(member, "description"))
            json_set_string(member, "description", members[i].text);
    }
}

json_t *openapi_document_new(const char *title, const char *version)
{
    return json_pack("{s:s, s:{s:s, s:s}, s:{}, s:{s:{}}}", "openapi", "3.0.0", "info", "title",
                     title, "version", version, "paths", "components", "schemas");
}

static json_t *document_schemas(const json_t *document)
{
    return json_path_get(document, "components.schemas");
}

/* The operations on one resource, get and patch, at the path of one object. */
static void path_add(json_t *document, const char *group, const char *version, const char *kind,
                     const char *plural, bool is_namespaced)
{
    char *path =
        mem_printf("/%s/%s%s%s%s/%s/{name}", group[0] ? "apis" : "api", group, group[0] ? "/" : "",
                   version, is_namespaced ? "/namespaces/{namespace}" : "", plural);
    json_t *get =
        json_pack("{s:{s:{s:s}}, s:o}", "responses", "200", "description", "OK",
                  "x-kubernetes-group-version-kind", group_version_kind(group, version, kind));
    json_t *patch = json_deep_copy(get);

    json_object_set_new(patch, "parameters",
                        json_pack("[{s:s, s:s, s:{s:s}}]", "name", "fieldValidation", "in", "query",
                                  "schema", "type", "string"));
    json_object_set_new(json_object_get(document, "paths"), path,
                        json_pack("{s:o, s:o}", "get", get, "patch", patch));
    mem_free(path);
}

static void kind_mark(json_t *schema, const char *group, const char *version, const char *kind)
{
    json_object_set_new(schema, "x-kubernetes-group-version-kind",
                        json_pack("[o]", group_version_kind(group, version, kind)));
}

void openapi_kind_add(json_t *document, const struct api_kind *kind, const char *version)
{
    json_t *schemas = document_schemas(document);
    char name[NAME_SIZE];
    json_t *schema;

    if (!(kind->flags & API_KIND_VIRTUAL))
        path_add(document, kind->group, version, kind->kind, kind->plural,
                 kind->flags & API_KIND_NAMESPACED);
    if (!type_name(kind->schema, name))
        return;
    json_decref(schema_new(kind->schema, schemas));
    schema = json_object_get(schemas, name);
    envelope_set(schema, schemas);
    kind_mark(schema, kind->group, version, kind->kind);
    if (kind->description)
        json_set_string(schema, "description", kind->description);
}

/* "networking.istio.io", "v1", "Gateway": "io.istio.networking.v1.Gateway" */
static void custom_name(const char *group, const char *version, const char *kind, char *out)
{
    struct slice rest = slice_str(group);
    struct slice label;
    struct buf name;

    buf_init(&name, 0);
    while (slice_split_next(&rest, '.', &label)) {
        char *before = mem_printf("%.*s.%s", SLICE_ARG(label), name.len ? name.data : "");

        buf_reset(&name);
        buf_append_str(&name, before);
        mem_free(before);
    }
    (void)snprintf(out, NAME_SIZE, "%s%s.%s", name.len ? name.data : "", version, kind);
    buf_deinit(&name);
}

void openapi_custom_add(json_t *document, const json_t *crd, const json_t *version)
{
    json_t *schemas = document_schemas(document);
    const char *group = json_path_string_or(crd, "spec.group", "");
    const char *kind = json_path_string_or(crd, "spec.names.kind", "");
    const char *number = json_path_string_or(version, "name", "");
    json_t *schema = json_deep_copy(json_path_get(version, "schema.openAPIV3Schema"));
    char name[NAME_SIZE];

    path_add(document, group, number, kind, json_path_string_or(crd, "spec.names.plural", ""),
             strcmp(json_path_string_or(crd, "spec.scope", ""), "Namespaced") == 0);
    if (!json_is_object(schema)) {
        json_decref(schema);
        return;
    }
    if (!json_object_get(schema, "properties"))
        json_object_set_new(schema, "properties", json_object());
    envelope_set(schema, schemas);
    kind_mark(schema, group, number, kind);
    custom_name(group, number, kind, name);
    json_object_set_new(schemas, name, schema);
}
