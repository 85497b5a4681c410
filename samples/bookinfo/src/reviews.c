/* SPDX-License-Identifier: Apache-2.0 */
/* reviews: two texts, with stars from ratings in v2 (black) and v3 (red), none in v1.
 *
 * Place   called by server.c for the images examples-bookinfo-reviews-v1, -v2 and -v3
 * Spec    Istio's sample: always 200; without stars in time each review carries an error instead.
 *         v2 waits 10 s, v3 only 2.5 s: the fault injection tutorial rests on it
 */
#include "answer.h"
#include "bookinfo.h"

static const struct {
    const char *name, *text;
} reviewers[] = {
    {"Reviewer1", "An extremely entertaining play by Shakespeare. The slapstick humour is "
                  "refreshing!"},
    {"Reviewer2", "Absolutely fun and entertaining. The play lacks thematic depth when compared to "
                  "other plays by Shakespeare."},
};

/* The rating of one reviewer in the answer of ratings; `stars` may be NULL. */
static json_t *rating(const struct exchange *exchange, const json_t *stars, const char *reviewer)
{
    const struct bookinfo_conf *conf = exchange->conf;
    const json_t *count = json_object_get(stars, reviewer);

    if (!json_is_integer(count))
        return json_pack("{s:s}", "error", "Ratings service is currently unavailable");
    return json_pack("{s:I,s:s}", "stars", json_integer_value(count), "color", conf->star_color);
}

static void answer(struct exchange *exchange, const json_t *stars)
{
    const struct bookinfo_conf *conf = exchange->conf;
    json_t *reviews = json_array();

    for (size_t i = 0; i < ARRAY_LEN(reviewers); i++) {
        json_t *review =
            json_pack("{s:s,s:s}", "reviewer", reviewers[i].name, "text", reviewers[i].text);

        if (conf->ratings_enabled)
            json_object_set_new(review, "rating", rating(exchange, stars, reviewers[i].name));
        json_array_append_new(reviews, review);
    }
    answer_json(exchange, 200,
                json_pack("{s:s,s:s,s:s,s:o}", "id", (const char *)exchange->state, "podname",
                          conf->podname, "clustername", conf->clustername, "reviews", reviews),
                0);
}

static void on_ratings(struct exchange *exchange, int status, struct slice body)
{
    json_t *answered = status == 200 ? json_loadb(body.data, body.len, 0, NULL) : NULL;

    answer(exchange, json_object_get(answered, "ratings"));
    json_decref(answered);
}

static void review(struct exchange *exchange, struct slice number)
{
    const struct bookinfo_conf *conf = exchange->conf;
    int64_t id;

    if (slice_parse_i64(number, &id) < 0) {
        answer_error(exchange, 404, "no such page");
        return;
    }
    exchange->state = arena_printf(exchange->arena, "%lld", (long long)id);
    if (!conf->ratings_enabled) {
        answer(exchange, NULL);
        return;
    }
    exchange_call(
        exchange,
        &(struct exchange_call){
            .host = conf->ratings_host,
            .port = conf->ratings_port,
            .path = arena_printf(exchange->arena, "/ratings/%s", (const char *)exchange->state),
            .timeout_ms = strcmp(conf->star_color, "black") == 0 ? 10000 : 2500,
            .forward = answer_forward_all},
        on_ratings);
}

static void handle(struct exchange *exchange)
{
    struct slice rest;

    if (slice_eq_str(exchange->path, "/health"))
        answer_json(exchange, 200, json_pack("{s:s}", "status", "Reviews is healthy"), 0);
    else if (answer_path(exchange, "/reviews/", &rest))
        review(exchange, rest);
    else
        answer_error(exchange, 404, "no such page");
}

const struct service_type reviews_service = {
    .name = "reviews", .port = BOOKINFO_PORT, .handle = handle};
