/* SPDX-License-Identifier: Apache-2.0 */
/* ratings-api's contract and ratings-web's paths, with a store in memory and no network.
 *
 * Place   tests samples/ratingsapp/src/api.c and web.c
 */
#include "fake.h"
#include "ratingsapp.h"
#include "store.h"
#include "test.h"

/* --- the store: two items, and what was rated --- */

struct store {
    json_t *sums;
    bool broken;
};

static struct store the_store;

struct store *store_open(const char *uri)
{
    if (strncmp(uri, "mongodb://", 10) != 0)
        return NULL;
    the_store = (struct store){.sums = json_object()};
    return &the_store;
}

void store_close(struct store *store)
{
    if (store)
        json_decref(store->sums);
}

bool store_ping(struct store *store)
{
    return !store->broken;
}

json_t *store_items(struct store *store)
{
    return store->broken ? NULL
                         : json_loads("[{\"_id\":\"a\",\"name\":\"A\",\"img\":\"/a\"},"
                                      "{\"_id\":\"b\",\"name\":\"B\",\"img\":\"/b\"}]",
                                      0, NULL);
}

json_t *store_sums(struct store *store)
{
    return store->broken ? NULL : json_incref(store->sums);
}

json_t *store_site(struct store *store, const char *code)
{
    (void)store;
    return strcmp(code, "FR") == 0 ? json_loads("[{\"name\":\"Fruit\"}]", 0, NULL) : json_array();
}

bool store_rate(struct store *store, const char *item_id, double rating, const char *rater_ip)
{
    (void)rater_ip;
    json_object_set_new(store->sums, item_id, json_pack("{s:f,s:i}", "stars", rating, "votes", 2));
    return !store->broken;
}

bool store_item_add(struct store *store, const json_t *item)
{
    (void)item;
    return !store->broken;
}

/* --- one request --- */

static const struct ratingsapp_conf conf = {.mongodb_uri = "mongodb://x/y",
                                            .api_host = "api",
                                            .api_port = 80,
                                            .site_code = "FR",
                                            .web_root = "/nonexistent"};

/* Runs one request; what came is in *fake until fake_end. */
static void ask(struct fake *fake, const struct service_type *type, void *state, const char *method,
                const char *path, const char *body)
{
    fake->exchange.body = slice_str(body);
    fake->exchange.conf = &conf;
    fake->exchange.service_state = state;
    fake_ask(fake, type, method, path);
}

struct row {
    const char *method, *path, *body;
    int status;
    const char *part; /* of the answer */
};

static void assert_rows(const struct row *rows, size_t count, void *state)
{
    for (size_t i = 0; i < count; i++) {
        struct fake fake = {0};

        ask(&fake, &api_service, state, rows[i].method, rows[i].path, rows[i].body);
        if (fake.status != rows[i].status || !strstr(fake.body, rows[i].part))
            fail_msg("%s %s: %d %s", rows[i].method, rows[i].path, fake.status, fake.body);
        assert_true(fake.exchange.open_to_all);
        fake_end(&fake);
    }
}

static void test_api_answers_in_the_envelope(void **unused)
{
    static const struct row rows[] = {
        {"GET", "/", NULL, 200,
         "{\"message\":\"Default ratings api endpoint\",\"status\":200,\"payload\":[]}"},
        {"GET", "/api", NULL, 200, "\"Default /api endpoint for rating-api\""},
        {"GET", "/healthz", NULL, 200, "\"API health check - OK\""},
        {"GET", "/api/items", NULL, 200, "\"payload\":[{\"_id\":\"a\""},
        {"GET", "/api/items/rated", NULL, 200, "\"payload\":[]"},
        {"GET", "/api/sites/FR", NULL, 200, "\"payload\":{\"name\":\"Fruit\"}"},
        {"GET", "/api/sites/XX", NULL, 404, "no such site"},
        {"GET", "/api/loadtest", NULL, 200, "load test"},
        {"OPTIONS", "/api/rate", NULL, 200, "ok"},
        {"POST", "/api/rate", "{\"ratings\":[{\"id\":\"a\",\"rating\":6}]}", 400, "0 to 5"},
        {"POST", "/api/rate", "{\"ratings\":[{\"id\":1,\"rating\":1}]}", 400, "0 to 5"},
        {"POST", "/api/rate", "{}", 400, "0 to 5"},
        {"POST", "/api/rate", "no JSON", 400, "0 to 5"},
        {"POST", "/api/item", "{\"name\":\"C\"}", 200, "\"ok\""},
        {"POST", "/api/item", "{}", 400, "name"},
        {"GET", "/elsewhere", NULL, 404, "no such endpoint"},
    };
    void *state = api_service.open(&conf);

    (void)unused;
    assert_rows(rows, ARRAY_LEN(rows), state);
    api_service.close(state);
}

static void test_api_orders_by_stars(void **unused)
{
    static const struct row rows[] = {
        {"POST", "/api/rate",
         "{\"userIp\":\"1\",\"ratings\":[{\"id\":\"a\",\"rating\":1},{\"id\":\"b\",\"rating\":5}]}",
         200, "\"ok\""},
        {"GET", "/api/items/rated", NULL, 200,
         "[{\"name\":\"B\",\"img\":\"/b\",\"stars\":5.0,\"votes\":2,\"average\":2.5,"
         "\"halfstar\":true},{\"name\":\"A\",\"img\":\"/a\",\"stars\":1.0,\"votes\":2,"
         "\"average\":0.5,\"halfstar\":true}]"},
    };
    void *state = api_service.open(&conf);

    (void)unused;
    assert_rows(rows, ARRAY_LEN(rows), state);
    api_service.close(state);
}

static void test_api_says_when_the_store_is_away(void **unused)
{
    static const struct row rows[] = {
        {"GET", "/healthz", NULL, 500, "API health check - FAILURE"},
        {"GET", "/api/items", NULL, 500, "store"},
        {"GET", "/api/items/rated", NULL, 500, "store"},
        {"POST", "/api/rate", "{\"ratings\":[{\"id\":\"a\",\"rating\":5}]}", 500, "store"},
        {"POST", "/api/item", "{\"name\":\"C\"}", 500, "store"},
    };
    static const struct row unset = {"GET", "/healthz", NULL, 500, "MONGODB_URI"};
    void *state = api_service.open(&conf);

    (void)unused;
    the_store.broken = true;
    assert_rows(rows, ARRAY_LEN(rows), state);
    api_service.close(state);
    assert_rows(&unset, 1, NULL);
}

static void test_web_passes_api_on(void **unused)
{
    static const struct fake_answer tea[] = {{"/api/rate", 418, "tea"}, {0}};
    struct fake fake = {.answers = tea}, none = {0};

    (void)unused;
    ask(&fake, &web_service, NULL, "POST", "/api/rate", "{}");
    assert_string_equal(fake.calls, "api:80/api/rate ");
    assert_string_equal(fake.call_method, "POST");
    assert_string_equal(fake.call_body, "{}");
    assert_int_equal(fake.status, 418);
    assert_string_equal(fake.body, "tea");
    fake_end(&fake);

    ask(&none, &web_service, NULL, "GET", "/api", NULL);
    assert_int_equal(none.status, 504);
    fake_end(&none);
}

static void test_web_keeps_to_its_folder(void **unused)
{
    static const char *const paths[] = {"/../etc/passwd", "/a/..", "/x%2e.js", "/nothing.js", "/"};
    struct fake site = {0}, post = {0};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct fake fake = {0};

        ask(&fake, &web_service, NULL, "GET", paths[i], NULL);
        assert_int_equal(fake.status, 404);
        fake_end(&fake);
    }
    ask(&site, &web_service, NULL, "GET", "/site.json", NULL);
    assert_string_equal(site.body, "{\"code\":\"FR\"}");
    fake_end(&site);
    ask(&post, &web_service, NULL, "POST", "/", NULL);
    assert_int_equal(post.status, 405);
    fake_end(&post);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_api_answers_in_the_envelope),
        cmocka_unit_test(test_api_orders_by_stars),
        cmocka_unit_test(test_api_says_when_the_store_is_away),
        cmocka_unit_test(test_web_passes_api_on),
        cmocka_unit_test(test_web_keeps_to_its_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
