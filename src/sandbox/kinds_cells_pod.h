/* SPDX-License-Identifier: Apache-2.0 */
/* The cells of a pod's row.
 *
 * Place   kinds_cells.c alone; each returns a fresh value
 * Owns    nothing
 */
#ifndef WEFT_SANDBOX_KINDS_CELLS_POD_H
#define WEFT_SANDBOX_KINDS_CELLS_POD_H

#include "base/prelude.h"
#include "wire/json.h"

/* "1/2": ready running containers of all. */
json_t *kinds_cell_pod_ready(const json_t *pod, int64_t now_ms);
/* "Running", "Init:0/1", "CrashLoopBackOff", "Terminating" ... */
json_t *kinds_cell_pod_status(const json_t *pod, int64_t now_ms);
/* "0", or "2 (16s ago)". */
json_t *kinds_cell_pod_restarts(const json_t *pod, int64_t now_ms);
json_t *kinds_cell_pod_gates(const json_t *pod, int64_t now_ms);

#endif
