/* SPDX-License-Identifier: Apache-2.0 */
/* Is an object well formed? By its schema, and by Istio's own rules for its kind.
 *
 * Place   the validating webhook and `weft validate` (api_validate, api_check); the API server for
 *         built-in kinds (api_check_decode, api_check_causes, api_default)
 * Owns    nothing
 * Limits  at most API_PROBLEMS_MAX problems are told of one object; depth 64
 */
#ifndef WEFT_API_CHECK_H
#define WEFT_API_CHECK_H

#include <jansson.h>

#include "api/schema.h"
#include "base/err.h"
#include "base/prelude.h"

enum { API_PROBLEMS_MAX = 32, API_CAUSE_SIZE = 2048 };

/* Told of each problem: code, path and reason as they stand in `problem` (valid during the call).
 *   ERR_INVALID    wrong type, value not allowed, out of range, a rule of Istio broken
 *   ERR_NOT_FOUND  a required field is missing
 *   ERR_UNSUPPORTED  "not supported: ...": valid for Istio, but weft does not carry it out yet
 *   ERR_EXISTS     an unknown field: fatal for fieldValidation=Strict only
 *   ERR_AGAIN      a warning: the object is accepted */
typedef void api_on_problem(const struct error *problem, void *ctx);

/* Types, enums, bounds, required and unknown fields. Returns the number of problems told. */
size_t api_check(const struct api_schema *schema, const json_t *json, api_on_problem *on_problem,
                 void *ctx);

/* One entry of a 422's details.causes. Texts are valid during the call. */
struct api_cause {
    const char *reason;  /* "FieldValueRequired", "FieldValueInvalid", ... */
    const char *field;   /* its path */
    const char *message; /* "Required value", "Invalid value: 0: must be ..." */
};

typedef void api_on_cause(const struct api_cause *cause, void *ctx);

/* Who is told of causes. */
struct api_cause_sink {
    api_on_cause *on_cause;
    void *ctx;
};

/* Tells of one cause; the message is cut at API_CAUSE_SIZE bytes. */
void api_cause_tell(const struct api_cause_sink *sink, const char *reason, const char *field,
                    const char *fmt, ...) PRINTF_LIKE(4, 5);

/* How a client's body fails to be an object of the schema, in Kubernetes' words. */
struct api_decode_error {
    const char *type_text;     /* NULL, or why the body is refused: "json: cannot unmarshal ..." */
    const char *unknown_field; /* else the path of a field that the schema does not know */
};

typedef void api_on_decode_error(const struct api_decode_error *error, void *ctx);

/* What Kubernetes' decoder makes of a body: tells of wrong types and unknown fields, and takes the
 * latter out of `json`. `version` is the kind's, for the names of types in messages. */
void api_check_decode(const struct api_schema *schema, const char *version, json_t *json,
                      api_on_decode_error *on_error, void *ctx);

/* What Kubernetes' validation says of a decoded object: required fields (an empty text or list is
 * none), enums, bounds. Returns the number of causes told. */
size_t api_check_causes(const struct api_schema *schema, const json_t *json, api_on_cause *on_cause,
                        void *ctx);

/* The fields that may not change, and that differ between two states of an object. */
void api_check_immutable(const struct api_schema *schema, const json_t *object, const json_t *old,
                         api_on_cause *on_cause, void *ctx);

/* api_check, then the rules that Istio's webhook applies to its kinds (weights, at least one route
 * or redirect, host names, ports ...). 0, or ERR_INVALID with the first fatal problem in `err`
 * (unknown fields and warnings are not fatal). on_problem may be NULL. */
MUST_USE int api_validate(const struct api_kind *kind, const json_t *object,
                          api_on_problem *on_problem, void *ctx, struct error *err);

/* The number of a gRPC status by its name ("UNAVAILABLE"); -1 when it is none. */
int api_grpc_status(const char *name);

/* Puts in the defaults of absent fields, in the objects and list items that are present; and empty
 * objects where Kubernetes has them. Takes out empty lists and maps where it has none. */
void api_default(const struct api_schema *schema, json_t *json);

#endif
