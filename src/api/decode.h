/* SPDX-License-Identifier: Apache-2.0 */
/* JSON trees into the C structs of api/kinds.h.
 *
 * Place   model and control decode watched objects; inject and install their typed inputs
 * Owns    nothing; the structs and their texts live in the caller's arena, and outlive the tree
 */
#ifndef WEFT_API_DECODE_H
#define WEFT_API_DECODE_H

#include <jansson.h>

#include "api/schema.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/prelude.h"

/* Decodes `json` into the struct that the generator made for `schema` (api/kinds.h names both:
 * `api_virtual_service_schema`, `struct api_virtual_service`); *ret_struct (the struct, zeroed
 * here) is filled. Unknown fields are passed over, a JSON null is absent. ERR_INVALID with the
 * field's path ("spec.http[0].route[0].weight") and "must be an integer". Copies all texts into
 * `arena`. */
MUST_USE int api_decode(const struct api_schema *schema, const json_t *json, struct arena *arena,
                        void *ret_struct, struct error *err);

/* "1h2m3.5s" in nanoseconds, as Go and Istio write durations. ERR_INVALID otherwise. */
MUST_USE int api_duration_parse(struct slice text, int64_t *ret_ns);

#endif
