/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions out of the tables of kinds.
 *
 * Place   `weft install`, `weft manifest generate`
 * Owns    nothing; returns new trees
 * Limits  descriptions of fields are not carried
 */
#include "api/crd.h"

#include <stdio.h>

#include "api/openapi.h"
#include "wire/json.h"

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

    if (kind->description)
        json_set_string(schema, "description", kind->description);
    openapi_properties_set(schema, kind->schema, true);
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
        json_object_set_new(names, "shortNames", openapi_strings_new(kind->short_names));
    if (kind->categories[0])
        json_object_set_new(names, "categories", openapi_strings_new(kind->categories));
    out = json_pack("{s:s, s:s, s:{s:s, s:{s:s, s:s}}, s:{s:s, s:o, s:s, s:o}}", "apiVersion",
                    "apiextensions.k8s.io/v1", "kind", "CustomResourceDefinition", "metadata",
                    "name", name, "labels", "app", "istio-pilot", "chart", "istio", "spec", "group",
                    kind->group, "names", names, "scope",
                    kind->flags & API_KIND_NAMESPACED ? "Namespaced" : "Cluster", "versions",
                    versions);
    ASSERT(out);
    return out;
}
