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

/* A document without kinds yet. The caller owns the reference. */
json_t *openapi_document_new(const char *title, const char *version);
/* Adds a kind: its own type with its x-kubernetes-group-version-kind, every type that it refers to,
 * and, of what is stored, the operations get and patch on one object, which is where kubectl looks.
 */
void openapi_kind_add(json_t *document, const struct api_kind *kind, const char *version);
/* The same for a kind that a definition brings; `version` is its entry of spec.versions. */
void openapi_custom_add(json_t *document, const json_t *crd, const json_t *version);

#endif
