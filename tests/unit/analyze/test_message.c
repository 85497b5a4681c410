/* SPDX-License-Identifier: Apache-2.0 */
/* The table of messages, levels by name, and the three formats. */
#include "test.h"

#include "analyze/message.h"

static void table_is_sound(void **state)
{
    static const char *const codes[] = {
#define MESSAGE_CODE(name, code, ...) code,
        ANALYZE_MESSAGE_MAP(MESSAGE_CODE)
#undef MESSAGE_CODE
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        const char *text = analyze_message_template((enum analyze_message_id)i);
        size_t count = analyze_message_argument_count((enum analyze_message_id)i);
        char place[] = "{0}";

        assert_int_equal(strlen(codes[i]), 7);
        assert_true(i == 0 || strcmp(codes[i - 1], codes[i]) < 0);
        assert_true(analyze_code_is_known(codes[i]));
        for (size_t k = 0; k < count; k++) {
            place[1] = (char)('0' + k);
            if (!strstr(text, place))
                fail_msg("%s does not show %s", codes[i], place);
        }
        place[1] = (char)('0' + count);
        assert_null(strstr(text, place));
    }
    assert_false(analyze_code_is_known("IST9999"));
}

static void levels(void **state)
{
    (void)state;
    assert_int_equal(analyze_level_parse("warning"), ANALYZE_WARNING);
    assert_int_equal(analyze_level_parse("Info"), ANALYZE_INFO);
    assert_int_equal(analyze_level_parse("ERROR"), ANALYZE_ERROR);
    assert_int_equal(analyze_level_parse(""), -1);
    assert_string_equal(analyze_level_name(ANALYZE_ERROR), "Error");
}

static const struct analyze_message messages[] = {
    {ANALYZE_NOT_FOUND, ANALYZE_ERROR, "IST0101", "Gateway a/b", "x.yaml:3", "Referenced \"c\""},
    {ANALYZE_PORT_NAME, ANALYZE_INFO, "IST0118", "Service a/b", "", "Port"},
};

static void formats(void **state)
{
    static const struct {
        enum analyze_level level_min;
        enum analyze_format format;
        bool color;
        size_t shown;
        const char *expected;
    } cases[] = {
        {ANALYZE_INFO, ANALYZE_FORMAT_LOG, false, 2,
         "Error [IST0101] (Gateway a/b x.yaml:3) Referenced \"c\"\n"
         "Info [IST0118] (Service a/b) Port"},
        {ANALYZE_WARNING, ANALYZE_FORMAT_LOG, true, 1,
         "\033[1;31mError\033[0m [IST0101] (Gateway a/b x.yaml:3) Referenced \"c\""},
        {ANALYZE_ERROR, ANALYZE_FORMAT_JSON, false, 1,
         "[\n\t{\n\t\t\"code\": \"IST0101\",\n\t\t\"documentationUrl\": "
         "\"https://istio.io/v1.31/docs/reference/config/analysis/ist0101/?ref=istioctl-analyze\","
         "\n\t\t\"level\": \"Error\",\n\t\t\"message\": \"Referenced \\\"c\\\"\",\n"
         "\t\t\"origin\": \"Gateway a/b\",\n\t\t\"reference\": \"x.yaml:3\"\n\t}\n]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;

        buf_init(&out, 0);
        assert_int_equal(analyze_messages_format(messages, ARRAY_LEN(messages), cases[i].level_min,
                                                 cases[i].format, cases[i].color, &out),
                         cases[i].shown);
        assert_slice(buf_slice(&out), cases[i].expected);
        buf_deinit(&out);
    }
}

static void nothing_is_an_empty_list(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    assert_int_equal(
        analyze_messages_format(NULL, 0, ANALYZE_INFO, ANALYZE_FORMAT_JSON, false, &out), 0);
    assert_slice(buf_slice(&out), "[]");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table_is_sound), cmocka_unit_test(levels),
                                       cmocka_unit_test(formats),
                                       cmocka_unit_test(nothing_is_an_empty_list)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
