/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of Tables share: the cells that need code.
 *
 * Place   table.c, table_cells.c, table_pod.c; each function returns a fresh value
 * Owns    nothing
 */
#ifndef WEFT_API_TABLE_INT_H
#define WEFT_API_TABLE_INT_H

#include <jansson.h>

#include "api/table.h"
#include "base/buf.h"
#include "base/prelude.h"

/* The cell of a column of that kind, or NULL when there is no code for it. */
json_t *table_cell_of_code(const struct api_kind *kind, const char *column, const json_t *object,
                           int64_t now_ms);
/* How long ago that RFC 3339 text was, or `fallback`. */
json_t *table_cell_of_age(const char *time_text, const char *fallback, int64_t now_ms);

/* What was written, or `fallback`; empties the buffer for good. */
json_t *table_cell_of_buf(struct buf *buf, const char *fallback);
/* Some member of each item of a list (NULL: the item itself), "," between; or `fallback`. */
json_t *table_cell_of_join(const json_t *list, const char *member, const char *fallback);

/* "1/2": ready running containers of all. */
json_t *table_pod_ready(const json_t *pod, int64_t now_ms);
/* "Running", "Init:0/1", "CrashLoopBackOff", "Terminating" ... */
json_t *table_pod_status(const json_t *pod, int64_t now_ms);
/* "0", or "2 (16s ago)". */
json_t *table_pod_restarts(const json_t *pod, int64_t now_ms);
json_t *table_pod_gates(const json_t *pod, int64_t now_ms);

#endif
