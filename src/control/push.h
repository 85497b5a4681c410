/* SPDX-License-Identifier: Apache-2.0 */
/* From the model to the proxies: debounce, snapshot, translate once a scope, send what changed.
 *
 *   push_mark ... quiet 10 ms (at most 100 ms) --> snapshot --> translate per shared key, then
 *                                                     |             the rest per distinct scope
 *                                                     |             --> xds_server of each stream
 *                                                     +--> on_snapshot (status)
 *
 * Place   weftd: the source marks, the servers of ports 15010 (and 15012) hand streams in
 * Owns    the current snapshot, the outputs by scope, one session a stream
 * Limits  PUSH_SESSIONS_MAX streams; beyond: RESOURCE_EXHAUSTED
 */
#ifndef WEFT_CONTROL_PUSH_H
#define WEFT_CONTROL_PUSH_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/stream.h"
#include "io/loop.h"
#include "model/mesh.h"

#include <jansson.h>

enum { PUSH_SESSIONS_MAX = 50000 };

struct push;

struct push_options {
    struct loop *loop;
    struct mesh_builder *builder; /* kept */
    /* A new snapshot is in force (borrowed). */
    void (*on_snapshot)(struct mesh *mesh, void *ctx);
    void *ctx;
};

/* Read-only for /metrics. */
struct push_counts {
    uint64_t snapshots, pushes, rejects, translate_failures;
    uint64_t sessions, sessions_total;
    uint64_t last_push_ms; /* how long the last one took: snapshot, translation, sending */
};

struct push *push_new(const struct push_options *options);
/* Ends all streams. NULL is fine. */
void push_free(struct push *push);
/* The mesh is whole: from now on proxies are served. Before, they wait. */
void push_start(struct push *push);
/* Something changed. */
void push_mark(struct push *push);
/* A request whose head just came (in on_head): an ADS call, or answered as unknown. */
void push_accept(struct push *push, struct http_stream *stream);
struct push_counts push_counts(const struct push *push);
/* One object a connected proxy, as istiod's /debug/syncz. A new array. */
json_t *push_proxies(const struct push *push);
/* The current snapshot, borrowed; NULL before push_start. */
struct mesh *push_mesh(const struct push *push);

#endif
