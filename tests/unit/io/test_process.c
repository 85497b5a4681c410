/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes and name look-ups on the loop. */
#include "test.h"

#include "base/mem.h"
#include "io/process.h"
#include "io/resolver.h"

#include <sys/socket.h>

static void output_and_exit_code_come_back(void **state)
{
    const char *argv[] = {"sh", "-c", "cat; echo oops >&2; exit 3", NULL};
    struct process_options options = {.argv = argv, .input = SLICE("hello")};
    struct error err = {0};
    char *out = NULL;

    (void)state;
    assert_int_equal(process_run(&options, &out, &err), 3);
    assert_string_equal(out, "hello");
    assert_string_equal(err.path, "sh");
    assert_string_equal(err.reason, "exit code 3: oops");
    mem_free(out);
}

static void output_past_the_maximum_is_dropped(void **state)
{
    const char *argv[] = {"sh", "-c", "head -c 3000000 /dev/zero", NULL};
    struct process_options options = {.argv = argv, .output_size_max = 100000};
    struct error err = {0};
    char *out = NULL;

    (void)state;
    assert_int_equal(process_run(&options, &out, &err), 0);
    mem_free(out);
}

static void a_child_past_its_time_is_killed(void **state)
{
    const char *argv[] = {"sleep", "100", NULL};
    struct process_options options = {.argv = argv, .timeout_ms = 50};
    struct error err = {0};

    (void)state;
    assert_int_equal(process_run(&options, NULL, &err), 137);
}

static void a_missing_program_is_named(void **state)
{
    const char *argv[] = {"no-such-program-of-weft", NULL};
    struct process_options options = {.argv = argv};
    struct error err = {0};

    (void)state;
    assert_int_equal(process_run(&options, NULL, &err), ERR_NOT_FOUND);
    assert_string_equal(err.path, "no-such-program-of-weft");
}

struct answer {
    bool done;
    int code;
    struct addr first;
};

static void on_resolved(int code, const struct addr *addrs, size_t count, unsigned ttl_s, void *ctx)
{
    struct answer *answer = ctx;

    (void)ttl_s;
    answer->done = true;
    answer->code = code;
    if (count)
        answer->first = addrs[0];
}

static void hosts_and_literals_resolve(void **state)
{
    static const struct {
        const char *host;
        int family;
        const char *text;
    } cases[] = {{"localhost", AF_INET, "127.0.0.1:80"}, {"::1", AF_UNSPEC, "[::1]:80"}};
    struct loop *loop;
    struct resolver *resolver;
    struct resolver_query *query;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(resolver_new(loop, &resolver), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer answer = {0};
        char text[ADDR_TEXT_SIZE];

        assert_int_equal(resolver_lookup(resolver, cases[i].host, 80, cases[i].family, on_resolved,
                                         &answer, &query),
                         0);
        assert_false(answer.done);
        for (int turn = 0; turn < 100 && !answer.done; turn++)
            loop_run_once(loop, 1000);
        assert_int_equal(answer.code, 0);
        assert_string_equal(addr_format(&answer.first, text), cases[i].text);
    }
    resolver_free(resolver);
    loop_free(loop);
}

static void a_canceled_look_up_stays_silent(void **state)
{
    struct loop *loop;
    struct resolver *resolver;
    struct resolver_query *query;
    struct answer answer = {0};

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(resolver_new(loop, &resolver), 0);
    assert_int_equal(
        resolver_lookup(resolver, "127.0.0.1", 1, AF_INET, on_resolved, &answer, &query), 0);
    resolver_cancel(query);
    loop_run_once(loop, 0);
    assert_int_equal(
        resolver_lookup(resolver, "127.0.0.1", 1, AF_INET, on_resolved, &answer, &query), 0);
    resolver_free(resolver);
    loop_run_once(loop, 0);
    assert_false(answer.done);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_exit_code_come_back),
        cmocka_unit_test(output_past_the_maximum_is_dropped),
        cmocka_unit_test(a_child_past_its_time_is_killed),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(hosts_and_literals_resolve),
        cmocka_unit_test(a_canceled_look_up_stays_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
