/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of fields: reading, writing, algebra. */
#include "test.h"

#include "base/mem.h"
#include "kube/objects/fields.h"

static json_t *parse(const char *text)
{
    json_t *value = NULL;

    if (json_parse(slice_str(text), NULL, &value, NULL) != 0)
        fail_msg("not JSON: %s", text);
    return value;
}

static json_t *decode(const char *text)
{
    json_t *fields = parse(text);
    json_t *set = NULL;
    struct error err = {0};

    if (kube_fields_decode(fields, &set, &err) != 0)
        fail_msg("%s: %s", text, err.reason);
    json_decref(fields);
    return set;
}

/* Takes the set. */
static void assert_set(json_t *set, const char *expected)
{
    json_t *encoded = kube_fields_encode(set);
    char *text = json_format_str(encoded, JSON_FORMAT_COMPACT);

    assert_string_equal(text, expected);
    mem_free(text);
    json_decref(encoded);
    json_decref(set);
}

static void reads_and_writes(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{}", "{}"},
        {"{\"f:b\":{},\"f:a\":{}}", "{\"f:a\":{},\"f:b\":{}}"},
        {"{\"f:a\":{\"f:x\":{},\".\":{}}}", "{\"f:a\":{\".\":{},\"f:x\":{}}}"},
        {"{\"f:a\":{\".\":{}}}", "{\"f:a\":{}}"},
        {"{\"f:l\":{\"k:{\\\"z\\\": 1, \\\"a\\\":\\\"b\\\"}\":{}}}",
         "{\"f:l\":{\"k:{\\\"a\\\":\\\"b\\\",\\\"z\\\":1}\":{}}}"},
        {"{\"f:s\":{\"v:\\\"x\\\"\":{},\"v:1\":{},\"i:3\":{}}}",
         "{\"f:s\":{\"i:3\":{},\"v:\\\"x\\\"\":{},\"v:1\":{}}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_set(decode(cases[i].in), cases[i].out);
}

static void refuses(void **state)
{
    static const char *const cases[] = {
        "[]",           "{\"a\":{}}",    "{\"f:a\":1}",           "{\"k:x\":{}}",
        "{\"k:1\":{}}", "{\"v:{}\":{}}", "{\"f:a\":{\"q:\":{}}}", "{\"\":{}}",
        "{\"f\":{}}",
    };
    struct buf deep;
    json_t *fields;
    json_t *set = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fields = parse(cases[i]);
        if (kube_fields_decode(fields, &set, NULL) != ERR_INVALID)
            fail_msg("%s should be refused", cases[i]);
        json_decref(fields);
    }
    buf_init(&deep, 0);
    for (int i = 0; i < 150; i++)
        buf_append_str(&deep, "{\"f:a\":");
    buf_append_str(&deep, "{}");
    for (int i = 0; i < 150; i++)
        buf_append_str(&deep, "}");
    assert_int_equal(json_parse(buf_slice(&deep), NULL, &fields, NULL), 0);
    assert_int_equal(kube_fields_decode(fields, &set, NULL), ERR_LIMIT);
    json_decref(fields);
    buf_deinit(&deep);
}

static void algebra(void **state)
{
    json_t *a = decode("{\"f:x\":{\".\":{},\"f:y\":{},\"f:z\":{}},\"f:w\":{}}");
    json_t *b = decode("{\"f:x\":{\"f:y\":{}},\"f:v\":{}}");
    json_t *parent = decode("{\"f:x\":{}}");

    (void)state;
    assert_set(kube_fields_union(a, b),
               "{\"f:v\":{},\"f:w\":{},\"f:x\":{\".\":{},\"f:y\":{},\"f:z\":{}}}");
    assert_set(kube_fields_intersect(a, b), "{\"f:x\":{\"f:y\":{}}}");
    assert_set(kube_fields_subtract(a, b), "{\"f:w\":{},\"f:x\":{\".\":{},\"f:z\":{}}}");
    assert_set(kube_fields_subtract(b, a), "{\"f:v\":{}}");
    /* a node in the other set takes away the node, not what is below it */
    assert_set(kube_fields_subtract(b, parent), "{\"f:v\":{},\"f:x\":{\"f:y\":{}}}");
    assert_true(kube_fields_is_empty(b) == false);
    json_decref(a);
    json_decref(b);
    json_decref(parent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(algebra),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
