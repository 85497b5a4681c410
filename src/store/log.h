/* SPDX-License-Identifier: Apache-2.0 */
/* The database behind the store: one table of objects, one transaction a change.
 *
 * Place   store.c alone
 * Owns    the SQLite handle and prepared statements
 * Limits  a change that cannot be written (a full or read-only disk) is refused: ERR_IO, and
 *         store_log_problem says why
 */
#ifndef WEFT_STORE_LOG_H
#define WEFT_STORE_LOG_H

#include "store/store.h"

struct store_log;

MUST_USE int store_log_open(const char *path, struct store_log **ret, struct error *err);
/* NULL is fine. */
void store_log_close(struct store_log *log);
/* Calls on_row for each object; *ret_revision gets the last one written (untouched when none). */
MUST_USE int store_log_load(struct store_log *log, uint64_t *ret_revision,
                            int (*on_row)(const char *bucket, struct slice text, void *ctx,
                                          struct error *err),
                            void *ctx, struct error *err);
/* Writes one change with its revision: all of it, or (ERR_IO) nothing. */
MUST_USE int store_log_put(struct store_log *log, const char *bucket,
                           const struct store_object *object);
MUST_USE int store_log_remove(struct store_log *log, const char *bucket,
                              const struct store_object *object);
/* Why the last write failed; borrowed until the next one. */
const char *store_log_problem(const struct store_log *log);

#endif
