/* SPDX-License-Identifier: Apache-2.0 */
/* ratings v1: stars of the two reviewers, kept in memory.
 *
 * Place   called by server.c for the image examples-bookinfo-ratings-v1
 * Owns    what was posted, one JSON object for all books, until the process ends
 * Limits  a posted object is at most EXCHANGE_BODY_MAX bytes
 */
#include "answer.h"
#include "base/mem.h"
#include "bookinfo.h"

struct ratings {
    json_t *posted; /* NULL before the first POST */
};

static void *ratings_open(const void *conf)
{
    (void)conf;
    return MEM_NEW(struct ratings);
}

static void ratings_close(void *service_state)
{
    struct ratings *ratings = service_state;

    json_decref(ratings->posted);
    mem_free(ratings);
}

static void answer(struct exchange *exchange, int64_t id)
{
    struct ratings *ratings = exchange->service_state;
    json_t *stars = ratings->posted ? json_incref(ratings->posted)
                                    : json_pack("{s:i,s:i}", "Reviewer1", 5, "Reviewer2", 4);

    answer_json(exchange, 200, json_pack("{s:I,s:o}", "id", (json_int_t)id, "ratings", stars),
                JSON_COMPACT);
}

static void rate(struct exchange *exchange, struct slice number)
{
    struct ratings *ratings = exchange->service_state;
    json_t *posted;
    int64_t id;

    if (slice_parse_i64(number, &id) < 0) {
        answer_error(exchange, 400, "please provide numeric product ID");
        return;
    }
    if (slice_eq_str(exchange->method, "POST")) {
        posted = json_loadb(exchange->body.data ? exchange->body.data : "", exchange->body.len,
                            JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(posted)) {
            json_decref(posted);
            answer_error(exchange, 400, "please provide valid ratings JSON");
            return;
        }
        json_decref(ratings->posted);
        ratings->posted = posted;
    }
    answer(exchange, id);
}

static void handle(struct exchange *exchange)
{
    struct slice rest;

    if (slice_eq_str(exchange->path, "/health"))
        answer_json(exchange, 200, json_pack("{s:s}", "status", "Ratings is healthy"),
                    JSON_COMPACT);
    else if (answer_path(exchange, "/ratings/", &rest))
        rate(exchange, rest);
    else
        answer_error(exchange, 404, "no such page");
}

const struct service_type ratings_service = {.name = "ratings",
                                             .port = BOOKINFO_PORT,
                                             .open = ratings_open,
                                             .close = ratings_close,
                                             .handle = handle};
