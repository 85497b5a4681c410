/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: limits, errors with their place, paths, output. */
#include "test.h"

#include "base/mem.h"
#include "wire/base64.h"
#include "wire/json.h"

static json_t *parse(const char *text)
{
    json_t *value = NULL;
    struct error err = {0};

    if (json_parse(slice_str(text), NULL, &value, &err) < 0)
        fail_msg("%s: %s", text, err.reason);
    return value;
}

static void errors_name_their_place(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *reason;
    } cases[] = {
        {"", ERR_INVALID, "line 1"},
        {"{\"a\": 1,\n \"b\": }", ERR_INVALID, "line 2, column 7"},
        {"{} x", ERR_INVALID, "line 1, column 4"},
        {"\"\\u0000\"", ERR_INVALID, "line 1"},
        {"\"\xff\"", ERR_INVALID, "line 1"},
        {"99999999999999999999", ERR_INVALID, "line 1"},
        {"[[[[1]]]]", ERR_LIMIT, "deeper than 3 levels"},
        {"[\"                                 \"]", ERR_LIMIT, "more than the allowed 30"},
    };
    const struct json_limits limits = {.size_max = 30, .depth_max = 3, .duplicate_refuse = true};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        json_t *value = NULL;

        assert_int_equal(json_parse(slice_str(cases[i].text), &limits, &value, &err),
                         cases[i].code);
        assert_null(value);
        if (!strstr(err.reason, cases[i].reason))
            fail_msg("%s: got \"%s\", expected \"%s\"", cases[i].text, err.reason, cases[i].reason);
    }
}

static void duplicates_are_last_wins_or_refused(void **state)
{
    const struct json_limits strict = {.duplicate_refuse = true};
    SCOPED(json_drop) json_t *value = parse("{\"a\":1,\"a\":2}");
    json_t *refused = NULL;

    (void)state;
    assert_int_equal(json_get_int(value, "a", 0), 2);
    assert_int_equal(json_parse(SLICE("{\"a\":1,\"a\":2}"), &strict, &refused, NULL), ERR_INVALID);
}

static void paths_read(void **state)
{
    SCOPED(json_drop)
    json_t *pod =
        parse("{\"metadata\":{\"name\":\"web\",\"labels\":{\"app.kubernetes.io/name\":\"w\"}},"
              "\"spec\":{\"containers\":[{\"ports\":[{\"containerPort\":80}]}],"
              "\"hostNetwork\":true,\"weight\":1.5}}");

    (void)state;
    assert_string_equal(json_path_string(pod, "metadata.name"), "web");
    assert_string_equal(json_path_string(pod, "metadata.labels[\"app.kubernetes.io/name\"]"), "w");
    assert_int_equal(json_path_int(pod, "spec.containers[0].ports[0].containerPort", -1), 80);
    assert_int_equal(json_path_int(pod, "spec.containers[1].ports[0].containerPort", -1), -1);
    assert_true(json_path_bool(pod, "spec.hostNetwork", false));
    assert_true(json_path_real(pod, "spec.weight", 0) == 1.5);
    assert_null(json_path_string(pod, "spec.hostNetwork"));
    assert_string_equal(json_path_string_or(pod, "a.b.c", "none"), "none");
    assert_true(json_path_is(pod, "metadata.name", "web"));
    assert_false(json_path_is(pod, "spec.containers[0].ports[0].containerPort", "80"));
    assert_false(json_path_is(NULL, "a", ""));
    assert_null(json_path_get(pod, "spec.containers[x]"));
    assert_null(json_path_get(pod, "spec.containers[0"));
    assert_null(json_path_get(NULL, "a"));
    assert_ptr_equal(json_path_get(pod, ""), pod);
}

static void paths_write(void **state)
{
    SCOPED(json_drop) json_t *root = json_object();
    SCOPED(mem_drop) char *text = NULL;

    (void)state;
    assert_int_equal(json_path_set(root, "a.b[0].c", json_integer(1)), 0);
    assert_int_equal(json_path_set(root, "a.b[1]", json_string("x")), 0);
    assert_int_equal(json_path_set(root, "a.b[7]", json_string("x")), ERR_INVALID);
    assert_int_equal(json_path_set(root, "a.b.c", json_null()), ERR_INVALID);
    assert_int_equal(json_path_set(root, "z", json_true()), 0);
    assert_int_equal(json_path_remove(root, "a.b[0].c"), 0);
    assert_int_equal(json_path_remove(root, "a.b[0].c"), ERR_NOT_FOUND);
    text = json_format_str(root, JSON_FORMAT_COMPACT);
    assert_string_equal(text, "{\"a\":{\"b\":[{},\"x\"]},\"z\":true}");
}

static void output_is_ordered_or_sorted(void **state)
{
    SCOPED(json_drop) json_t *value = parse("{\"b\":[],\"a\":{\"y\":1,\"x\":\"\\u00e9\"}}");
    SCOPED(mem_drop) char *compact = json_format_str(value, JSON_FORMAT_COMPACT);
    SCOPED(mem_drop) char *sorted = json_format_str(value, JSON_FORMAT_SORTED);
    SCOPED(mem_drop) char *pretty = json_format_str(value, JSON_FORMAT_PRETTY | JSON_FORMAT_SORTED);
    struct buf small;

    (void)state;
    assert_string_equal(compact, "{\"b\":[],\"a\":{\"y\":1,\"x\":\"\xc3\xa9\"}}");
    assert_string_equal(sorted, "{\"a\":{\"x\":\"\xc3\xa9\",\"y\":1},\"b\":[]}");
    assert_string_equal(pretty, "{\n    \"a\": {\n        \"x\": \"\xc3\xa9\",\n        \"y\": 1\n"
                                "    },\n    \"b\": []\n}");
    buf_init(&small, 10);
    assert_int_equal(json_format(value, JSON_FORMAT_COMPACT, &small), ERR_LIMIT);
    buf_deinit(&small);
}

static void bad_text_becomes_replacement_characters(void **state)
{
    SCOPED(json_drop) json_t *value = json_string_slice(SLICE("a\xff\xe2\x82"));

    (void)state;
    assert_slice(json_slice(value), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_int_equal(json_slice(NULL).len, 0);
}

static void base64_round_trip(void **state)
{
    static const struct {
        const char *plain, *coded, *url;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"\xfb\xff", "+/8=", "-_8"},
    };
    static const char *const bad[] = {"Z", "Zg=", "Zg===", "Z g=", "Zm9v=", "=", "Zm9v\n"};
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&out);
        assert_int_equal(base64_encode(slice_str(cases[i].plain), &out), 0);
        assert_slice(buf_slice(&out), cases[i].coded);
        buf_reset(&out);
        assert_int_equal(base64_url_encode(slice_str(cases[i].plain), &out), 0);
        assert_slice(buf_slice(&out), cases[i].url);
        buf_reset(&out);
        assert_int_equal(base64_decode(slice_str(cases[i].coded), &out), 0);
        assert_int_equal(base64_decode(slice_str(cases[i].url), &out), 0);
        assert_int_equal(out.len, 2 * strlen(cases[i].plain));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_reset(&out);
        assert_int_equal(base64_decode(slice_str(bad[i]), &out), ERR_INVALID);
        assert_int_equal(out.len, 0);
    }
    assert_int_equal(hex_encode(SLICE("\x01\xfe"), &out), 0);
    assert_slice(buf_slice(&out), "01fe");
    assert_int_equal(hex_decode(SLICE("01FE"), &out), 0);
    assert_slice(buf_slice(&out), "01fe\x01\xfe");
    assert_int_equal(hex_decode(SLICE("0"), &out), ERR_INVALID);
    assert_int_equal(hex_decode(SLICE("0g"), &out), ERR_INVALID);
    buf_deinit(&out);
}

static void on_duplicate(const char *path, void *ctx)
{
    buf_printf(ctx, "%s ", path);
}

static void repeated_keys(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"{}", ""},
        {"{\"a\":1,\"b\":{\"a\":2}}", ""},
        {"{\"a\":1,\"a\":2,\"a\":3}", "a a "},
        {" { \"s\" : [ 1, {\"p\":\"}\\\"\", \"p\" : [ ] } ] , \"t\":{\"u\":1,\"u\":2} } ",
         "s[1].p t.u "},
        {"[{\"a\":{}},{\"a\":1,\"a\":true}]", "[1].a "},
        {"{\"a\":", ""},
        {"{\"a\":}}]", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf told;

        buf_init(&told, 0);
        json_dup_find(slice_str(cases[i].text), on_duplicate, &told);
        if (!slice_eq_str(buf_slice(&told), cases[i].expected))
            fail_msg("%s: %.*s", cases[i].text, (int)told.len, told.data);
        buf_deinit(&told);
    }
}

static void array_items_are_found_by_name(void **state)
{
    json_t *list = json_pack("[{s:i},s,{s:s,s:i},{s:s,s:i}]", "name", 1, "http", "name", "http",
                             "port", 80, "name", "http", "port", 81);

    (void)state;
    assert_int_equal(json_get_int(json_array_find(list, "name", "http"), "port", 0), 80);
    assert_null(json_array_find(list, "name", "https"));
    assert_null(json_array_find(NULL, "name", "http"));
    assert_true(json_array_has(list, "http"));
    assert_false(json_array_has(list, "name"));
    assert_false(json_array_has(NULL, "http"));
    json_decref(list);
}

static void member_arrays_are_made(void **state)
{
    json_t *object = json_pack("{s:[i], s:s}", "there", 1, "text", "x");

    (void)state;
    assert_int_equal(json_array_size(json_member_array(object, "there")), 1);
    assert_int_equal(json_array_size(json_member_array(object, "text")), 0);
    json_array_append_new(json_member_array(object, "absent"), json_true());
    assert_true(json_is_true(json_path_get(object, "absent[0]")));
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeated_keys),
        cmocka_unit_test(errors_name_their_place),
        cmocka_unit_test(duplicates_are_last_wins_or_refused),
        cmocka_unit_test(paths_read),
        cmocka_unit_test(paths_write),
        cmocka_unit_test(output_is_ordered_or_sorted),
        cmocka_unit_test(array_items_are_found_by_name),
        cmocka_unit_test(member_arrays_are_made),
        cmocka_unit_test(bad_text_becomes_replacement_characters),
        cmocka_unit_test(base64_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
