/* SPDX-License-Identifier: Apache-2.0 */
/* helloworld and httpbin: what each path answers.
 *
 * Place   tests samples/demo/src/helloworld.c and httpbin.c
 */
#include <jansson.h>

#include "demo.h"
#include "fake.h"
#include "test.h"

static const struct demo_conf conf = {.version = "v2", .podname = "helloworld-v2-abc"};

static void helloworld_names_itself(void **state)
{
    (void)state;
    fake_expect(&helloworld_service, &conf, "/hello", 200,
                "Hello version: v2, instance: helloworld-v2-abc\n");
    fake_expect(&helloworld_service, &conf, "/health", 200, "Helloworld is healthy");
    fake_expect(&helloworld_service, &conf, "/", 404, "no such page\n");
}

static void httpbin_answers_status_and_delay(void **state)
{
    static const struct {
        const char *path;
        int status;
        uint32_t delay_ms;
    } rows[] = {
        {"/status/200", 200, 0}, {"/status/418", 418, 0}, {"/status/599", 599, 0},
        {"/status/199", 400, 0}, {"/status/600", 400, 0}, {"/status/", 400, 0},
        {"/status/20x", 400, 0}, {"/delay/0", 200, 0},    {"/delay/10", 200, 10000},
        {"/delay/11", 400, 0},   {"/delay/-1", 400, 0},   {"/elsewhere", 404, 0},
        {"/anything/x", 404, 0}, {"/get", 200, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake fake = {0};

        fake_ask(&fake, &httpbin_service, "GET", rows[i].path);
        if (fake.status != rows[i].status || fake.delay_ms != rows[i].delay_ms)
            fail_msg("%s: %d after %u ms", rows[i].path, fake.status, (unsigned)fake.delay_ms);
        fake_end(&fake);
    }
}

static void httpbin_tells_what_it_was_asked(void **state)
{
    static const char *const headers[][2] = {
        {"x-a", "1"}, {"user-agent", "curl"}, {"x-a", "\xff"}, {NULL}};
    struct fake post = {.headers = headers, .exchange.body = SLICE("data")};
    struct fake agent = {.headers = headers};
    json_t *told, *expected;

    (void)state;
    post.exchange.query = SLICE("a=b");
    fake_ask(&post, &httpbin_service, "POST", "/post");
    told = json_loads(post.body, 0, NULL);
    expected =
        json_pack("{s:s,s:s,s:s,s:{s:[s,s],s:[s]},s:s}", "method", "POST", "path", "/post", "args",
                  "a=b", "headers", "x-a", "1", "", "user-agent", "curl", "data", "data");
    assert_true(json_equal(told, expected));
    json_decref(told);
    json_decref(expected);
    fake_end(&post);
    fake_ask(&agent, &httpbin_service, "GET", "/user-agent");
    assert_string_equal(agent.body, "{\n  \"user-agent\": \"curl\"\n}");
    fake_end(&agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helloworld_names_itself),
        cmocka_unit_test(httpbin_answers_status_and_delay),
        cmocka_unit_test(httpbin_tells_what_it_was_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
