/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: what is accepted, how it prints, prefixes. */
#include "test.h"

#include "base/err.h"
#include "io/addr.h"

static void texts_round_trip(void **state)
{
    static const struct {
        const char *in;
        const char *out; /* NULL: refused */
    } cases[] = {
        {"127.0.0.1:80", "127.0.0.1:80"},
        {"[::1]:443", "[::1]:443"},
        {"unix:/run/a", "unix:/run/a"},
        {"/run/a", "unix:/run/a"},
        {"@abstract", "@abstract"},
        {"::1:80", NULL},
        {"127.0.0.1", NULL},
        {"127.0.0.1:65536", NULL},
        {"localhost:80", NULL},
        {"", NULL},
        {"1.2.3.4:", NULL},
        {"[::1]", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr addr;
        char text[ADDR_TEXT_SIZE];
        int rc = addr_parse(slice_str(cases[i].in), &addr);

        if (!cases[i].out) {
            assert_int_equal(rc, ERR_INVALID);
            continue;
        }
        assert_int_equal(rc, 0);
        assert_string_equal(addr_format(&addr, text), cases[i].out);
    }
}

static bool in_prefix(const char *ip, const char *prefix, unsigned len)
{
    struct addr a;
    struct addr p;

    assert_int_equal(addr_parse_ip(slice_str(ip), 0, &a), 0);
    assert_int_equal(addr_parse_ip(slice_str(prefix), 0, &p), 0);
    return addr_in_prefix(&a, &p, len);
}

static void prefixes_match_bits(void **state)
{
    (void)state;
    assert_true(in_prefix("10.1.2.3", "10.0.0.0", 8));
    assert_false(in_prefix("11.1.2.3", "10.0.0.0", 8));
    assert_true(in_prefix("10.129.0.0", "10.128.0.0", 9));
    assert_false(in_prefix("10.1.0.0", "10.128.0.0", 9));
    assert_true(in_prefix("::ffff:10.1.2.3", "10.0.0.0", 8));
    assert_true(in_prefix("fe80::1", "fe80::", 10));
    assert_false(in_prefix("10.1.2.3", "::", 0));
    assert_true(in_prefix("1.2.3.4", "0.0.0.0", 0));
    assert_false(in_prefix("1.2.3.4", "1.2.3.4", 33));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_round_trip),
                                       cmocka_unit_test(prefixes_match_bits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
