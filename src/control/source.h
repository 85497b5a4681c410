/* SPDX-License-Identifier: Apache-2.0 */
/* Where the mesh's objects come from: watches of a cluster, or a folder of YAML files.
 *
 *   kube caches (8 kinds)  --+
 *                            +--> mesh_builder_put / _remove --> on_change
 *   folder, read again    ---+
 *
 * Place   weftd feeds its builder from one source; status and roots read its caches
 * Owns    the caches
 * Limits  the caches' and the builder's; a folder of 10,000 files
 */
#ifndef WEFT_CONTROL_SOURCE_H
#define WEFT_CONTROL_SOURCE_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/loop.h"
#include "kube/cache.h"
#include "model/mesh.h"

struct source;

struct source_events {
    /* The mesh changed in something that matters. */
    void (*on_change)(void *ctx);
    /* Every kind was listed once: the mesh is whole. Runs once. */
    void (*on_synced)(void *ctx);
    /* A namespace appeared, changed or went (clusters only); may be NULL. */
    void (*on_namespace)(enum kube_change change, const json_t *ns, void *ctx);
};

/* Follows a cluster. `builder`, `client` and `events` are kept. */
MUST_USE int source_kube_new(struct kube_client *client, struct mesh_builder *builder,
                             const struct source_events *events, void *ctx, struct source **ret);
/* Reads every .yaml, .yml and .json file of `folder` now and whenever one changed (looked at each
 * half second). Documents that cannot be read are logged and left out. */
MUST_USE int source_folder_new(struct loop *loop, const char *folder, struct mesh_builder *builder,
                               const struct source_events *events, void *ctx, struct source **ret,
                               struct error *err);
/* NULL is fine. */
void source_free(struct source *source);
bool source_is_synced(const struct source *source);
/* The cache of a kind; NULL for a folder. */
struct kube_cache *source_cache(const struct source *source, enum mesh_kind kind);

#endif
