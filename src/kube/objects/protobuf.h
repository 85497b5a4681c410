/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf bodies of built-in kinds into JSON trees, by the field numbers of api/'s tables.
 *
 * Place   the API server's request bodies
 * Owns    nothing
 * Limits  40 levels deep; the body's own size bounds the rest (each element of the tree needs at
 *         least a byte of it)
 * Spec    the published .proto files of k8s.io/api (proto2); unknown fields are dropped
 */
#ifndef WEFT_KUBE_OBJECTS_PROTOBUF_H
#define WEFT_KUBE_OBJECTS_PROTOBUF_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "wire/json.h"

/* An object in its envelope, "k8s\0" first; *ret is the caller's. ERR_INVALID: not such a body, or
 * of a kind that no table names. */
MUST_USE int kube_protobuf_decode(struct slice body, json_t **ret, struct error *err);

#endif
