/* SPDX-License-Identifier: Apache-2.0 */
/* The document store of ratings-api, as JSON values.
 *
 *   items   {_id, uid, name, img}                          what visitors rate
 *   ratings {_id, rating, timestamp, raterIp, itemRated[]} one for each item of each visit
 *   sites   {_id, name, shortCode, pages}                  texts of the web pages
 *
 * Place   called by api.c; store.c talks to MongoDB, the unit tests have a store in memory
 * Limits  at most STORE_ROWS_MAX documents come back from one question, and the last
 *         STORE_RATINGS_MAX ratings are summed up
 */
#ifndef RATINGSAPP_STORE_H
#define RATINGSAPP_STORE_H

#include <jansson.h>

#include "base/prelude.h"

enum { STORE_ROWS_MAX = 1000, STORE_RATINGS_MAX = 100000 };

struct store;

/* `uri` as in MongoDB's documentation: mongodb://USER:PASSWORD@HOST:PORT/DATABASE. NULL when it is
 * malformed. Connects at the first question, not here. */
struct store *store_open(const char *uri);
void store_close(struct store *store);

/* Whether the server answers, told within some seconds. */
bool store_ping(struct store *store);

/* Each returns a value for the caller to free, or NULL when the store gives none. */
json_t *store_items(struct store *store); /* array of items, by uid; fills an empty store */
json_t *store_sums(struct store *store);  /* {id of an item: {stars, votes}} */
json_t *store_site(struct store *store, const char *code); /* array of the one site, or empty */

/* Both return false when the store did not take it. */
bool store_rate(struct store *store, const char *item_id, double rating, const char *rater_ip);
bool store_item_add(struct store *store, const json_t *item);

#endif
