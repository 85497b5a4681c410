/* SPDX-License-Identifier: Apache-2.0 */
/* ratings v2 over databases that answer what a row says: status and text of each case.
 *
 * Place   tests samples/bookinfo/src/ratings_db.c; test_programs.py asks real databases
 */
#include "fake.h"
#include "ratings_db.h"
#include "test.h"

/* What the database that is asked gives; the other one must not be asked. */
static enum ratings_db_result given;
static bool mysql_expected;

static enum ratings_db_result read_stars(bool mysql, int ret_stars[RATINGS_COUNT])
{
    assert_int_equal(mysql, mysql_expected);
    ret_stars[0] = 3;
    return given;
}

enum ratings_db_result ratings_mongodb_read(const struct ratings_db_conf *conf,
                                            int ret_stars[RATINGS_COUNT])
{
    (void)conf;
    return read_stars(false, ret_stars);
}

enum ratings_db_result ratings_mysql_read(const struct ratings_db_conf *conf,
                                          int ret_stars[RATINGS_COUNT])
{
    (void)conf;
    return read_stars(true, ret_stars);
}

static void answers_say_what_the_database_did(void **state)
{
    static const char stars[] = "{\"id\":7,\"ratings\":{\"Reviewer1\":3,\"Reviewer2\":0}}";
    static const char away[] = "{\"error\":\"could not connect to ratings database\"}";
    static const struct {
        bool mysql;
        enum ratings_db_result result;
        int status;
        const char *body;
    } rows[] = {
        {false, RATINGS_DB_FINE, 200, stars},
        {true, RATINGS_DB_FINE, 200, stars},
        {false, RATINGS_DB_NOT_CONNECTED, 500, away},
        {true, RATINGS_DB_NOT_CONNECTED, 500, away},
        {false, RATINGS_DB_NOT_READ, 500, "{\"error\":\"could not load ratings from database\"}"},
        {true, RATINGS_DB_NOT_READ, 500, "{\"error\":\"could not perform select\"}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ratings_db_conf conf = {.mysql = rows[i].mysql};

        given = rows[i].result;
        mysql_expected = rows[i].mysql;
        fake_expect(&ratings_db_service, &conf, "/ratings/7", rows[i].status, rows[i].body);
    }
}

static void what_needs_no_database_asks_none(void **state)
{
    struct ratings_db_conf conf = {0};
    struct fake post = {.exchange = {.conf = &conf, .body = SLICE("{}")}};

    (void)state;
    mysql_expected = true; /* so that a question fails the test */
    fake_expect(&ratings_db_service, &conf, "/health", 200, "{\"status\":\"Ratings is healthy\"}");
    fake_expect(&ratings_db_service, &conf, "/ratings/x", 400,
                "{\"error\":\"please provide numeric product ID\"}");
    fake_expect(&ratings_db_service, &conf, "/", 404, "{\"error\":\"no such page\"}");
    fake_ask(&post, &ratings_db_service, "POST", "/ratings/0");
    assert_int_equal(post.status, 501);
    assert_string_equal(post.body,
                        "{\"error\":\"Post not implemented for database backed ratings\"}");
    fake_end(&post);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_say_what_the_database_did),
        cmocka_unit_test(what_needs_no_database_asks_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
