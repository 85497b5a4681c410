/* SPDX-License-Identifier: Apache-2.0 */
/* ratings in memory: the stars of the two reviewers, or of what was posted for a book.
 *
 * Version v1 always answers. The others do wrong to some of the questions, for people to see what a
 * mesh makes of it: `wrongs` is the list.
 *
 * Place   called by server.c for the images examples-bookinfo-ratings-v1, -v-faulty and so on
 * Owns    what was posted, until the process ends
 * Limits  a posted object is at most EXCHANGE_BODY_MAX bytes, for at most BOOKS_MAX books
 */
#include "ratings.h"

#include <inttypes.h>

#include "answer.h"
#include "base/mem.h"
#include "base/rng.h"
#include "bookinfo.h"

enum { BOOKS_MAX = 1000, MINUTE_MS = 60 * 1000 };

/* What a version does to the questions for stars; posts are always taken. */
struct wrong {
    const char *version;
    uint32_t period_ms; /* to all of them in every second period of this length; 0: to each by
                           chance, one of two */
    uint32_t delay_ms;  /* answers so much later; 0: answers 503 instead */
    bool told;          /* /health tells of it */
};

static const struct wrong wrongs[] = {
    {.version = "v-faulty"},
    {.version = "v-delayed", .delay_ms = 7000},
    {.version = "v-unavailable", .period_ms = MINUTE_MS},
    {.version = "v-unhealthy", .period_ms = 15 * MINUTE_MS, .told = true},
};

struct ratings {
    json_t *posted;            /* stars by the number of the book */
    const struct wrong *wrong; /* NULL: none */
    struct rng rng;
};

static void *ratings_open(const void *service_conf)
{
    const struct bookinfo_conf *conf = service_conf;
    struct ratings *ratings = MEM_NEW(struct ratings);

    ratings->posted = json_object();
    rng_init(&ratings->rng, conf->seed);
    for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
        if (strcmp(wrongs[i].version, conf->version) == 0)
            ratings->wrong = &wrongs[i];
    }
    return ratings;
}

static void ratings_close(void *service_state)
{
    struct ratings *ratings = service_state;

    json_decref(ratings->posted);
    mem_free(ratings);
}

static const char *key_of(struct exchange *exchange, int64_t book_id)
{
    return arena_printf(exchange->arena, "%" PRId64, book_id);
}

static void answer(struct exchange *exchange, int64_t book_id)
{
    struct ratings *ratings = exchange->service_state;
    json_t *stars = json_object_get(ratings->posted, key_of(exchange, book_id));

    stars = stars ? json_incref(stars) : json_pack("{s:i,s:i}", "Reviewer1", 5, "Reviewer2", 4);
    answer_json(exchange, 200, json_pack("{s:I,s:o}", "id", (json_int_t)book_id, "ratings", stars),
                JSON_COMPACT);
}

static void answer_late(struct exchange *exchange)
{
    const int64_t *book_id = exchange->state;

    answer(exchange, *book_id);
}

static void post(struct exchange *exchange, int64_t book_id)
{
    struct ratings *ratings = exchange->service_state;
    const char *key = key_of(exchange, book_id);
    json_t *stars = json_loadb(exchange->body.data ? exchange->body.data : "", exchange->body.len,
                               JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(stars)) {
        json_decref(stars);
        answer_error(exchange, 400, "please provide valid ratings JSON");
        return;
    }
    if (!json_object_get(ratings->posted, key) && json_object_size(ratings->posted) == BOOKS_MAX) {
        json_decref(stars);
        answer_error(exchange, 507, "too many books have ratings");
        return;
    }
    json_object_set_new(ratings->posted, key, stars);
    answer(exchange, book_id);
}

/* True in every second period since the start. */
static bool in_bad_period(struct exchange *exchange, const struct wrong *wrong)
{
    return wrong->period_ms && exchange_uptime_ms(exchange) / wrong->period_ms % 2 == 1;
}

static bool is_wronged(struct exchange *exchange, struct ratings *ratings)
{
    if (!ratings->wrong)
        return false;
    return ratings->wrong->period_ms ? in_bad_period(exchange, ratings->wrong)
                                     : rng_below(&ratings->rng, 2) == 0;
}

static void rate(struct exchange *exchange, int64_t book_id)
{
    struct ratings *ratings = exchange->service_state;

    if (slice_eq_str(exchange->method, "POST")) {
        post(exchange, book_id);
    } else if (!is_wronged(exchange, ratings)) {
        answer(exchange, book_id);
    } else if (ratings->wrong->delay_ms) {
        exchange->state = ARENA_NEW(exchange->arena, int64_t);
        *(int64_t *)exchange->state = book_id;
        exchange_later(exchange, ratings->wrong->delay_ms, answer_late);
    } else {
        answer_error(exchange, 503, "Service unavailable");
    }
}

static void handle(struct exchange *exchange)
{
    const struct ratings *ratings = exchange->service_state;
    bool told = ratings->wrong && ratings->wrong->told;

    ratings_handle(exchange, !told || !in_bad_period(exchange, ratings->wrong), rate);
}

const struct service_type ratings_service = {.name = "ratings",
                                             .port = BOOKINFO_PORT,
                                             .open = ratings_open,
                                             .close = ratings_close,
                                             .handle = handle};
