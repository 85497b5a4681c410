/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and the schema of their kind, whichever it has: tables of built-in kinds, the structural
 * schema of a custom one's definition. What a server does with each object that it is given:
 *
 *   decode   wrong types, unknown fields; what nobody knows is taken out
 *   default  absent fields
 *   check    values, and fields that may not change: the causes of a 422
 *
 * A custom object's metadata is typed by the tables, the rest by its definition; one without a
 * schema is kept as it is.
 *
 * Place   a server's writes; api/check.h and api/structural.h do the work
 * Owns    nothing
 * Limits  theirs
 */
#ifndef WEFT_KUBE_OBJECTS_SCHEMA_H
#define WEFT_KUBE_OBJECTS_SCHEMA_H

#include "api/check.h"
#include "base/prelude.h"
#include "kube/objects/type.h"
#include "wire/json.h"

/* `type` is of a whole object. `version` is the kind's, for the names of types in messages. */
void kube_schema_decode(struct kube_type type, const char *version, json_t *object,
                        api_on_decode_error *on_error, void *ctx);
/* Gathers `WHAT field "PATH"`, "unknown" or "duplicate", in *texts (made when NULL), as far as
 * API_PROBLEMS_MAX goes. */
void kube_schema_unknown_add(json_t **texts, const char *what, const char *path);
/* What fieldValidation=Strict says of them, "strict decoding error: ..."; mem_free it. */
char *kube_schema_unknown_text(const json_t *texts);

void kube_schema_default(struct kube_type type, json_t *object);
/* `old` is the state that an update replaces, or NULL. */
void kube_schema_check(struct kube_type type, const json_t *object, const json_t *old,
                       api_on_cause *on_cause, void *ctx);

#endif
