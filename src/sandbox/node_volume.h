/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's volumes: from the spec to what is to be on disk (pure), and onto the disk.
 *
 *   resolve (loop, reads the caches)  ->  content: JSON  ->  write (job thread)
 *   {"kind": "files", "files": [{"path", "mode", "text" | "base64"}]}
 *   {"kind": "empty", "memory": bool}     {"kind": "host", "path", "create": "dir"|"file"|null}
 *
 * Files live in FOLDER/..TIME/, FOLDER/..data links there and is swapped by rename, FOLDER/name
 * links to ..data/name: so a reader sees the old files or the new, never a mix.
 *
 * Place   node agent
 * Owns    INSTANCE/pods/<uid>/volumes/<name>
 * Spec    Kubernetes core/v1 Volume: emptyDir, configMap, secret, downwardAPI, projected, hostPath
 */
#ifndef WEFT_SANDBOX_NODE_VOLUME_H
#define WEFT_SANDBOX_NODE_VOLUME_H

#include "base/err.h"
#include "base/prelude.h"
#include "sandbox/node_env.h"
#include "wire/json.h"

/* Gives the pod's token for an audience ("" for the API server's), or NULL while it is not there
 * yet (the callee then asks for it). Borrowed. */
typedef const char *(*node_token_get)(const char *audience, int64_t expiration_s, void *ctx);

/* *ret is a new reference. ERR_NOT_FOUND: a ConfigMap, Secret or key is missing; ERR_AGAIN: a token
 * is; ERR_UNSUPPORTED: not a kind of volume that this node has. */
MUST_USE int node_volume_resolve(const struct node_pod_view *view, const json_t *volume,
                                 node_token_get token, void *token_ctx, json_t **ret,
                                 struct error *err);

/* Makes or updates the folder. fs_group < 0: none. Blocking. */
MUST_USE int node_volume_write(const char *folder, const json_t *content, int64_t fs_group,
                               struct error *err);
/* Where a container's mount comes from: the folder, or the host's path. mem_free it. */
char *node_volume_source(const char *folder, const json_t *content);

#endif
