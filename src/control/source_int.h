/* SPDX-License-Identifier: Apache-2.0 */
/* The folder half of a source; see source.h.
 */
#ifndef WEFT_CONTROL_SOURCE_INT_H
#define WEFT_CONTROL_SOURCE_INT_H

#include "control/source.h"

struct folder;

/* Runs on_read(ctx, changed) after each reading, never within this call. */
MUST_USE int folder_new(struct loop *loop, const char *path, struct mesh_builder *builder,
                        void (*on_read)(void *ctx, bool changed), void *ctx, struct folder **ret,
                        struct error *err);
/* NULL is fine. */
void folder_free(struct folder *folder);
/* mesh_builder_put, with a log line when the object is refused. */
int source_put(struct mesh_builder *builder, enum mesh_kind kind, const json_t *object);

#endif
