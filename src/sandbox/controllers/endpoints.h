/* SPDX-License-Identifier: Apache-2.0 */
/* What the endpoints of a Service should be: one EndpointSlice and its legacy twin, Endpoints, out
 * of the pods that its selector finds. kube/objects/slices.h reads what this writes.
 *
 * Place   a Service's controller
 * Owns    nothing: pods are borrowed
 * Limits  ENDPOINTS_MAX endpoints a Service; pods that resolve a named port differently: the first
 *         pod's number counts
 * Spec    discovery.k8s.io/v1 EndpointSlice, core v1 Endpoints
 */
#ifndef WEFT_SANDBOX_CONTROLLERS_ENDPOINTS_H
#define WEFT_SANDBOX_CONTROLLERS_ENDPOINTS_H

#include <jansson.h>

#include "base/prelude.h"

enum { ENDPOINTS_MAX = 100 };

/* The pods behind a Service. Zero-initialise. */
struct endpoints {
    const json_t *service; /* set by the user; borrowed, as the pods are */
    json_t *pods[ENDPOINTS_MAX];
    size_t count;
};

/* Takes the pod when the Service's selector finds it, it has an address and has not ended. */
void endpoints_add(struct endpoints *endpoints, json_t *pod);

/* Whether the slice is the one that this makes for the Service of that name. */
bool endpoints_slice_is_ours(const json_t *slice, const char *service);
/* The EndpointSlice to write: a new one, or `old` (NULL: none yet) with what has to change. NULL
 * when `old` is as it should be. New reference. */
json_t *endpoints_slice(const struct endpoints *endpoints, const json_t *old);

/* Whether the Endpoints object is made by this, not by a user. */
bool endpoints_legacy_is_ours(const json_t *object);
/* The Endpoints to write, in place of `old` (NULL: none yet); NULL when `old` is as it should be.
 * New reference. */
json_t *endpoints_legacy(const struct endpoints *endpoints, const json_t *old, int64_t now_ms);

#endif
