/* SPDX-License-Identifier: Apache-2.0 */
/* Structural schemas: what they take out of objects, put in, and say of them. */
#include "test.h"
#include "tree.h"

#include "api/structural.h"
#include "base/buf.h"
#include "base/mem.h"

static void on_cause(const struct api_cause *cause, void *ctx)
{
    struct buf *told = ctx;

    buf_printf(told, "%s%s: %s", told->len ? "; " : "", cause->field, cause->message);
}

static void on_unknown(const char *path, void *ctx)
{
    buf_printf(ctx, "%s ", path);
}

/* A schema of the field `v`, a value of it, and what is said. */
struct value_case {
    const char *schema, *value, *expected;
};

static void run_values(const struct value_case *cases, size_t case_count)
{
    for (size_t i = 0; i < case_count; i++) {
        json_t *schema = json_pack("{s:s, s:{s:o}}", "type", "object", "properties", "v",
                                   yaml_tree(cases[i].schema));
        char *text = mem_printf("v: %s", cases[i].value);
        json_t *object = yaml_tree(text);
        struct buf told;
        size_t count;

        buf_init(&told, 0);
        buf_append_str(&told, "");
        count = structural_check(schema, object, on_cause, &told);
        if (!slice_eq_str(buf_slice(&told), cases[i].expected))
            fail_msg("%s with %s: %.*s", cases[i].schema, cases[i].value, (int)told.len, told.data);
        assert_int_equal(count == 0, cases[i].expected[0] == '\0');
        buf_deinit(&told);
        mem_free(text);
        json_decref(schema);
        json_decref(object);
    }
}

static void scalars(void **state)
{
    static const struct value_case cases[] = {
        {"{type: integer}", "1", ""},
        {"{type: integer}", "1.0", ""},
        {"{type: integer}", "1.5",
         "v: Invalid value: \"number\": v in body must be of type integer: \"number\""},
        {"{type: number}", "1", ""},
        {"{type: string}", "5",
         "v: Invalid value: \"integer\": v in body must be of type string: \"integer\""},
        {"{type: object}", "[]",
         "v: Invalid value: \"array\": v in body must be of type object: \"array\""},
        {"{type: string, nullable: true}", "null", ""},
        {"{type: string}", "null",
         "v: Invalid value: \"null\": v in body must be of type string: \"null\""},
        {"{type: integer, minimum: 1, maximum: 3}", "2", ""},
        {"{type: integer, minimum: 1}", "0",
         "v: Invalid value: 0: v in body should be greater than or equal to 1"},
        {"{type: integer, minimum: 1, exclusiveMinimum: true}", "1",
         "v: Invalid value: 1: v in body should be greater than 1"},
        {"{type: number, maximum: 1.5}", "2",
         "v: Invalid value: 2: v in body should be less than or equal to 1.5"},
        {"{type: integer, multipleOf: 5}", "6",
         "v: Invalid value: 6: v in body should be a multiple of 5"},
        {"{type: string, maxLength: 2}", "\xc3\xa4\xc3\xb6", ""},
        {"{type: string, maxLength: 2}", "abc", "v: Too long: may not be more than 2 bytes"},
        {"{type: string, minLength: 2}", "a",
         "v: Invalid value: \"a\": v in body should be at least 2 chars long"},
        {"{type: string, pattern: '^a+$'}", "aa", ""},
        {"{type: string, pattern: '^a+$'}", "ab",
         "v: Invalid value: \"ab\": v in body should match '^a+$'"},
        {"{type: string, pattern: '('}", "ab", ""},
        {"{type: string, enum: [a, b]}", "b", ""},
        {"{type: integer, enum: [1, 2]}", "3",
         "v: Unsupported value: 3: supported values: \"1\", \"2\""},
        {"{type: string, format: date-time}", "'2026-01-01T00:00:00Z'", ""},
        {"{type: string, format: uuid}", "x",
         "v: Invalid value: \"x\": v in body must be of type uuid: \"x\""},
    };

    (void)state;
    run_values(cases, ARRAY_LEN(cases));
}

static void trees(void **state)
{
    static const struct value_case cases[] = {
        {"{type: array, items: {type: string}, minItems: 1}", "[]",
         "v: Invalid value: 0: v in body should have at least 1 items"},
        {"{type: array, items: {type: string}, maxItems: 1}", "[a, b]",
         "v: Too many: 2: must have at most 1 items"},
        {"{type: array, items: {type: string}}", "[a, 5]",
         "v[1]: Invalid value: \"integer\": v[1] in body must be of type string: \"integer\""},
        {"{type: array, items: {type: string}, x-kubernetes-list-type: set}", "[a, b, a]",
         "v[2]: Duplicate value: \"a\""},
        {"{type: array, items: {type: object}, x-kubernetes-list-type: map, "
         "x-kubernetes-list-map-keys: [p, q]}",
         "[{p: 1, q: x, r: 1}, {p: 1, q: y}, {p: 1, q: x}]",
         "v[2]: Duplicate value: {\"p\":1,\"q\":\"x\"}"},
        {"{type: object, minProperties: 1}", "{}",
         "v: Invalid value: 0: v in body should have at least 1 properties"},
        {"{type: object, required: [a], properties: {a: {type: string}}}", "{}",
         "v.a: Required value"},
        {"{type: object, additionalProperties: {type: boolean}}", "{a: true, b: no, c: x}",
         "v.c: Invalid value: \"string\": v.c in body must be of type boolean: \"string\""},
        {"{x-kubernetes-int-or-string: true}", "a", ""},
        {"{x-kubernetes-int-or-string: true}", "1.5",
         "v: Invalid value: \"number\": v in body must be of type integer,string: \"number\""},
        {"{x-kubernetes-preserve-unknown-fields: true}", "[{a: 1}]", ""},
        {"{type: object, x-kubernetes-embedded-resource: true}", "{kind: A}",
         "v.apiVersion: Required value"},
        {"{type: object, anyOf: [{required: [a]}, {required: [b]}]}", "{b: 1}", ""},
        {"{type: object, anyOf: [{required: [a]}, {required: [b]}]}", "{}",
         "<nil>: Invalid value: \"\": \"v\" must validate at least one schema (anyOf); "
         "v.a: Required value"},
        {"{type: object, oneOf: [{required: [a]}, {required: [b]}]}", "{a: 1, b: 1}",
         "<nil>: Invalid value: \"\": \"v\" must validate one and only one schema (oneOf). Found 2 "
         "valid alternatives"},
        {"{type: object, oneOf: [{not: {anyOf: [{required: [a]}, {required: [b]}]}}, "
         "{required: [a]}, {required: [b]}]}",
         "{}", ""},
        {"{type: object, allOf: [{required: [a]}, {required: [b]}]}", "{a: 1}",
         "v.b: Required value"},
        {"{type: object, not: {required: [a]}}", "{a: 1}",
         "<nil>: Invalid value: \"\": \"v\" must not validate the schema (not)"},
        {"{type: integer, x-kubernetes-validations: [{rule: 'self > 5'}]}", "1", ""},
    };

    (void)state;
    run_values(cases, ARRAY_LEN(cases));
}

static void pruned_and_defaulted(void **state)
{
    static const struct {
        const char *schema, *object, *expected, *unknown;
    } cases[] = {
        {"{type: object, properties: {a: {type: string}}}",
         "{kind: K, apiVersion: v1, metadata: {x: 1}, a: b, c: d}",
         "{kind: K, apiVersion: v1, metadata: {x: 1}, a: b}", "c "},
        {"{type: object, properties: {l: {type: array, items: {type: object, properties: {a: "
         "{type: string}}}}}}",
         "{l: [{a: x, b: y}, {c: z}]}", "{l: [{a: x}, {}]}", "l[0].b l[1].c "},
        {"{type: object, properties: {f: {type: object, x-kubernetes-preserve-unknown-fields: "
         "true, properties: {k: {type: object}}}}}",
         "{f: {k: {x: 1}, y: {z: 1}}}", "{f: {k: {}, y: {z: 1}}}", "f.k.x "},
        {"{type: object, properties: {m: {type: object, additionalProperties: {type: object, "
         "properties: {a: {type: string}}}}}}",
         "{m: {p: {a: x, b: y}}}", "{m: {p: {a: x}}}", "m.p.b "},
        {"{type: object, properties: {e: {type: object, x-kubernetes-embedded-resource: true, "
         "properties: {spec: {type: object}}}}}",
         "{e: {kind: K, metadata: {name: x}, spec: {}, more: 1}}",
         "{e: {kind: K, metadata: {name: x}, spec: {}}}", "e.more "},
        {"{type: object, properties: {a: {type: string, default: x}, o: {type: object, default: "
         "{}, properties: {b: {type: integer, default: 7}}}, p: {type: object, properties: {c: "
         "{type: integer, default: 8}}}}}",
         "{}", "{a: x, o: {b: 7}}", ""},
        {"{type: object, properties: {a: {type: string, default: x}, n: {type: string, nullable: "
         "true, default: y}, p: {type: string}}}",
         "{a: null, n: null, p: null}", "{a: x, n: null}", ""},
        {"{type: object, properties: {l: {type: array, items: {type: object, properties: {a: "
         "{type: string, default: x}}}}}}",
         "{l: [{}, {a: b}]}", "{l: [{a: x}, {a: b}]}", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *schema = yaml_tree(cases[i].schema);
        json_t *object = yaml_tree(cases[i].object);
        json_t *expected = yaml_tree(cases[i].expected);
        struct buf unknown;

        buf_init(&unknown, 0);
        structural_prune(schema, object, on_unknown, &unknown);
        structural_default(schema, object);
        if (!json_equal(object, expected)) {
            char *text = json_format_str(object, JSON_FORMAT_COMPACT);

            fail_msg("%s: %s", cases[i].object, text);
        }
        assert_true(slice_eq_str(buf_slice(&unknown), cases[i].unknown));
        buf_deinit(&unknown);
        json_decref(schema);
        json_decref(object);
        json_decref(expected);
    }
}

static void schemas(void **state)
{
    static const struct {
        const char *schema, *expected;
    } cases[] = {
        {"{type: object}", ""},
        {"{}", "s.type: Required value: must not be empty at the root"},
        {"{type: object, properties: {metadata: {}, a: {}}}",
         "s.properties[a].type: Required value: must not be empty for specified object fields"},
        {"{type: object, properties: {a: {type: array}}}",
         "s.properties[a].items: Required value: must be specified"},
        {"{type: object, properties: {a: {type: array, items: {type: text}}}}",
         "s.properties[a].items.type: Unsupported value: \"text\": supported values: \"array\", "
         "\"boolean\", \"integer\", \"number\", \"object\", \"string\""},
        {"{type: object, additionalProperties: {$ref: x, type: string}}",
         "s.additionalProperties.$ref: Forbidden: $ref is not supported"},
        {"{type: object, properties: {a: {type: string}}, additionalProperties: {type: string}}",
         "s.additionalProperties: Forbidden: additionalProperties and properties are mutual "
         "exclusive"},
        {"{type: object, properties: {a: {x-kubernetes-int-or-string: true}, b: "
         "{x-kubernetes-preserve-unknown-fields: true}}}",
         ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *schema = yaml_tree(cases[i].schema);
        struct buf told;

        buf_init(&told, 0);
        (void)structural_check_schema(schema, "s", on_cause, &told);
        if (!slice_eq_str(buf_slice(&told), cases[i].expected))
            fail_msg("%s: %.*s", cases[i].schema, (int)told.len, told.data);
        buf_deinit(&told);
        json_decref(schema);
    }
}

/* Junctors within junctors double the work at each level: the walk ends all the same. */
static void nested_junctors_end(void **state)
{
    json_t *schema = json_pack("{s:[s]}", "required", "a");
    json_t *object = json_object();
    struct buf told;

    (void)state;
    for (int i = 0; i < 60; i++)
        schema = json_pack("{s:[O, o]}", "anyOf", schema, schema);
    buf_init(&told, 64 * 1024);
    assert_true(structural_check(schema, object, on_cause, &told) > 0);
    buf_deinit(&told);
    json_decref(schema);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars),
        cmocka_unit_test(trees),
        cmocka_unit_test(pruned_and_defaulted),
        cmocka_unit_test(schemas),
        cmocka_unit_test(nested_junctors_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
