/* SPDX-License-Identifier: Apache-2.0 */
/* From a v3 document to v2. See openapi_v2.h; the protobuf form is in openapi_v2_pb.c.
 *
 *   components.schemas                    definitions
 *   {allOf: [{$ref: #/components/schemas/N}], description}
 *                                         {$ref: #/definitions/N, description}
 *   parameters: [{name, in, schema}]      parameters: [{name, in, type}]
 *
 * Clients check objects by v2 more strictly than by v3, so Kubernetes takes out of definitions what
 * would make them refuse good ones: the types of nullable values, the members of objects that may
 * have others.
 */
#include "api/openapi_v2.h"

#include <string.h>

#include "base/mem.h"
#include "wire/json.h"

static json_t *schema_new(const json_t *v3);

static json_t *schemas_new(const json_t *v3)
{
    json_t *out = json_object();
    const char *name;
    json_t *schema;

    json_object_foreach((json_t *)(uintptr_t)v3, name, schema)
        json_object_set_new(out, name, schema_new(schema));
    return out;
}

static json_t *reference_new(const char *target, const json_t *v3)
{
    char *path = mem_printf("#/definitions/%s", strrchr(target, '/') + 1);
    json_t *out = json_pack("{s:s}", "$ref", path);

    mem_free(path);
    if (json_object_get(v3, "description") != NULL)
        json_object_set(out, "description", json_object_get(v3, "description"));
    return out;
}

static bool is_left_out(const json_t *v3, const char *key, const json_t *value)
{
    static const char *const unsayable[] = {"allOf", "anyOf", "oneOf", "not", "nullable"};
    static const char *const open[] = {"properties", "items"};

    for (size_t i = 0; i < ARRAY_LEN(unsayable); i++) {
        if (strcmp(key, unsayable[i]) == 0)
            return true;
    }
    if (strcmp(key, "additionalProperties") == 0)
        return !json_is_object(value);
    if (json_get_bool(v3, "nullable", false) && strcmp(key, "type") == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        if (strcmp(key, open[i]) == 0)
            return json_get_bool(v3, "nullable", false) ||
                   json_get_bool(v3, "x-kubernetes-preserve-unknown-fields", false);
    }
    return false;
}

static json_t *schema_new(const json_t *v3)
{
    const char *target = json_path_string(v3, "allOf[0].$ref");
    json_t *out;
    const char *key;
    json_t *value;

    if (target != NULL && strchr(target, '/') != NULL)
        return reference_new(target, v3);
    out = json_object();
    json_object_foreach((json_t *)(uintptr_t)v3, key, value)
    {
        if (is_left_out(v3, key, value))
            continue;
        if (strcmp(key, "properties") == 0)
            json_object_set_new(out, key, schemas_new(value));
        else if (strcmp(key, "items") == 0 || strcmp(key, "additionalProperties") == 0)
            json_object_set_new(out, key, schema_new(value));
        else
            json_object_set(out, key, value);
    }
    if (json_get_bool(v3, "x-kubernetes-int-or-string", false) && !json_object_get(out, "type"))
        json_set_string(out, "type", "string");
    return out;
}

static json_t *parameters_new(const json_t *v3)
{
    json_t *out = json_array();
    size_t i;
    json_t *parameter;

    json_array_foreach(v3, i, parameter)
    {
        json_t *copy = json_copy(parameter);

        json_object_update(copy, json_object_get(copy, "schema"));
        json_object_del(copy, "schema");
        json_array_append_new(out, copy);
    }
    return out;
}

static json_t *path_new(json_t *v3)
{
    json_t *out = json_object();
    const char *method;
    json_t *operation;

    json_object_foreach(v3, method, operation)
    {
        json_t *copy = json_copy(operation);

        if (json_object_get(copy, "parameters") != NULL)
            json_object_set_new(copy, "parameters",
                                parameters_new(json_object_get(copy, "parameters")));
        json_object_set_new(out, method, copy);
    }
    return out;
}

json_t *openapi_v2_new(const json_t *v3)
{
    json_t *paths = json_object();
    const char *name;
    json_t *path;

    json_object_foreach(json_object_get(v3, "paths"), name, path)
        json_object_set_new(paths, name, path_new(path));
    return json_pack("{s:s, s:O, s:o, s:o}", "swagger", "2.0", "info", json_object_get(v3, "info"),
                     "paths", paths, "definitions",
                     schemas_new(json_path_get(v3, "components.schemas")));
}

bool openapi_v2_wants_protobuf(struct slice accept)
{
    return slice_find(accept, SLICE("proto-openapi.spec.v2")) >= 0;
}
