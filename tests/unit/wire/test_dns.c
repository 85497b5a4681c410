/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages: round trips, compression, truncation, and what a hostile peer may send. */
#include "test.h"

#include "base/mem.h"
#include "wire/dns.h"

static struct dns_message decode(struct arena *arena, const struct buf *bytes)
{
    struct dns_message message;

    assert_int_equal(dns_message_decode(arena, buf_slice(bytes), &message), 0);
    return message;
}

static void answers_come_back_as_they_were_written(void **state)
{
    struct dns_record answers[] = {
        {.name = "web.demo.svc.cluster.local", .type = DNS_TYPE_A, .ttl_s = 5, .ip = {10, 1, 2, 3}},
        {.name = "_http._tcp.web.demo.svc.cluster.local",
         .type = DNS_TYPE_SRV,
         .ttl_s = 30,
         .priority = 1,
         .weight = 2,
         .port = 8080,
         .target = "web.demo.svc.cluster.local"},
        {.name = "other", .type = DNS_TYPE_TXT, .data = SLICE("\2hi")},
    };
    struct dns_record soa = {.name = "cluster.local",
                             .type = DNS_TYPE_SOA,
                             .target = "ns.dns.cluster.local",
                             .mailbox = "hostmaster.cluster.local",
                             .serial = 7,
                             .minimum_s = 5};
    struct dns_message sent = {.id = 0x1234,
                               .response = true,
                               .authoritative = true,
                               .recursion_desired = true,
                               .rcode = DNS_RCODE_OK,
                               .question_count = 1,
                               .answers = {answers, ARRAY_LEN(answers)},
                               .authority = {&soa, 1},
                               .udp_size = 1232};
    struct dns_message got;
    struct arena arena;
    struct buf bytes;

    (void)state;
    sent.questions[0] = (struct dns_question){"Web.demo.svc.cluster.local", DNS_TYPE_A, 1};
    arena_init(&arena, 0);
    buf_init(&bytes, 0);
    assert_int_equal(dns_message_encode(&sent, DNS_SIZE_MAX, &bytes), 0);
    assert_true(bytes.len < 240); /* the long names are written once */
    got = decode(&arena, &bytes);
    assert_int_equal(got.id, 0x1234);
    assert_true(got.response && got.authoritative && got.recursion_desired && !got.truncated);
    assert_string_equal(got.questions[0].name, "web.demo.svc.cluster.local");
    assert_int_equal(got.answers.count, 3);
    assert_memory_equal(got.answers.items[0].ip, answers[0].ip, 4);
    assert_string_equal(got.answers.items[1].target, answers[1].target);
    assert_int_equal(got.answers.items[1].port, 8080);
    assert_slice(got.answers.items[2].data, "\2hi");
    assert_string_equal(got.authority.items[0].mailbox, "hostmaster.cluster.local");
    assert_int_equal(got.authority.items[0].minimum_s, 5);
    assert_int_equal(got.udp_size, 1232);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

static void records_that_do_not_fit_are_left_out_and_told(void **state)
{
    struct dns_record answers[60];
    struct dns_message sent = {.response = true, .question_count = 1, .answers = {answers, 60}};
    struct dns_message got;
    struct arena arena;
    struct buf bytes;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        answers[i] = (struct dns_record){.name = "a.b", .type = DNS_TYPE_AAAA};
    sent.questions[0] = (struct dns_question){"a.b", DNS_TYPE_AAAA, 1};
    arena_init(&arena, 0);
    buf_init(&bytes, 0);
    assert_int_equal(dns_message_encode(&sent, DNS_UDP_SIZE, &bytes), 0);
    assert_true(bytes.len <= DNS_UDP_SIZE);
    got = decode(&arena, &bytes);
    assert_true(got.truncated);
    assert_int_equal(got.answers.count, (DNS_UDP_SIZE - 12 - 9) / 28);
    buf_deinit(&bytes);
    arena_deinit(&arena);
}

static void malformed_messages_are_refused(void **state)
{
#define HEAD "\0\1\1\0\0\1\0\0\0\0\0\0"
    static const struct {
        const char *what;
        struct slice bytes;
    } cases[] = {
        {"short header", SLICE("\0\1\1\0\0\1")},
        {"no question", SLICE(HEAD)},
        {"name past the end", SLICE(HEAD "\5ab")},
        {"no type", SLICE(HEAD "\1a\0\0\1")},
        {"pointer to itself", SLICE(HEAD "\xC0\x0C\0\1\0\1")},
        {"pointer forwards", SLICE(HEAD "\xC0\x20\0\1\0\1")},
        {"pointer cut", SLICE(HEAD "\xC0")},
        {"reserved label", SLICE(HEAD "\x80\0\0\1\0\1")},
        {"dot in a label", SLICE(HEAD "\3a.b\0\0\1\0\1")},
        {"NUL in a label", SLICE(HEAD "\3a\0b\0\0\1\0\1")},
        {"answer missing", SLICE("\0\1\1\0\0\0\0\1\0\0\0\0")},
        {"short A", SLICE("\0\1\1\0\0\0\0\1\0\0\0\0\1a\0\0\1\0\1\0\0\0\0\0\3abc")},
        {"rdata past the end", SLICE("\0\1\1\0\0\0\0\1\0\0\0\0\1a\0\0\1\0\1\0\0\0\0\0\4ab")},
        {"too many questions", SLICE("\0\1\1\0\0\x50\0\0\0\0\0\0\1a\0\0\1\0\1")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_message message;
        struct arena arena;

        arena_init(&arena, 0);
        if (dns_message_decode(&arena, cases[i].bytes, &message) >= 0)
            fail_msg("accepted: %s", cases[i].what);
        arena_deinit(&arena);
    }
}

static void every_cut_of_a_message_is_refused(void **state)
{
    struct dns_record answer = {
        .name = "x.y", .type = DNS_TYPE_SRV, .target = "long.x.y", .port = 1};
    struct dns_message sent = {.response = true, .answers = {&answer, 1}, .udp_size = 600};
    struct buf bytes;

    (void)state;
    buf_init(&bytes, 0);
    assert_int_equal(dns_message_encode(&sent, DNS_SIZE_MAX, &bytes), 0);
    for (size_t len = 0; len < bytes.len; len++) {
        char *copy = mem_slice_dup(slice_make(bytes.data, len));
        struct dns_message message;
        struct arena arena;

        arena_init(&arena, 0);
        assert_true(dns_message_decode(&arena, slice_make(copy, len), &message) < 0);
        arena_deinit(&arena);
        mem_free(copy);
    }
    buf_deinit(&bytes);
}

static void names_are_checked(void **state)
{
    static const struct {
        const char *name;
        bool valid;
    } cases[] = {
        {"", true},
        {"a", true},
        {"a.b-c._d", true},
        {"a..b", false},
        {".a", false},
        {"a.", false},
        {"0123456789012345678901234567890123456789012345678901234567890123.a", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (dns_name_is_valid(slice_str(cases[i].name)) != cases[i].valid)
            fail_msg("%s", cases[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_back_as_they_were_written),
        cmocka_unit_test(records_that_do_not_fit_are_left_out_and_told),
        cmocka_unit_test(malformed_messages_are_refused),
        cmocka_unit_test(every_cut_of_a_message_is_refused),
        cmocka_unit_test(names_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
