/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's volumes on the disk: what kube/pod_volume resolved on the loop is written by a job.
 *
 * Place   node agent
 * Owns    INSTANCE/pods/<uid>/volumes/<name>
 */
#ifndef WEFT_SANDBOX_NODE_VOLUME_H
#define WEFT_SANDBOX_NODE_VOLUME_H

#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

/* Makes or updates the folder. fs_group < 0: none. Blocking. */
MUST_USE int node_volume_write(const char *folder, const json_t *content, int64_t fs_group,
                               struct error *err);
/* Where a container's mount comes from: the folder, or the host's path. mem_free it. */
char *node_volume_source(const char *folder, const json_t *content);

#endif
