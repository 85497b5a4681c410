/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: what kubectl makes of it, both ways. */
#include "test.h"

#include "base/file.h"
#include "base/mem.h"
#include "wire/yaml.h"

#include <stdio.h>
#include <stdlib.h>

static void yaml_becomes_json(void **state)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"", "[]"},
        {"# only a comment\n---\n---\nnull\n", "[]"},
        {"a: 1\n---\nb: x\n", "[{\"a\":1},{\"b\":\"x\"}]"},
        {"{\"a\": [1, 2.5, \"x\", null, true]}", "[{\"a\":[1,2.5,\"x\",null,true]}]"},
        {"a: yes\nb: off\nc: \"yes\"\nd: ~\ne:\n",
         "[{\"a\":true,\"b\":false,\"c\":\"yes\",\"d\":null,\"e\":null}]"},
        {"[0x10, 010, 0b11, 0o17, 1_000, -7, +7, 08]", "[[16,8,3,15,1000,-7,7,8]]"},
        {"[1.5, 1e3, .5, -1., 1.2.3, 1e, 1:30, 2001-12-14]",
         "[[1.5,1000,0.5,-1,\"1.2.3\",\"1e\",\"1:30\",\"2001-12-14\"]]"},
        {"[9223372036854775807, -9223372036854775808]",
         "[[9223372036854775807,-9223372036854775808]]"},
        {"80: a\ntrue: b\n1.5: c", "[{\"80\":\"a\",\"true\":\"b\",\"1.5\":\"c\"}]"},
        {"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "[{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}]"},
        {"a: !!str 1\nb: ! 2\nc: !!int \"3\"", "[{\"a\":\"1\",\"b\":\"2\",\"c\":3}]"},
        {"base: &b {x: 1, z: 2}\nd:\n  <<: *b\n  z: 3\n",
         "[{\"base\":{\"x\":1,\"z\":2},\"d\":{\"z\":3,\"x\":1}}]"},
        {"a: &x [1]\nb: *x\nc: *x\n", "[{\"a\":[1],\"b\":[1],\"c\":[1]}]"},
        {"\"<<\": 1", "[{\"<<\":1}]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *documents = NULL;
        SCOPED(mem_drop) char *text = NULL;
        struct error err = {0};

        if (yaml_parse(slice_str(cases[i].yaml), NULL, &documents, &err) < 0)
            fail_msg("%s: %s", cases[i].yaml, err.reason);
        text = json_format_str(documents, JSON_FORMAT_COMPACT);
        assert_string_equal(text, cases[i].json);
    }
}

static void errors_name_their_line(void **state)
{
    static const struct {
        const char *yaml;
        int code;
        const char *reason;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", ERR_INVALID, "line 3, column 1: key \"a\" is set twice"},
        {"a: [1, 2\n", ERR_INVALID, "line 2"},
        {"a: b: c\n", ERR_INVALID, "line 1, column 5: mapping values are not allowed"},
        {"a: *nothing\n", ERR_INVALID, "line 1, column 4: alias of an unknown anchor"},
        {"a: &x [*x]\n", ERR_INVALID, "alias of an unknown anchor"},
        {"a: .inf\n", ERR_INVALID, "no infinite numbers"},
        {"a: 18446744073709551616\n", ERR_INVALID, "does not fit 64 bits"},
        {"? [a]\n: b\n", ERR_INVALID, "a key must be text"},
        {"~: b\n", ERR_INVALID, "a key must be text"},
        {"a: !thing x\n", ERR_UNSUPPORTED, "not supported: this tag"},
        {"\ta: 1\n", ERR_INVALID, "line 1, column 1"},
        {"a: \"\\0\"\n", ERR_INVALID, "NUL"},
        {"<<: 1\n", ERR_INVALID, "<< takes a mapping"},
        {"[[[[[[1]]]]]]", ERR_LIMIT, "nested too deeply"},
        {"a: &a [1,1,1,1]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n", ERR_LIMIT,
         "too many values"},
        {"\xff\xfe", ERR_INVALID, ""},
    };
    const struct yaml_limits limits = {.depth_max = 5, .node_max = 100};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        json_t *value = NULL;
        int rc = yaml_parse(slice_str(cases[i].yaml), &limits, &value, &err);

        if (i == ARRAY_LEN(cases) - 1 && rc == 0) { /* an empty UTF-16 text */
            json_decref(value);
            continue;
        }
        if (rc != cases[i].code || !strstr(err.reason, cases[i].reason))
            fail_msg("%s: got %d \"%s\"", cases[i].yaml, rc, err.reason);
        assert_null(value);
    }
}

static void one_document_is_one(void **state)
{
    json_t *value = NULL;
    struct error err = {0};

    (void)state;
    assert_int_equal(yaml_parse_one(SLICE("a: 1\n---\nb: 1\n"), NULL, &value, &err), ERR_INVALID);
    assert_int_equal(yaml_parse_one(SLICE(""), NULL, &value, &err), ERR_INVALID);
    assert_int_equal(yaml_parse_one(SLICE("---\na: 1\n---\n"), NULL, &value, &err), 0);
    assert_int_equal(json_get_int(value, "a", 0), 1);
    json_decref(value);
}

static void json_becomes_kubectls_yaml(void **state)
{
    static const struct {
        const char *json, *yaml;
    } cases[] = {
        {"{\"b\":1,\"a\":{\"list\":[1,{\"x\":1,\"y\":[]},[2]],\"empty\":{}}}",
         "a:\n  empty: {}\n  list:\n  - 1\n  - x: 1\n    \"y\": []\n  - - 2\nb: 1\n"},
        {"[\"yes\",\"1\",\"\",\"null\",\"a: b\",\"# c\",\" x\",\"-\",\"plain "
         "text\",\"1:30\",\"é\"]",
         "- \"yes\"\n- \"1\"\n- \"\"\n- \"null\"\n- 'a: b'\n- '# c'\n- ' x'\n- '-'\n- plain text\n"
         "- \"1:30\"\n- é\n"},
        {"{\"a\":\"x\\ny\\n\",\"b\":\"x\\ny\",\"c\":\"tab\\there\"}",
         "a: |\n  x\n  y\nb: |-\n  x\n  y\nc: \"tab\\there\"\n"},
        {"{\"v10\":1,\"v2\":1,\"v1\":1,\"V\":1,\"a-b\":1,\"a.b\":1,\"ab\":1}",
         "V: 1\na-b: 1\na.b: 1\nab: 1\nv1: 1\nv2: 1\nv10: 1\n"},
        {"[null,true,false,-1,1.5,0.1,1e30]",
         "- null\n- true\n- false\n- -1\n- 1.5\n- 0.1\n- 1e+30\n"},
        {"[\"2026-11-25T09:53:52Z\",\"2001-12-14\",\"2026-11-25T09:53:52.123+01:00\",\"2026-13-"
         "01\","
         "\"2026-1-1 1:2:3\",\"2026-11-25x\"]",
         "- \"2026-11-25T09:53:52Z\"\n- \"2001-12-14\"\n- \"2026-11-25T09:53:52.123+01:00\"\n"
         "- 2026-13-01\n- \"2026-1-1 1:2:3\"\n- 2026-11-25x\n"},
        {"{\"1a\":2,\"10\":1}", "\"10\": 1\n1a: 2\n"},
        {"\"x\"", "x\n"},
        {"{}", "{}\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *value = NULL;
        SCOPED(json_drop) json_t *again = NULL;
        SCOPED(buf_deinit) struct buf out = {0};
        struct error err = {0};

        buf_init(&out, 0);
        assert_int_equal(json_parse(slice_str(cases[i].json), NULL, &value, &err), 0);
        assert_int_equal(yaml_format(value, &out), 0);
        assert_slice(buf_slice(&out), cases[i].yaml);
        assert_int_equal(yaml_parse_one(buf_slice(&out), NULL, &again, &err), 0);
        assert_true(json_equal(value, again));
    }
}

static void output_keeps_to_its_limit(void **state)
{
    SCOPED(json_drop) json_t *value = json_pack("{s:s}", "key", "a long enough text");
    SCOPED(buf_deinit) struct buf out = {0};

    (void)state;
    buf_init(&out, 10);
    assert_int_equal(yaml_format(value, &out), ERR_LIMIT);
}

static void samples_are_read(void **state)
{
    SCOPED(buf_deinit) struct buf text = {0};
    SCOPED(json_drop) json_t *documents = NULL;
    SCOPED(mem_drop)
    char *path =
        mem_printf("%s/samples/bookinfo/platform/kube/bookinfo.yaml", getenv("TEST_SOURCE_ROOT"));
    struct error err = {0};

    (void)state;
    buf_init(&text, 0);
    assert_int_equal(file_read(path, &text, &err), 0);
    assert_int_equal(yaml_parse(buf_slice(&text), NULL, &documents, &err), 0);
    assert_true(json_array_size(documents) >= 10);
    assert_string_equal(json_path_string(documents, "[0].kind"), "Service");
}

/* "document:path=line" of each field. */
static bool field_append(size_t document, struct slice path, size_t line, void *ctx)
{
    struct buf *out = ctx;

    (void)buf_printf(out, "%zu:%.*s=%zu ", document, SLICE_ARG(path), line);
    return !slice_eq_str(path, "last");
}

static void fields_have_their_lines(void **state)
{
    static const char text[] = "# a comment\n"
                               "a: 1\n"
                               "b:\n"
                               "  c.d/e: x\n"
                               "  f: [1, {g: 2}]\n"
                               "---\n"
                               "# empty\n"
                               "---\n"
                               "- h:\n"
                               "    i: &anchor 1\n"
                               "- *anchor\n"
                               "---\n"
                               "last: 1\n"
                               "never: 1\n";
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    yaml_fields_each(slice_str(text), field_append, &out);
    assert_slice(buf_slice(&out),
                 "0:=2 0:a=2 0:b=3 0:b.c.d/e=4 0:b.f=5 0:b.f[0]=5 0:b.f[1]=5 0:b.f[1].g=5 "
                 "1:=9 1:[0]=9 1:[0].h=9 1:[0].h.i=10 1:[1]=11 2:=13 2:last=13 ");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_becomes_json),         cmocka_unit_test(errors_name_their_line),
        cmocka_unit_test(one_document_is_one),       cmocka_unit_test(json_becomes_kubectls_yaml),
        cmocka_unit_test(output_keeps_to_its_limit), cmocka_unit_test(samples_are_read),
        cmocka_unit_test(fields_have_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
