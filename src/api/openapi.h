/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas as OpenAPI v3 says them: of CustomResourceDefinitions (objects inline) and of the API
 * server's documents (objects by reference).
 *
 * Place   crd.c; the API server's /openapi/v3: kubectl explain
 * Owns    nothing; returns new trees
 * Limits  of Kubernetes' own types only names, types and values are said, no descriptions of fields
 */
#ifndef WEFT_API_OPENAPI_H
#define WEFT_API_OPENAPI_H

#include <jansson.h>

#include "api/schema.h"
#include "base/prelude.h"

/* A list of texts; `items` has NULL at the end. The caller owns the reference. */
json_t *openapi_strings_new(const char *const *items);
/* A schema with all that it holds. The caller owns the reference. */
json_t *openapi_schema_new(const struct api_schema *schema);
/* `properties` and `required` of an object into `out`; is_root leaves out apiVersion, kind and
 * metadata, which are the API server's. */
void openapi_properties_set(json_t *out, const struct api_schema *schema, bool is_root);

/* Adds a kind to `components.schemas` of a document: the kind's own type with its
 * x-kubernetes-group-version-kind, and every type that it refers to. */
void openapi_kind_add(json_t *schemas, const struct api_kind *kind, const char *version);
/* The same for a kind that a definition brings; `version` is its entry of spec.versions. */
void openapi_custom_add(json_t *schemas, const json_t *crd, const json_t *version);
/* A document's operations on one resource: get and patch, which is where kubectl looks. `path` is
 * that of one object; the three names are of the kind. */
json_t *openapi_path_new(const char *group, const char *version, const char *kind);

#endif
