/* SPDX-License-Identifier: Apache-2.0 */
/* How a sample program reaches a server that speaks MongoDB's protocol (MongoDB, FerretDB).
 *
 * Place   bookinfo's ratings v2 and the store of ratings-api
 * Limits  every question blocks the caller, at most for the two times of mongo_open
 */
#ifndef SERVE_MONGO_H
#define SERVE_MONGO_H

#include <mongoc/mongoc.h>

/* A client with one connection, opened at the first question; NULL when `url` is malformed.
 * `connect_ms` bounds the search for the server, `answer_ms` each answer. The caller destroys the
 * client. */
mongoc_client_t *mongo_open(const char *url, int32_t connect_ms, int32_t answer_ms);

/* The database that the client's URL names, or `otherwise`. Borrows from both. */
const char *mongo_database(const mongoc_client_t *client, const char *otherwise);

#endif
