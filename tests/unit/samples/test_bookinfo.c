/* SPDX-License-Identifier: Apache-2.0 */
/* BookInfo's contract, without a network: fake.c stands in for server.c and answers the calls.
 *
 * Place   tests samples/bookinfo/src but for ratings (test_ratings.c), and samples/serve/answer.c
 */
#include <stdio.h>

#include "bookinfo.h"
#include "fake.h"
#include "test.h"

static struct bookinfo_conf conf = {.details_host = "details",
                                    .reviews_host = "reviews",
                                    .ratings_host = "ratings",
                                    .details_port = 9080,
                                    .reviews_port = 9080,
                                    .ratings_port = 9080,
                                    .version = "v1",
                                    .star_color = "black",
                                    .podname = "reviews-v2-abc",
                                    .clustername = "null"};

static void ask(struct fake *fake, const struct service_type *type, const char *method,
                const char *path)
{
    fake->exchange.conf = &conf;
    fake_ask(fake, type, method, path);
}

static void expect(const struct service_type *type, const char *path, int status, const char *body)
{
    fake_expect(type, &conf, path, status, body);
}

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

/* --- details --- */

static void details_answers_a_number(void **state)
{
    (void)state;
    expect(&details_service, "/details/0", 200,
           "{\"id\":0,\"author\":\"William Shakespeare\",\"year\":1595,\"type\":\"paperback\","
           "\"pages\":200,\"publisher\":\"PublisherA\",\"language\":\"English\","
           "\"ISBN-10\":\"1234567890\",\"ISBN-13\":\"123-1234567890\"}");
    expect(&details_service, "/details/x", 400,
           "{\"error\":\"please provide numeric product id\"}");
    expect(&details_service, "/health", 200, "{\"status\":\"Details is healthy\"}");
}

static void details_v2_asks_elsewhere(void **state)
{
    static const struct fake_answer found[] = {
        {"/books/v1/volumes?q=isbn:0486424618", 200,
         "{\"items\":[{\"volumeInfo\":{\"authors\":[\"W. S.\"],\"publishedDate\":\"2002\","
         "\"printType\":\"BOOK\",\"pageCount\":64,\"publisher\":\"P\",\"language\":\"en\","
         "\"industryIdentifiers\":[{\"type\":\"ISBN_10\",\"identifier\":\"1\"},"
         "{\"type\":\"ISBN_13\",\"identifier\":\"3\"}]}}]}"},
        {0}};
    struct fake fake = {.answers = found}, none = {0};

    (void)state;
    conf.books_external = true;
    expect(&details_service, "/details/7", 400,
           "{\"error\":\"details v2 needs DO_NOT_ENCRYPT=true\"}");
    conf.books_plain = true;
    ask(&fake, &details_service, "GET", "/details/7");
    assert_string_equal(fake.calls, "www.googleapis.com:80/books/v1/volumes?q=isbn:0486424618 ");
    assert_string_equal(fake.body,
                        "{\"id\":7,\"author\":\"W. S.\",\"year\":\"2002\",\"type\":\"paperback\","
                        "\"pages\":64,\"publisher\":\"P\",\"language\":\"English\","
                        "\"ISBN-10\":\"1\",\"ISBN-13\":\"3\"}");
    ask(&none, &details_service, "GET", "/details/7");
    assert_int_equal(none.status, 400);
    conf.books_external = conf.books_plain = false;
    fake_end(&fake);
    fake_end(&none);
}

/* --- reviews --- */

static const struct fake_answer good_ratings[] = {
    {"/ratings/0", 200, "{\"id\":0,\"ratings\":{\"Reviewer1\":5,\"Reviewer2\":4}}"}, {0}};
static const struct fake_answer bad_ratings[] = {{"/ratings/0", 503, "no"}, {0}};

static void reviews_without_ratings(void **state)
{
    struct fake fake = {0};

    (void)state;
    conf.ratings_enabled = false;
    ask(&fake, &reviews_service, "GET", "/reviews/0");
    assert_string_equal(fake.calls, "");
    assert_int_equal(fake.status, 200);
    assert_null(strstr(fake.body, "rating\""));
    assert_non_null(strstr(fake.body, "\"podname\": \"reviews-v2-abc\""));
    assert_non_null(strstr(fake.body, "\"clustername\": \"null\""));
    fake_end(&fake);
}

static void reviews_with_stars_or_an_error(void **state)
{
    struct fake good = {.answers = good_ratings}, bad = {.answers = bad_ratings};

    (void)state;
    conf.ratings_enabled = true;
    conf.star_color = "red";
    ask(&good, &reviews_service, "GET", "/reviews/0");
    assert_string_equal(good.calls, "ratings:9080/ratings/0 ");
    assert_int_equal(good.call_timeout_ms, 2500);
    assert_non_null(strstr(good.body, "\"rating\": {\"stars\": 5, \"color\": \"red\"}"));
    fake_end(&good);
    conf.star_color = "black";
    ask(&bad, &reviews_service, "GET", "/reviews/0");
    assert_int_equal(bad.call_timeout_ms, 10000);
    assert_int_equal(bad.status, 200);
    assert_int_equal(occurrences(bad.body, "Ratings service is currently unavailable"), 2);
    fake_end(&bad);
}

/* --- productpage --- */

static const struct fake_answer books[] = {
    {"/details/0", 200, "{\"id\":0,\"pages\":200,\"publisher\":\"A <&> B\"}"},
    {"/reviews/0", 200,
     "{\"id\":\"0\",\"podname\":\"p\",\"clustername\":\"null\",\"reviews\":["
     "{\"reviewer\":\"R1\",\"text\":\"T1\",\"rating\":{\"stars\":5,\"color\":\"red\"}},"
     "{\"reviewer\":\"R2\",\"text\":\"T2\",\"rating\":{\"stars\":4,\"color\":\"red\"}}]}"},
    {0}};

static void page_shows_stars(void **state)
{
    struct fake fake = {.answers = books};

    (void)state;
    fake.exchange.service_state = productpage_service.open(&conf);
    ask(&fake, &productpage_service, "GET", "/productpage");
    assert_int_equal(fake.status, 200);
    assert_string_equal(fake.calls, "details:9080/details/0 reviews:9080/reviews/0 ");
    assert_string_equal(fake.call_end_user, "");
    assert_non_null(strstr(fake.body, "<title>Simple Bookstore App</title>"));
    assert_non_null(strstr(fake.body, "A &lt;&amp;&gt; B"));
    assert_int_equal(occurrences(fake.body, "glyphicon glyphicon-star"), 9);
    assert_int_equal(occurrences(fake.body, "gap-x-1 text-red-500"), 2);
    assert_non_null(strstr(fake.body, "id=\"sign-in-button\""));
    productpage_service.close(fake.exchange.service_state);
    fake_end(&fake);
}

static void page_survives_back_ends(void **state)
{
    struct fake fake = {0};

    (void)state;
    fake.exchange.service_state = productpage_service.open(&conf);
    ask(&fake, &productpage_service, "GET", "/productpage");
    assert_int_equal(fake.status, 200);
    assert_string_equal(fake.calls,
                        "details:9080/details/0 reviews:9080/reviews/0 reviews:9080/reviews/0 ");
    assert_non_null(strstr(fake.body, "Error fetching product details"));
    assert_non_null(
        strstr(fake.body, "Sorry, product reviews are currently unavailable for this book."));
    productpage_service.close(fake.exchange.service_state);
    fake_end(&fake);
}

static void api_passes_status_on(void **state)
{
    static const struct fake_answer missing[] = {{"/ratings/3", 404, "{}"}, {0}};
    struct fake fake = {.answers = missing}, none = {0};

    (void)state;
    fake.exchange.service_state = none.exchange.service_state = productpage_service.open(&conf);
    ask(&fake, &productpage_service, "GET", "/api/v1/products/3/ratings");
    assert_int_equal(fake.status, 404);
    assert_string_equal(
        fake.body,
        "{\"error\": \"Sorry, product ratings are currently unavailable for this book.\"}");
    fake_end(&fake);
    ask(&none, &productpage_service, "GET", "/api/v1/products/3");
    assert_int_equal(none.status, 500);
    productpage_service.close(none.exchange.service_state);
    fake_end(&none);
}

static void sign_in_and_out(void **state)
{
    static const char *const referred[][2] = {{"referer", "http://h/productpage"}, {NULL}};
    char cookie[128];
    const char *const signed_in[][2] = {{"cookie", cookie}, {NULL}};
    struct fake in = {.headers = referred}, page = {.answers = books, .headers = signed_in},
                out = {.headers = referred}, lost = {0};

    (void)state;
    in.exchange.body = SLICE("username=jason%20b&passwd=x");
    ask(&in, &productpage_service, "POST", "/login");
    assert_int_equal(in.status, 302);
    assert_string_equal(in.exchange.location, "http://h/productpage");
    assert_non_null(strstr(in.exchange.set_cookie, "HttpOnly; Path=/"));
    snprintf(cookie, sizeof cookie, "other=1; %.*s", (int)strcspn(in.exchange.set_cookie, ";"),
             in.exchange.set_cookie);
    fake_end(&in);

    page.exchange.service_state = productpage_service.open(&conf);
    ask(&page, &productpage_service, "GET", "/productpage");
    assert_string_equal(page.call_end_user, "jason b");
    assert_non_null(strstr(page.body, "jason b"));
    assert_null(strstr(page.body, "sign-in-button\""));
    productpage_service.close(page.exchange.service_state);
    fake_end(&page);

    ask(&out, &productpage_service, "GET", "/logout");
    assert_int_equal(out.status, 302);
    assert_non_null(strstr(out.exchange.set_cookie, "session=;"));
    fake_end(&out);
    ask(&lost, &productpage_service, "GET", "/logout");
    assert_int_equal(lost.status, 500);
    fake_end(&lost);
}

/* A cookie that would break out of a header, is cut short or is too long, signs nobody in. */
static void bad_sessions_sign_nobody_in(void **state)
{
    static const char *const cookies[] = {"session=6a0d0a", "session=6a6", "session=zz",
                                          "session=", "session=00"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cookies); i++) {
        const char *const headers[][2] = {{"cookie", cookies[i]}, {NULL}};
        struct fake fake = {.answers = books, .headers = headers};

        fake.exchange.service_state = productpage_service.open(&conf);
        ask(&fake, &productpage_service, "GET", "/productpage");
        assert_string_equal(fake.call_end_user, "");
        productpage_service.close(fake.exchange.service_state);
        fake_end(&fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(details_answers_a_number),
        cmocka_unit_test(details_v2_asks_elsewhere),
        cmocka_unit_test(reviews_without_ratings),
        cmocka_unit_test(reviews_with_stars_or_an_error),
        cmocka_unit_test(page_shows_stars),
        cmocka_unit_test(page_survives_back_ends),
        cmocka_unit_test(api_passes_status_on),
        cmocka_unit_test(sign_in_and_out),
        cmocka_unit_test(bad_sessions_sign_nobody_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
