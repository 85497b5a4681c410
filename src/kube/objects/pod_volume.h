/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod's volume holds, from its spec and the objects it names. Content is JSON:
 *
 *   {"kind": "files", "files": [{"path", "mode", "text" | "base64"}]}
 *       configMap, secret, downwardAPI, projected; each path stays inside the volume
 *   {"kind": "empty", "memory": bool, "size": bytes or 0}
 *   {"kind": "host", "path", "create": "dir" | "file" | null}
 *
 * Place   pure; whoever runs pods compares it with what is on disk, and writes it
 * Spec    Kubernetes core/v1 Volume
 */
#ifndef WEFT_KUBE_OBJECTS_POD_VOLUME_H
#define WEFT_KUBE_OBJECTS_POD_VOLUME_H

#include "kube/objects/pod_view.h"

/* Gives the pod's token for an audience ("" for the API server's), or NULL while it is not there
 * yet (the callee then asks for it). Borrowed. */
typedef const char *(*pod_volume_token)(const char *audience, int64_t expiration_s, void *ctx);

/* *ret is a new reference. ERR_NOT_FOUND: a ConfigMap, Secret or key is missing; ERR_AGAIN: a token
 * is; ERR_INVALID: a path that leads out of the volume, a field that is not one; ERR_UNSUPPORTED:
 * another kind of volume. */
MUST_USE int pod_volume_resolve(const struct pod_view *view, const json_t *volume,
                                pod_volume_token token, void *token_ctx, json_t **ret,
                                struct error *err);

#endif
