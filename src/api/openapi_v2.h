/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI documents in version 2 ("swagger"), for clients older than v3: made of those of
 * api/openapi.h, as JSON and in the protobuf form that Go's clients ask for.
 *
 * Place   a server's /openapi/v2
 * Owns    nothing
 * Limits  what v2 cannot say is left out: alternatives (oneOf, anyOf, not), nullable values
 * Spec    OpenAPI 2.0; gnostic's OpenAPIv2.proto
 */
#ifndef WEFT_API_OPENAPI_V2_H
#define WEFT_API_OPENAPI_V2_H

#include <jansson.h>

#include "base/buf.h"
#include "base/prelude.h"
#include "base/slice.h"

#define OPENAPI_V2_PROTOBUF "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

/* The same kinds and operations as a v3 document. The caller owns the reference. */
json_t *openapi_v2_new(const json_t *v3);
/* Appends a v2 document in protobuf. ERR_LIMIT when `out` is full. */
MUST_USE int openapi_v2_encode(const json_t *v2, struct buf *out);
/* Whether an Accept header asks for protobuf. */
bool openapi_v2_wants_protobuf(struct slice accept);

#endif
