/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl logs: options of a query, and what they let through to the client. */
#include "stream_fixture.h"

#include "base/arena.h"
#include "sandbox/node/pod_log.h"

/* A source of the test: `count` of these lines, again and again; more when the test says so. */
struct script {
    size_t count, at;
    bool goes_on;
    int closes;
    struct pod_log_options options;
};

static const struct {
    const char *time, *text;
    bool full;
} lines[] = {
    {"2026-11-29T10:00:00.000000001+00:00", "old", true},
    {"2026-11-29T11:00:00.000000002+00:00", "half ", false},
    {"2026-11-29T11:00:00.000000003+00:00", "whole", true},
    {"2026-11-29T13:00:00.000000004+01:00", "abroad", true},
};

static bool next(struct pod_log_line *ret, void *ctx)
{
    struct script *script = ctx;
    size_t at;

    if (script->at == script->count)
        return false;
    at = script->at++ % ARRAY_LEN(lines);
    *ret = (struct pod_log_line){.time = slice_str(lines[at].time),
                                 .text = slice_str(lines[at].text),
                                 .full = lines[at].full};
    return true;
}

static bool goes_on(void *ctx)
{
    return ((struct script *)ctx)->goes_on;
}

static void on_close(void *ctx)
{
    ((struct script *)ctx)->closes++;
}

static void serve(struct http_stream *stream, struct streams *s)
{
    static const struct pod_log_source source = {
        .next = next, .goes_on = goes_on, .on_close = on_close};
    struct script *script = s->test;

    pod_log_serve(s->loop, stream, &script->options, &source, script);
}

static void options_of(const char *query, struct pod_log_options *ret)
{
    struct arena arena;

    arena_init(&arena, 0);
    pod_log_options_read(&arena, slice_str(query), 1000000, ret);
    arena_deinit(&arena);
}

static void options_are_read(void **state)
{
    struct pod_log_options options;

    (void)state;
    options_of("", &options);
    assert_false(options.follow || options.previous || options.timestamps);
    assert_int_equal(options.since_ms, 0);
    assert_true(options.limit_size == UINT64_MAX && options.tail_count == UINT64_MAX);
    options_of("follow=true&previous=1&timestamps=true&limitBytes=7&tailLines=0&sinceSeconds=100",
               &options);
    assert_true(options.follow && options.previous && options.timestamps);
    assert_int_equal(options.limit_size, 7);
    assert_int_equal(options.tail_count, 0);
    assert_int_equal(options.since_ms, 900000);
    options_of("sinceTime=1970-01-01T00:00:05Z&sinceSeconds=1&tailLines=-1&limitBytes=x", &options);
    assert_int_equal(options.since_ms, 5000);
    assert_true(options.limit_size == UINT64_MAX && options.tail_count == UINT64_MAX);
}

static void what_the_query_lets_through_is_sent(void **state)
{
    static const struct {
        const char *query;
        const char *body; /* chunks and all */
    } cases[] = {
        {"", "old\nhalf whole\nabroad\n"},
        {"sinceTime=2026-11-29T10:30:00Z", "half whole\nabroad\n"},
        {"sinceTime=2026-11-29T11:30:00Z&timestamps=1",
         "2026-11-29T13:00:00.000000004+01:00 abroad\n"},
        {"timestamps=true&limitBytes=70",
         "2026-11-29T10:00:00.000000001Z old\n2026-11-29T11:00:00.000000002Z half"},
        {"limitBytes=0", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct script script = {.count = ARRAY_LEN(lines)};
        struct streams s;
        struct buf expected;

        options_of(cases[i].query, &script.options);
        streams_start(&s, serve);
        s.test = &script;
        client_ask(&s, "/log", "Connection: close\r\n");
        STREAM_UNTIL(&s, s.ended);
        buf_init(&expected, 4096);
        if (cases[i].body[0])
            buf_printf(&expected, "%zx\r\n%s\r\n", strlen(cases[i].body), cases[i].body);
        buf_append_str(&expected, "0\r\n\r\n");
        assert_slice(buf_slice(&s.payload), expected.data);
        assert_int_equal(script.closes, 1);
        buf_deinit(&expected);
        streams_stop(&s);
    }
}

static void a_source_is_followed_to_its_end(void **state)
{
    struct script script = {.count = 1, .goes_on = true};
    struct streams s;

    (void)state;
    script.options = (struct pod_log_options){.follow = true, .limit_size = UINT64_MAX};
    streams_start(&s, serve);
    s.test = &script;
    client_ask(&s, "/log", "Connection: close\r\n");
    STREAM_UNTIL(&s, slice_find(buf_slice(&s.payload), SLICE("old\n")) >= 0);
    script.count = 3;
    STREAM_UNTIL(&s, slice_find(buf_slice(&s.payload), SLICE("whole\n")) >= 0);
    assert_false(s.ended);
    script.count = 4;
    script.goes_on = false;
    STREAM_UNTIL(&s, s.ended);
    assert_true(slice_find(buf_slice(&s.payload), SLICE("abroad\n")) >= 0);
    assert_int_equal(script.closes, 1);
    streams_stop(&s);
}

/* A source without end stops when nobody reads; then every line that it gave comes. */
static void a_slow_client_stops_the_source(void **state)
{
    enum { FAR_TOO_MANY = 2000000 };
    struct script script = {.count = FAR_TOO_MANY};
    struct slice got;
    struct streams s;
    size_t before = 0;
    int quiet = 0;

    (void)state;
    script.options = (struct pod_log_options){.limit_size = UINT64_MAX};
    streams_start(&s, serve);
    s.test = &script;
    client_ask(&s, "/log", "Connection: close\r\n");
    while (quiet < 10) {
        quiet = script.at == before ? quiet + 1 : 0;
        before = script.at;
        loop_run_once(s.loop, 5);
    }
    assert_true(script.at < FAR_TOO_MANY);
    script.count = script.at / 4 * 4 + 4; /* the end is a whole round */
    STREAM_UNTIL(&s, s.ended);
    assert_int_equal(script.at, script.count);
    got = buf_slice(&s.payload);
    assert_true(got.len > script.at / 4 * strlen("old\nhalf whole\nabroad\n"));
    assert_true(slice_ends_with(got, SLICE("abroad\n\r\n0\r\n\r\n")));
    streams_stop(&s);
}

static void a_client_that_goes_ends_it(void **state)
{
    struct script script = {.count = 1, .goes_on = true};
    struct streams s;

    (void)state;
    script.options = (struct pod_log_options){.follow = true, .limit_size = UINT64_MAX};
    streams_start(&s, serve);
    s.test = &script;
    client_ask(&s, "/log", "");
    STREAM_UNTIL(&s, s.payload.len > 0);
    shutdown(s.fd, SHUT_RDWR);
    STREAM_UNTIL(&s, script.closes == 1);
    streams_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(what_the_query_lets_through_is_sent),
        cmocka_unit_test(a_source_is_followed_to_its_end),
        cmocka_unit_test(a_slow_client_stops_the_source),
        cmocka_unit_test(a_client_that_goes_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
