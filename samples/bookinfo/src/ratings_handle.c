/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of ratings; see ratings.h.
 *
 * Place   a part of both programs, bookinfo and bookinfo-ratings-db
 */
#include "answer.h"
#include "ratings.h"

void ratings_handle(struct exchange *exchange, bool healthy, ratings_rate *rate)
{
    struct slice rest;
    int64_t book_id;

    if (slice_eq_str(exchange->path, "/health"))
        answer_json(
            exchange, healthy ? 200 : 500,
            json_pack("{s:s}", "status", healthy ? "Ratings is healthy" : "Ratings is not healthy"),
            JSON_COMPACT);
    else if (!answer_path(exchange, "/ratings/", &rest))
        answer_error(exchange, 404, "no such page");
    else if (slice_parse_i64(rest, &book_id) < 0)
        answer_error(exchange, 400, "please provide numeric product ID");
    else
        rate(exchange, book_id);
}
