/* SPDX-License-Identifier: Apache-2.0 */
/* ratings in memory: the contract of v1, and how each other version does wrong.
 *
 * Place   tests samples/bookinfo/src/ratings.c and ratings_handle.c
 */
#include <stdio.h>

#include "bookinfo.h"
#include "fake.h"
#include "test.h"

static const char plain[] = "{\"id\":7,\"ratings\":{\"Reviewer1\":5,\"Reviewer2\":4}}";

static struct bookinfo_conf conf_of(const char *version)
{
    return (struct bookinfo_conf){.version = version, .seed = 1};
}

/* What one request sees of a service: its status, and how late it was. */
struct seen {
    int status;
    uint32_t delay_ms;
};

static struct seen look(void *service, uint64_t uptime_ms, const char *path)
{
    struct fake fake = {.exchange.service_state = service, .uptime_ms = uptime_ms};
    struct seen seen;

    fake_ask(&fake, &ratings_service, "GET", path);
    if (fake.status == 503)
        assert_string_equal(fake.body, "{\"error\":\"Service unavailable\"}");
    else if (strcmp(path, "/ratings/7") == 0)
        assert_string_equal(fake.body, plain);
    seen = (struct seen){fake.status, fake.delay_ms};
    fake_end(&fake);
    return seen;
}

/* Posts `body`; the status, with the whole answer when `answer` is given. */
static int post(void *service, const char *path, const char *body, const char *answer)
{
    struct fake fake = {.exchange = {.service_state = service, .body = slice_str(body)}};
    int status;

    fake_ask(&fake, &ratings_service, "POST", path);
    if (answer)
        assert_string_equal(fake.body, answer);
    status = fake.status;
    fake_end(&fake);
    return status;
}

static void v1_answers(void **state)
{
    struct bookinfo_conf conf = conf_of("v1");

    (void)state;
    fake_expect(&ratings_service, &conf, "/ratings/7", 200, plain);
    fake_expect(&ratings_service, &conf, "/ratings/seven", 400,
                "{\"error\":\"please provide numeric product ID\"}");
    fake_expect(&ratings_service, &conf, "/health", 200, "{\"status\":\"Ratings is healthy\"}");
    fake_expect(&ratings_service, &conf, "/books", 404, "{\"error\":\"no such page\"}");
}

static void posts_are_kept_by_book(void **state)
{
    struct bookinfo_conf conf = conf_of("v1");
    void *service = ratings_service.open(&conf);

    (void)state;
    assert_int_equal(post(service, "/ratings/0", "{\"Reviewer1\":", NULL), 400);
    assert_int_equal(post(service, "/ratings/0", "", NULL), 400);
    assert_int_equal(post(service, "/ratings/x", "{}", NULL), 400);
    assert_int_equal(post(service, "/ratings/0", "{\"Reviewer1\":1}",
                          "{\"id\":0,\"ratings\":{\"Reviewer1\":1}}"),
                     200);
    assert_int_equal(look(service, 0, "/ratings/0").status, 200);
    assert_int_equal(look(service, 0, "/ratings/7").status, 200); /* compares: not the posted */
    ratings_service.close(service);
}

static void books_with_posts_are_bounded(void **state)
{
    struct bookinfo_conf conf = conf_of("v1");
    void *service = ratings_service.open(&conf);
    char path[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "/ratings/%d", i);
        assert_int_equal(post(service, path, "{}", NULL), 200);
    }
    assert_int_equal(post(service, "/ratings/1000", "{}", NULL), 507);
    assert_int_equal(post(service, "/ratings/999", "{}", NULL), 200);
    ratings_service.close(service);
}

static void about_half_are_wronged_by_chance(void **state)
{
    static const struct {
        const char *version;
        struct seen bad;
    } rows[] = {{"v-faulty", {503, 0}}, {"v-delayed", {200, 7000}}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bookinfo_conf conf = conf_of(rows[i].version);
        void *service = ratings_service.open(&conf);
        int bad = 0;

        for (int j = 0; j < 1000; j++) {
            struct seen seen = look(service, 0, "/ratings/7");

            if (memcmp(&seen, &rows[i].bad, sizeof seen) == 0)
                bad++;
            else
                assert_memory_equal(&seen, (&(struct seen){200, 0}), sizeof seen);
        }
        assert_in_range(bad, 400, 600);
        assert_int_equal(look(service, 0, "/health").status, 200);
        assert_int_equal(post(service, "/ratings/0", "{}", NULL), 200);
        ratings_service.close(service);
    }
}

static void every_second_period_is_bad(void **state)
{
    static const struct {
        const char *version;
        uint64_t uptime_ms;
        int stars, health;
    } rows[] = {
        {"v-unavailable", 0, 200, 200},      {"v-unavailable", 59999, 200, 200},
        {"v-unavailable", 60000, 503, 200},  {"v-unavailable", 119999, 503, 200},
        {"v-unavailable", 120000, 200, 200}, {"v-unhealthy", 60000, 200, 200},
        {"v-unhealthy", 899999, 200, 200},   {"v-unhealthy", 900000, 503, 500},
        {"v-unhealthy", 1800000, 200, 200},  {"v-faulty-or-so", 60000, 200, 200},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bookinfo_conf conf = conf_of(rows[i].version);
        void *service = ratings_service.open(&conf);

        assert_int_equal(look(service, rows[i].uptime_ms, "/ratings/7").status, rows[i].stars);
        assert_int_equal(look(service, rows[i].uptime_ms, "/health").status, rows[i].health);
        ratings_service.close(service);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v1_answers),
        cmocka_unit_test(posts_are_kept_by_book),
        cmocka_unit_test(books_with_posts_are_bounded),
        cmocka_unit_test(about_half_are_wronged_by_chance),
        cmocka_unit_test(every_second_period_is_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
