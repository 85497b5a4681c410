/* SPDX-License-Identifier: Apache-2.0 */
/* The paths that every version of ratings has: /health and /ratings/N.
 *
 * Place   ratings.c (in memory) and ratings_db.c (out of a database)
 */
#ifndef BOOKINFO_RATINGS_H
#define BOOKINFO_RATINGS_H

#include "exchange.h"

/* Answers a question about a book: GET asks for its stars, POST sets them. */
typedef void ratings_rate(struct exchange *exchange, int64_t book_id);

/* Answers /health by itself, 500 unless `healthy`; calls `rate` for a book; refuses what is no
 * number, and every other path. */
void ratings_handle(struct exchange *exchange, bool healthy, ratings_rate *rate);

#endif
