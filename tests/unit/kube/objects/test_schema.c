/* SPDX-License-Identifier: Apache-2.0 */
/* The same questions to a built-in and to a custom kind. */
#include "test.h"

#include "kube/objects/schema.h"

static json_t *parse(const char *text)
{
    json_t *tree = json_loads(text, 0, NULL);

    assert_non_null(tree);
    return tree;
}

static struct kube_type built_in(void)
{
    return (struct kube_type){.api = api_kind_find("", "v1", "Service")->schema};
}

#define BOAT                                                                                       \
    "{\"type\": \"object\", \"properties\": {\"spec\": {\"type\": \"object\", \"properties\": "    \
    "{\"crew\": {\"type\": \"integer\", \"default\": 3, \"minimum\": 1}}}}}"

static void note(struct buf *out, const char *what, const char *text)
{
    buf_printf(out, "%s%s %s", out->len ? "; " : "", what, text);
}

static void on_error(const struct api_decode_error *error, void *ctx)
{
    note(ctx, error->type_text ? "type" : "unknown",
         error->type_text ? error->type_text : error->unknown_field);
}

static void on_cause(const struct api_cause *cause, void *ctx)
{
    note(ctx, cause->reason, cause->field);
}

/* Decodes `text` and compares what was told and what is left. */
static void decodes(struct kube_type type, const char *text, const char *told, const char *left)
{
    json_t *object = parse(text);
    json_t *expected = parse(left);
    struct buf out;

    buf_init(&out, 0);
    kube_schema_decode(type, "v1", object, on_error, &out);
    assert_string_equal(out.len ? out.data : "", told);
    assert_true(json_equal(object, expected));
    buf_deinit(&out);
    json_decref(expected);
    json_decref(object);
}

static void decode(void **state)
{
    json_t *boat = parse(BOAT);
    const struct kube_type custom = {.open = boat, .is_root = true};
    const struct kube_type any = {.is_root = true};

    (void)state;
    decodes(built_in(), "{\"spec\": {\"selector\": {\"a\": \"b\"}, \"sails\": 2, \"type\": null}}",
            "unknown spec.sails", "{\"spec\": {\"selector\": {\"a\": \"b\"}}}");
    decodes(custom,
            "{\"metadata\": {\"name\": \"a\", \"x\": 1}, \"spec\": {\"crew\": 1, \"y\": 2}}",
            "unknown metadata.x; unknown spec.y",
            "{\"metadata\": {\"name\": \"a\"}, \"spec\": {\"crew\": 1}}");
    decodes(any, "{\"metadata\": {\"name\": \"a\"}, \"spec\": {\"y\": null}}", "",
            "{\"metadata\": {\"name\": \"a\"}, \"spec\": {\"y\": null}}");
    json_decref(boat);
}

static void wrong_types(void **state)
{
    json_t *object = parse("{\"metadata\": {\"name\": 1}}");
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    kube_schema_decode((struct kube_type){.is_root = true}, "v1", object, on_error, &out);
    assert_non_null(strstr(out.data, "type json: cannot unmarshal number"));
    buf_deinit(&out);
    json_decref(object);
}

static void defaults(void **state)
{
    json_t *boat = parse(BOAT);
    json_t *object = parse("{\"metadata\": {\"name\": \"a\"}, \"spec\": {}}");

    (void)state;
    kube_schema_default((struct kube_type){.open = boat, .is_root = true}, object);
    assert_int_equal(json_path_int(object, "spec.crew", 0), 3);
    json_path_set(object, "spec", parse("{\"ports\": [{\"port\": 80}]}"));
    kube_schema_default(built_in(), object);
    assert_string_equal(json_path_string(object, "spec.ports[0].protocol"), "TCP");
    json_decref(object);
    json_decref(boat);
}

static void check(void **state)
{
    json_t *boat = parse(BOAT);
    json_t *object = parse("{\"metadata\": {\"name\": \"a\"}, \"spec\": {\"crew\": 0}}");
    json_t *service = parse("{\"metadata\": {\"name\": \"a\"}, \"spec\": {\"ports\": [{}]}}");
    json_t *secret = parse("{\"metadata\": {\"name\": \"a\"}, \"type\": \"a\"}");
    json_t *old = parse("{\"metadata\": {\"name\": \"a\"}, \"type\": \"b\"}");
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    kube_schema_check((struct kube_type){.open = boat, .is_root = true}, object, NULL, on_cause,
                      &out);
    assert_string_equal(out.data, "FieldValueInvalid spec.crew");
    buf_reset(&out);
    kube_schema_check(built_in(), service, NULL, on_cause, &out);
    assert_non_null(strstr(out.data, "FieldValueRequired spec.ports[0].port"));
    buf_reset(&out);
    kube_schema_check((struct kube_type){.api = api_kind_find("", "v1", "Secret")->schema}, secret,
                      old, on_cause, &out);
    assert_string_equal(out.data, "FieldValueInvalid type");
    buf_deinit(&out);
    json_decref(old);
    json_decref(secret);
    json_decref(service);
    json_decref(object);
    json_decref(boat);
}

static void unknown_fields(void **state)
{
    json_t *texts = NULL;
    char *text;

    (void)state;
    kube_schema_unknown_add(&texts, "unknown", "spec.\xff");
    kube_schema_unknown_add(&texts, "duplicate", "spec.a");
    kube_schema_unknown_add(&texts, "unknown", "spec.b");
    text = kube_schema_unknown_text(texts);
    assert_non_null(strstr(text, "duplicate field \"spec.a\", unknown field \"spec.b\""));
    assert_int_equal(strncmp(text, "strict decoding error: ", 23), 0);
    free(text);
    for (size_t i = 0; i < 2 * (size_t)API_PROBLEMS_MAX; i++)
        kube_schema_unknown_add(&texts, "unknown", "x");
    assert_int_equal(json_array_size(texts), API_PROBLEMS_MAX);
    json_decref(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode), cmocka_unit_test(wrong_types),    cmocka_unit_test(defaults),
        cmocka_unit_test(check),  cmocka_unit_test(unknown_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
