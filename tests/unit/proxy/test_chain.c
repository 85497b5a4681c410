/* SPDX-License-Identifier: Apache-2.0 */
/* Filter-chain matching and first-byte detection.
 */
#include "test.h"

#include "hello.h"

#include "proxy/chain.h"
#include "proxy/sniff.h"

static struct addr ip(const char *text, unsigned port)
{
    struct addr addr;

    assert_int_equal(addr_parse_ip(slice_str(text), port, &addr), 0);
    return addr;
}

static ptrdiff_t find(const struct chain_match *matches, size_t count, const struct addr *local,
                      const char *transport, const char *name, const char *protocol)
{
    static const char peer_ip[] = "10.0.0.9";
    struct addr peer = ip(peer_ip, 4000);
    struct chain_input input = {.local = local,
                                .peer = &peer,
                                .transport = slice_str(transport),
                                .server_name = slice_str(name)};

    if (protocol[0]) {
        input.protocols[0] = slice_str(protocol);
        input.protocol_count = 1;
    }
    return chain_find(matches, sizeof *matches, count, &input);
}

static void ports_and_protocols(void **state)
{
    struct slice http[] = {SLICE("http/1.1"), SLICE("h2c")};
    struct chain_match matches[] = {
        {.port = 15006},
        {.port = 9080, .transport = SLICE("raw_buffer"), .protocols = http, .protocol_count = 2},
        {.port = 9080, .transport = SLICE("raw_buffer")},
        {.transport = SLICE("tls")},
        {.protocols = http, .protocol_count = 2},
        {.port = 7070, .transport = SLICE("tls")},
    };
    struct addr local = ip("10.0.0.1", 9080);
    size_t n = ARRAY_LEN(matches);

    (void)state;
    assert_int_equal(find(matches, n, &local, "raw_buffer", "", "http/1.1"), 1);
    assert_int_equal(find(matches, n, &local, "raw_buffer", "", ""), 2);
    local = ip("10.0.0.1", 1234);
    assert_int_equal(find(matches, n, &local, "tls", "", "h2"), 3);
    assert_int_equal(find(matches, n, &local, "raw_buffer", "", "h2c"), 4);
    /* No chain left without protocols: none of them. */
    assert_int_equal(find(matches, n, &local, "raw_buffer", "", ""), -1);
    /* The port's level is final: plaintext to 7070 falls to no chain without a port. */
    local = ip("10.0.0.1", 7070);
    assert_int_equal(find(matches, n, &local, "raw_buffer", "", "http/1.1"), -1);
}

static void names_and_prefixes(void **state)
{
    struct slice exact[] = {SLICE("a.b.com")};
    struct slice wild[] = {SLICE("*.b.com")};
    struct slice wider[] = {SLICE("*.com")};
    struct chain_prefix net = {ip("10.0.0.0", 0), 8};
    struct chain_prefix host = {ip("10.0.0.1", 0), 32};
    struct chain_match names[] = {
        {.server_names = wider, .server_name_count = 1},
        {.server_names = wild, .server_name_count = 1},
        {.server_names = exact, .server_name_count = 1},
        {.port = 0},
    };
    struct chain_match prefixes[] = {
        {.prefixes = &net, .prefix_count = 1}, {.prefixes = &host, .prefix_count = 1}, {.port = 0}};
    struct addr local = ip("10.0.0.1", 443);

    (void)state;
    assert_int_equal(find(names, 4, &local, "tls", "a.b.com", ""), 2);
    assert_int_equal(find(names, 4, &local, "tls", "x.b.com", ""), 1);
    assert_int_equal(find(names, 4, &local, "tls", "b.com", ""), 0);
    assert_int_equal(find(names, 4, &local, "tls", "b.org", ""), 3);
    assert_int_equal(find(names, 4, &local, "tls", "", ""), 3);
    assert_int_equal(find(prefixes, 3, &local, "raw_buffer", "", ""), 1);
    local = ip("10.2.0.1", 443);
    assert_int_equal(find(prefixes, 3, &local, "raw_buffer", "", ""), 0);
    local = ip("fd00::1", 443);
    assert_int_equal(find(prefixes, 3, &local, "raw_buffer", "", ""), 2);
}

static void tls_hello_at_every_split(void **state)
{
    uint8_t hello[256];
    size_t len = hello_make(hello, "Www.Example.com");
    struct sniff_tls tls;

    (void)state;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(sniff_tls(slice_make(hello, cut), &tls), SNIFF_MORE);
    assert_int_equal(sniff_tls(slice_make(hello, len), &tls), SNIFF_YES);
    assert_string_equal(tls.server_name, "www.example.com");
    assert_int_equal(tls.protocol_count, 2);
    assert_slice(tls.protocols[0], "h2");
    assert_slice(tls.protocols[1], "http/1.1");
}

static void tls_hello_in_two_records(void **state)
{
    uint8_t hello[256];
    uint8_t split[300];
    size_t len = hello_make(hello, "Www.Example.com");
    struct sniff_tls tls;

    (void)state;
    for (size_t first = 1; first < len - 5; first++) {
        size_t second = len - 5 - first;

        memcpy(split, hello, 5 + first);
        split[3] = (uint8_t)(first >> 8);
        split[4] = (uint8_t)first;
        memcpy(split + 5 + first, "\x16\x03\x01", 3);
        split[8 + first] = (uint8_t)(second >> 8);
        split[9 + first] = (uint8_t)second;
        memcpy(split + 10 + first, hello + 5 + first, second);
        assert_int_equal(sniff_tls(slice_make(split, len + 5), &tls), SNIFF_YES);
        assert_string_equal(tls.server_name, "www.example.com");
    }
}

static void not_tls(void **state)
{
    uint8_t hello[256];
    size_t len = hello_make(hello, "Www.Example.com");
    struct sniff_tls tls;

    (void)state;
    assert_int_equal(sniff_tls(SLICE("GET / HTTP/1.1\r\n"), &tls), SNIFF_NO);
    assert_int_equal(sniff_tls(SLICE("\x16\x03\x01\xff\xff\x01"), &tls), SNIFF_NO);
    assert_int_equal(sniff_tls(SLICE("\x16\x02"), &tls), SNIFF_NO);
    /* Every single byte bent: no crash, and never a name past its end. */
    for (size_t i = 0; i < len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            hello[i] ^= (uint8_t)(1U << bit);
            (void)sniff_tls(slice_make(hello, len), &tls);
            assert_true(strlen(tls.server_name) < SNIFF_NAME_MAX);
            hello[i] ^= (uint8_t)(1U << bit);
        }
}

static void http_lines(void **state)
{
    static const struct {
        const char *text;
        enum sniff_result result;
        const char *protocol;
    } cases[] = {
        {"", SNIFF_MORE, ""},
        {"P", SNIFF_MORE, ""},
        {"PO", SNIFF_MORE, ""},
        {"POST /x HTTP/1.", SNIFF_MORE, ""},
        {"GET / HTTP/1.1\r\n", SNIFF_YES, "http/1.1"},
        {"\r\nGET / HTTP/1.0\n", SNIFF_YES, "http/1.0"},
        {"GET / HTTP/3.0\r\n", SNIFF_NO, ""},
        {"GET /\r\n", SNIFF_NO, ""},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SNIFF_YES, "h2c"},
        {"PRI * HTTP/2.0\r\n\r\n", SNIFF_MORE, ""},
        {"\x01\x02", SNIFF_NO, ""},
        {"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", SNIFF_NO, ""},
        {" GET / HTTP/1.1\r\n", SNIFF_NO, ""},
        {"AVERYLONGWORDTHATNOMETHODHASEVERBEENCALLED", SNIFF_NO, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice protocol = SLICE("");

        assert_int_equal(sniff_http(slice_str(cases[i].text), &protocol), cases[i].result);
        if (cases[i].result == SNIFF_YES)
            assert_slice(protocol, cases[i].protocol);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_and_protocols),
        cmocka_unit_test(names_and_prefixes),
        cmocka_unit_test(tls_hello_at_every_split),
        cmocka_unit_test(tls_hello_in_two_records),
        cmocka_unit_test(not_tls),
        cmocka_unit_test(http_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
