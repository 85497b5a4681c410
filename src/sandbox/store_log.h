/* SPDX-License-Identifier: Apache-2.0 */
/* The database behind the store: one table of objects, written in batches.
 *
 * Place   store.c alone
 * Owns    the SQLite handle, prepared statements, and the queue of rows to write
 * Limits  a commit that fails is logged and tried again with the next one
 */
#ifndef WEFT_SANDBOX_STORE_LOG_H
#define WEFT_SANDBOX_STORE_LOG_H

#include "sandbox/store.h"

struct store_log;

MUST_USE int store_log_open(const char *path, struct store_log **ret, struct error *err);
/* Commits and closes. NULL is fine. */
void store_log_close(struct store_log *log);
/* Calls on_row for each object; *ret_revision gets the last one written (untouched when none). */
MUST_USE int store_log_load(struct store_log *log, uint64_t *ret_revision,
                            int (*on_row)(const char *bucket, struct slice text, void *ctx,
                                          struct error *err),
                            void *ctx, struct error *err);
/* Queue; keep a reference to the object. `bucket` must outlive the log. */
void store_log_put(struct store_log *log, const char *bucket, struct store_object *object);
void store_log_remove(struct store_log *log, const char *bucket, struct store_object *object);
/* Writes the queue as one transaction. */
void store_log_commit(struct store_log *log);

#endif
