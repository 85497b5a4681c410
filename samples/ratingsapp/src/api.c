/* SPDX-License-Identifier: Apache-2.0 */
/* ratings-api: items to rate, what visitors gave them, and the order that comes out of it.
 *
 * Place   called by server.c for the image ratings-api
 * Owns    the store's client, from start to end
 * Limits  a question to the store blocks the process for as long as it takes (store.c)
 * Spec    the contract of the workshop's ratings-api: every answer is {message, status, payload}
 */
#include <math.h>

#include "answer.h"
#include "ratingsapp.h"
#include "store.h"

enum { LOADTEST_ROUNDS = 1000000, STARS_MAX = 5, IP_SIZE = 64, PORT_API = 3000 };

struct route {
    const char *method, *path;
    void (*handle)(struct exchange *exchange);
};

/* Answers in the envelope; takes `payload`, NULL for an empty list. */
static void answer(struct exchange *exchange, int status, const char *message, json_t *payload)
{
    exchange->open_to_all = true;
    answer_json(exchange, status,
                json_pack("{s:s,s:i,s:o}", "message", message, "status", status, "payload",
                          payload ? payload : json_array()),
                JSON_COMPACT);
}

static void answer_failure(struct exchange *exchange)
{
    answer(exchange, 500, "the document store does not answer", NULL);
}

static void root(struct exchange *exchange)
{
    answer(exchange, 200, "Default ratings api endpoint", NULL);
}

static void api_root(struct exchange *exchange)
{
    answer(exchange, 200, "Default /api endpoint for rating-api", NULL);
}

static void healthz(struct exchange *exchange)
{
    if (store_ping(exchange->service_state))
        answer(exchange, 200, "API health check - OK", NULL);
    else
        answer(exchange, 500, "API health check - FAILURE - disconnected", NULL);
}

static void items(struct exchange *exchange)
{
    json_t *all = store_items(exchange->service_state);

    if (all)
        answer(exchange, 200, "items", all);
    else
        answer_failure(exchange);
}

/* --- the leaderboard --- */

static json_t *row(const json_t *item, const json_t *sum)
{
    double stars = json_number_value(json_object_get(sum, "stars"));
    double votes = json_number_value(json_object_get(sum, "votes"));
    double average = votes > 0 ? stars / votes : 0;

    return json_pack("{s:O,s:O,s:f,s:I,s:f,s:b}", "name", json_object_get(item, "name"), "img",
                     json_object_get(item, "img"), "stars", stars, "votes", (json_int_t)votes,
                     "average", average, "halfstar", (long)floor(average * 2 + 0.5) % 2 != 0);
}

/* Puts `line` behind those with as many stars or more. */
static void row_insert(json_t *board, json_t *line)
{
    double stars = json_number_value(json_object_get(line, "stars"));
    size_t at = json_array_size(board);

    while (at > 0 &&
           json_number_value(json_object_get(json_array_get(board, at - 1), "stars")) < stars)
        at--;
    json_array_insert_new(board, at, line);
}

static void rated(struct exchange *exchange)
{
    json_t *sums = store_sums(exchange->service_state);
    json_t *all = store_items(exchange->service_state);
    json_t *board = json_array(), *item;
    size_t i;

    json_array_foreach(all, i, item)
    {
        const json_t *sum = json_object_get(sums, json_string_value(json_object_get(item, "_id")));

        if (sum && json_object_get(item, "name") && json_object_get(item, "img"))
            row_insert(board, row(item, sum));
    }
    if (sums && all)
        answer(exchange, 200, "rated items", json_incref(board));
    else
        answer_failure(exchange);
    json_decref(board);
    json_decref(all);
    json_decref(sums);
}

/* --- sites, ratings, new items --- */

static void site(struct exchange *exchange, struct slice code)
{
    json_t *found = store_site(exchange->service_state,
                               arena_printf(exchange->arena, "%.*s", (int)code.len, code.data));

    if (!found)
        answer_failure(exchange);
    else if (json_array_size(found) == 0)
        answer(exchange, 404, "no such site", NULL);
    else
        answer(exchange, 200, "site", json_incref(json_array_get(found, 0)));
    json_decref(found);
}

static json_t *posted(const struct exchange *exchange)
{
    return exchange->body.len
               ? json_loadb(exchange->body.data, exchange->body.len, JSON_REJECT_DUPLICATES, NULL)
               : NULL;
}

/* 400 for a rating that is none, 500 when the store does not take one, else 200. */
static int rate_all(struct exchange *exchange, const json_t *ratings, const char *rater_ip)
{
    size_t i;
    json_t *rating;

    json_array_foreach(ratings, i, rating)
    {
        double stars = json_number_value(json_object_get(rating, "rating"));

        if (!json_is_string(json_object_get(rating, "id")) ||
            !json_is_number(json_object_get(rating, "rating")) || stars < 0 || stars > STARS_MAX)
            return 400;
    }
    json_array_foreach(ratings, i, rating)
    {
        if (!store_rate(exchange->service_state, json_string_value(json_object_get(rating, "id")),
                        json_number_value(json_object_get(rating, "rating")), rater_ip))
            return 500;
    }
    return json_array_size(ratings) > 0 ? 200 : 400;
}

static void rate(struct exchange *exchange)
{
    json_t *body = posted(exchange);
    const char *ip = json_string_value(json_object_get(body, "userIp"));
    int status =
        rate_all(exchange, json_object_get(body, "ratings"), ip && strlen(ip) < IP_SIZE ? ip : "");

    if (status == 200)
        answer(exchange, 200, "ok", NULL);
    else if (status == 400)
        answer(exchange, 400, "ratings: want [{id, rating from 0 to 5}]", NULL);
    else
        answer_failure(exchange);
    json_decref(body);
}

static void item_add(struct exchange *exchange)
{
    json_t *body = posted(exchange);

    if (!json_is_string(json_object_get(body, "name")))
        answer(exchange, 400, "name: want a text", NULL);
    else if (!store_item_add(exchange->service_state, body))
        answer_failure(exchange);
    else
        answer(exchange, 200, "ok", NULL);
    json_decref(body);
}

/* Keeps a processor busy for some milliseconds: what the autoscaler is to see. */
static void loadtest(struct exchange *exchange)
{
    volatile double sum = 0;

    for (int i = 0; i < LOADTEST_ROUNDS; i++)
        sum = sum + sqrt(i);
    answer(exchange, 200, "load test done", NULL);
}

static void *api_open(const void *conf)
{
    return store_open(((const struct ratingsapp_conf *)conf)->mongodb_uri);
}

static void api_close(void *service_state)
{
    store_close(service_state);
}

static const struct route routes[] = {
    {"GET", "/", root},
    {"GET", "/healthz", healthz},
    {"GET", "/api", api_root},
    {"GET", "/api/items", items},
    {"GET", "/api/items/rated", rated},
    {"GET", "/api/loadtest", loadtest},
    {"POST", "/api/rate", rate},
    {"POST", "/api/item", item_add},
};

static void handle(struct exchange *exchange)
{
    struct slice code;

    if (!exchange->service_state) {
        answer(exchange, 500, "MONGODB_URI: not a MongoDB address", NULL);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (slice_eq_str(exchange->path, routes[i].path) &&
            slice_eq_str(exchange->method, routes[i].method)) {
            routes[i].handle(exchange);
            return;
        }
    }
    if (answer_path(exchange, "/api/sites/", &code) && slice_eq_str(exchange->method, "GET"))
        site(exchange, code);
    else if (slice_eq_str(exchange->method, "OPTIONS"))
        answer(exchange, 200, "ok", NULL);
    else
        answer(exchange, 404, "no such endpoint", NULL);
}

const struct service_type api_service = {.name = "ratings-api",
                                         .port = PORT_API,
                                         .open = api_open,
                                         .close = api_close,
                                         .handle = handle};
