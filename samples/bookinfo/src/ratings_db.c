/* SPDX-License-Identifier: Apache-2.0 */
/* ratings v2: the stars of the two reviewers, out of a database.
 *
 * Place   called by server.c for the image examples-bookinfo-ratings-v2
 * Spec    Istio's sample, but for one thing: a MySQL server that cannot be reached is answered with
 *         500, as MongoDB's, and not with 200 and no JSON
 */
#include "answer.h"
#include "bookinfo.h"
#include "ratings.h"
#include "ratings_db.h"

static void rate(struct exchange *exchange, int64_t book_id)
{
    const struct ratings_db_conf *conf = exchange->conf;
    int stars[RATINGS_COUNT] = {0};

    if (slice_eq_str(exchange->method, "POST")) {
        answer_error(exchange, 501, "Post not implemented for database backed ratings");
        return;
    }
    switch (conf->mysql ? ratings_mysql_read(conf, stars) : ratings_mongodb_read(conf, stars)) {
    case RATINGS_DB_NOT_CONNECTED:
        answer_error(exchange, 500, "could not connect to ratings database");
        return;
    case RATINGS_DB_NOT_READ:
        answer_error(exchange, 500,
                     conf->mysql ? "could not perform select"
                                 : "could not load ratings from database");
        return;
    case RATINGS_DB_FINE:
        answer_json(exchange, 200,
                    json_pack("{s:I,s:{s:i,s:i}}", "id", (json_int_t)book_id, "ratings",
                              "Reviewer1", stars[0], "Reviewer2", stars[1]),
                    JSON_COMPACT);
    }
}

static void handle(struct exchange *exchange)
{
    ratings_handle(exchange, true, rate);
}

const struct service_type ratings_db_service = {
    .name = "ratings-db", .port = BOOKINFO_PORT, .handle = handle};
