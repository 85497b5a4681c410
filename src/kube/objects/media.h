/* SPDX-License-Identifier: Apache-2.0 */
/* Media types of the Kubernetes API: how bodies of requests are read, and how answers are wanted.
 *
 * Place   a server of the API
 * Owns    nothing
 * Limits  KUBE_BODY_DEPTH_MAX levels of JSON, the parsers' own for YAML and protobuf; the size is
 *         the caller's to bound
 * Spec    Kubernetes API concepts: alternate representations, receiving resources as Tables
 */
#ifndef WEFT_KUBE_OBJECTS_MEDIA_H
#define WEFT_KUBE_OBJECTS_MEDIA_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "wire/json.h"

enum { KUBE_BODY_DEPTH_MAX = 100 };

#define KUBE_MEDIA_APPLY "application/apply-patch+yaml"
/* What bodies of objects may be, for the answer to another one. */
#define KUBE_MEDIA_OBJECTS "application/json, application/yaml, application/vnd.kubernetes.protobuf"

enum kube_format {
    KUBE_FORMAT_UNKNOWN,
    KUBE_FORMAT_JSON,
    KUBE_FORMAT_YAML,
    KUBE_FORMAT_PROTOBUF,
};

/* A content type without its parameters (borrowed); application/json when it is empty. */
struct slice kube_media_type(struct slice content_type);
/* The format of a body of that type: of a patch, or of an object. */
enum kube_format kube_media_format(struct slice type, bool is_patch);
/* *ret is the caller's. ERR_INVALID with the parser's reason; ERR_UNSUPPORTED of an unknown format.
 */
MUST_USE int kube_media_decode(enum kube_format format, struct slice body, json_t **ret,
                               struct error *err);

/* How a client wants its answer. */
enum kube_accept {
    KUBE_ACCEPT_NONE, /* in no way that there is */
    KUBE_ACCEPT_JSON,
    KUBE_ACCEPT_YAML,
    KUBE_ACCEPT_TABLE,   /* rows to print */
    KUBE_ACCEPT_PARTIAL, /* metadata alone */
};

/* Of an Accept header, which may be empty. Who asks for protobuf gets JSON. */
enum kube_accept kube_media_accept(struct slice accept);

#endif
