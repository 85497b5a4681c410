/* SPDX-License-Identifier: Apache-2.0 */
/* The life of parts, for builder.c.
 */
#ifndef WEFT_MODEL_SNAPSHOT_INT_H
#define WEFT_MODEL_SNAPSHOT_INT_H

#include "model/mesh_int.h"

/* Heap memory of a zeroed part: one reference, an empty arena. */
void mesh_part_init(struct mesh_part *part);
struct mesh_part *mesh_part_ref(struct mesh_part *part);
/* NULL is fine. */
void mesh_part_unref(struct mesh_part *part);

#endif
