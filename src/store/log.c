/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite in WAL mode, one writer, a transaction a change (some 50 us without an fsync). See
 * log.h.
 *
 *   object(bucket, ns, name, revision, text)   primary key bucket, ns, name
 *   state(key, value)                          'revision': the last one used, deletions included
 */
#include "store/log.h"

#include "base/mem.h"

#include <sqlite3.h>
#include <stdio.h>

struct store_log {
    sqlite3 *database;
    sqlite3_stmt *put, *remove, *revision;
    char problem[160];
};

static const char log_schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA locking_mode=EXCLUSIVE;"
    "CREATE TABLE IF NOT EXISTS object(bucket TEXT, ns TEXT, name TEXT, revision INTEGER,"
    " text BLOB, PRIMARY KEY(bucket, ns, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value INTEGER);";

static int log_prepare(struct store_log *log, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v2(log->database, sql, -1, ret, NULL);
}

int store_log_open(const char *path, struct store_log **ret, struct error *err)
{
    struct store_log *log = MEM_NEW(struct store_log);

    if (sqlite3_open(path, &log->database) != SQLITE_OK ||
        sqlite3_exec(log->database, log_schema, NULL, NULL, NULL) != SQLITE_OK ||
        log_prepare(log, "REPLACE INTO object VALUES(?,?,?,?,?)", &log->put) != SQLITE_OK ||
        log_prepare(log, "DELETE FROM object WHERE bucket=? AND ns=? AND name=?", &log->remove) !=
            SQLITE_OK ||
        log_prepare(log, "REPLACE INTO state VALUES('revision',?)", &log->revision) != SQLITE_OK) {
        err_set_path(err, ERR_IO, path, "%s", sqlite3_errmsg(log->database));
        store_log_close(log);
        return ERR_IO;
    }
    *ret = log;
    return 0;
}

void store_log_close(struct store_log *log)
{
    if (log == NULL)
        return;
    sqlite3_finalize(log->put);
    sqlite3_finalize(log->remove);
    sqlite3_finalize(log->revision);
    sqlite3_close(log->database);
    mem_free(log);
}

int store_log_load(struct store_log *log, uint64_t *ret_revision,
                   int (*on_row)(const char *bucket, struct slice text, void *ctx,
                                 struct error *err),
                   void *ctx, struct error *err)
{
    sqlite3_stmt *query = NULL;
    int rc = 0;

    if (log_prepare(log, "SELECT bucket, text FROM object", &query) != SQLITE_OK)
        return err_set(err, ERR_IO, "%s", sqlite3_errmsg(log->database));
    while (rc == 0 && sqlite3_step(query) == SQLITE_ROW) {
        const void *text = sqlite3_column_blob(query, 1);

        rc = on_row((const char *)sqlite3_column_text(query, 0),
                    slice_make(text, (size_t)sqlite3_column_bytes(query, 1)), ctx, err);
    }
    sqlite3_finalize(query);
    if (rc != 0)
        return rc;
    if (log_prepare(log, "SELECT value FROM state WHERE key='revision'", &query) != SQLITE_OK)
        return err_set(err, ERR_IO, "%s", sqlite3_errmsg(log->database));
    if (sqlite3_step(query) == SQLITE_ROW)
        *ret_revision = (uint64_t)sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    return 0;
}

static int step(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);

    sqlite3_reset(statement);
    return rc == SQLITE_DONE ? 0 : ERR_IO;
}

static void key_bind(sqlite3_stmt *statement, const char *bucket, const struct store_object *object)
{
    sqlite3_bind_text(statement, 1, bucket, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, object->ns, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, object->name, -1, SQLITE_STATIC);
}

/* The row and the revision, as one transaction. */
static int change_write(struct store_log *log, sqlite3_stmt *row, uint64_t revision)
{
    int rc = sqlite3_exec(log->database, "BEGIN", NULL, NULL, NULL) == SQLITE_OK ? 0 : ERR_IO;

    if (rc == 0)
        rc = step(row);
    sqlite3_bind_int64(log->revision, 1, (sqlite3_int64)revision);
    if (rc == 0)
        rc = step(log->revision);
    if (rc == 0 && sqlite3_exec(log->database, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = ERR_IO;
    if (rc < 0) {
        snprintf(log->problem, sizeof log->problem, "%s", sqlite3_errmsg(log->database));
        sqlite3_exec(log->database, "ROLLBACK", NULL, NULL, NULL);
    }
    return rc;
}

int store_log_put(struct store_log *log, const char *bucket, const struct store_object *object)
{
    key_bind(log->put, bucket, object);
    sqlite3_bind_int64(log->put, 4, (sqlite3_int64)object->revision);
    sqlite3_bind_blob(log->put, 5, object->text.data, (int)object->text.len, SQLITE_STATIC);
    return change_write(log, log->put, object->revision);
}

int store_log_remove(struct store_log *log, const char *bucket, const struct store_object *object)
{
    key_bind(log->remove, bucket, object);
    return change_write(log, log->remove, object->revision);
}

const char *store_log_problem(const struct store_log *log)
{
    return log->problem;
}
