/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of texts: formats of schemas, names. */
#include "test.h"

#include "api/formats.h"

static void formats(void **state)
{
    static const struct {
        const char *format, *text;
        bool fits;
    } cases[] = {
        {"date-time", "2026-01-01T00:00:00Z", true},
        {"date-time", "yesterday", false},
        {"date", "2026-01-01", true},
        {"date", "2026-1-1", false},
        {"duration", "1h2m", true},
        {"duration", "1 day", false},
        {"byte", "YQ==", true},
        {"byte", "!", false},
        {"ipv4", "10.0.0.1", true},
        {"ipv4", "::1", false},
        {"ipv6", "::1", true},
        {"ipv6", "10.0.0.1", false},
        {"cidr", "10.0.0.0/8", true},
        {"cidr", "fd00::/8", true},
        {"cidr", "10.0.0.0/33", false},
        {"cidr", "10.0.0.0", false},
        {"uuid", "01234567-89ab-cdef-0123-456789abcdef", true},
        {"uuid", "01234567-89ab-cdef-0123-456789abcdeg", false},
        {"of-ours", "anything", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (format_fits(cases[i].format, slice_str(cases[i].text)) != cases[i].fits)
            fail_msg("%s %s", cases[i].format, cases[i].text);
}

static void names(void **state)
{
    static const struct {
        enum format_name form;
        const char *text;
        const char *wrong; /* how the message begins, NULL when it fits */
    } cases[] = {
        {FORMAT_ANY, "A/%", NULL},
        {FORMAT_SUBDOMAIN, "a.b-c.d1", NULL},
        {FORMAT_SUBDOMAIN, "", "a lowercase RFC 1123 subdomain"},
        {FORMAT_SUBDOMAIN, "a..b", "a lowercase RFC 1123 subdomain"},
        {FORMAT_SUBDOMAIN, "A", "a lowercase RFC 1123 subdomain"},
        {FORMAT_LABEL, "a-1", NULL},
        {FORMAT_LABEL, "a.b", "must not contain dots"},
        {FORMAT_LABEL, "-a", "a lowercase RFC 1123 label"},
        {FORMAT_LABEL, "0123456789012345678901234567890123456789012345678901234567890123",
         "must be no more than 63 characters"},
        {FORMAT_LABEL_1035, "a1", NULL},
        {FORMAT_LABEL_1035, "1a", "a DNS-1035 label"},
        {FORMAT_PATH, "system:Node", NULL},
        {FORMAT_PATH, "a/b", "may not contain '/'"},
        {FORMAT_PATH, "a%b", "may not contain '%'"},
        {FORMAT_LABEL_VALUE, "", NULL},
        {FORMAT_LABEL_VALUE, "A_b.c", NULL},
        {FORMAT_LABEL_VALUE, "a b", "a valid label must be an empty string"},
        {FORMAT_QUALIFIED_NAME, "a.b/C_d", NULL},
        {FORMAT_QUALIFIED_NAME, "/c", "prefix part must be non-empty"},
        {FORMAT_QUALIFIED_NAME, "A/c", "prefix part a lowercase"},
        {FORMAT_QUALIFIED_NAME, "a/", "name part must consist"},
        {FORMAT_CONFIG_KEY, "Key_1.txt", NULL},
        {FORMAT_CONFIG_KEY, "a b", "a valid config key"},
        {FORMAT_CONFIG_KEY, "..a", "must not start with '..'"},
        {FORMAT_CONFIG_KEY, ".", "must not be '.'"},
        {FORMAT_CONFIG_KEY, "..", "must not be '..'"},
        {FORMAT_CONFIG_KEY, "", "a valid config key"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *wrong = format_name_wrong(cases[i].form, cases[i].text);
        bool same = cases[i].wrong && wrong
                        ? strncmp(wrong, cases[i].wrong, strlen(cases[i].wrong)) == 0
                        : wrong == cases[i].wrong;

        if (!same)
            fail_msg("%s: %s", cases[i].text, wrong ? wrong : "fits");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
