/* SPDX-License-Identifier: Apache-2.0 */
/* Documents for clients older than OpenAPI v3, in both forms. */
#include "test.h"

#include "api/openapi.h"
#include "api/openapi_v2.h"
#include "base/err.h"
#include "wire/json.h"

static const char boats_v3[] =
    "{\"openapi\": \"3.0.0\", \"info\": {\"title\": \"Sea\", \"version\": \"v1\"}, \"paths\": {"
    "\"/apis/sea/v1/boats/{name}\": {\"patch\": {\"responses\": {\"200\": {\"description\": "
    "\"OK\"}}, \"parameters\": [{\"name\": \"fieldValidation\", \"in\": \"query\", \"schema\": "
    "{\"type\": \"string\"}}]}}}, \"components\": {\"schemas\": {\"sea.Boat\": {\"type\": "
    "\"object\", \"required\": [\"hull\"], \"properties\": {"
    "\"hull\": {\"allOf\": [{\"$ref\": \"#/components/schemas/sea.Hull\"}], \"description\": "
    "\"d\", \"default\": {}}, "
    "\"crew\": {\"type\": \"array\", \"items\": {\"allOf\": [{\"$ref\": "
    "\"#/components/schemas/sea.Hull\"}]}}, "
    "\"port\": {\"x-kubernetes-int-or-string\": true, \"anyOf\": [{}]}, "
    "\"flag\": {\"type\": \"string\", \"nullable\": true}, "
    "\"any\": {\"type\": \"object\", \"x-kubernetes-preserve-unknown-fields\": true, "
    "\"properties\": {\"a\": {}}}, "
    "\"map\": {\"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}}, "
    "\"free\": {\"type\": \"object\", \"additionalProperties\": true}}}, "
    "\"sea.Hull\": {\"type\": \"object\"}}}}";

static const char boats_v2[] =
    "{\"swagger\": \"2.0\", \"info\": {\"title\": \"Sea\", \"version\": \"v1\"}, \"paths\": {"
    "\"/apis/sea/v1/boats/{name}\": {\"patch\": {\"responses\": {\"200\": {\"description\": "
    "\"OK\"}}, \"parameters\": [{\"name\": \"fieldValidation\", \"in\": \"query\", \"type\": "
    "\"string\"}]}}}, \"definitions\": {\"sea.Boat\": {\"type\": \"object\", \"required\": "
    "[\"hull\"], \"properties\": {"
    "\"hull\": {\"$ref\": \"#/definitions/sea.Hull\", \"description\": \"d\"}, "
    "\"crew\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/definitions/sea.Hull\"}}, "
    "\"port\": {\"x-kubernetes-int-or-string\": true, \"type\": \"string\"}, "
    "\"flag\": {}, "
    "\"any\": {\"type\": \"object\", \"x-kubernetes-preserve-unknown-fields\": true}, "
    "\"map\": {\"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}}, "
    "\"free\": {\"type\": \"object\"}}}, \"sea.Hull\": {\"type\": \"object\"}}}";

static void from_v3(void **state)
{
    json_t *v3 = json_loads(boats_v3, 0, NULL);
    json_t *before = json_deep_copy(v3);
    json_t *expected = json_loads(boats_v2, 0, NULL);
    json_t *v2 = openapi_v2_new(v3);

    (void)state;
    if (!json_equal(v2, expected))
        fail_msg("%s", json_format_str(v2, JSON_FORMAT_COMPACT));
    assert_true(json_equal(v3, before));
    json_decref(v2);
    json_decref(expected);
    json_decref(before);
    json_decref(v3);
}

/* Whether each reference has its definition, at any depth. */
static void references_check(const json_t *value, const json_t *definitions)
{
    const char *target = json_get_string(value, "$ref");
    const char *key;
    json_t *member;

    if (target != NULL && (strncmp(target, "#/definitions/", 14) != 0 ||
                           json_object_get(definitions, target + 14) == NULL))
        fail_msg("%s is missing", target);
    assert_null(json_object_get(value, "allOf"));
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
        references_check(member, definitions);
}

static void every_kind(void **state)
{
    size_t count;
    const struct api_kind *kinds = api_kinds(&count);
    json_t *v3 = openapi_document_new("Ships", "v1");
    json_t *v2;
    json_t *definitions;
    struct buf out;

    (void)state;
    for (size_t i = 0; i < count; i++)
        openapi_kind_add(v3, &kinds[i], kinds[i].versions[0].name);
    v2 = openapi_v2_new(v3);
    definitions = json_object_get(v2, "definitions");
    references_check(definitions, definitions);
    assert_string_equal(json_path_string(definitions, "[\"io.k8s.api.apps.v1.Deployment\"]"
                                                      ".x-kubernetes-group-version-kind[0].kind"),
                        "Deployment");
    buf_init(&out, 1000);
    assert_int_equal(openapi_v2_encode(v2, &out), ERR_LIMIT);
    buf_deinit(&out);
    json_decref(v2);
    json_decref(v3);
}

/* Field by field as gnostic's .proto numbers them. */
static void protobuf(void **state)
{
    static const struct {
        const char *document; /* JSON */
        struct slice bytes;
    } cases[] = {
        {"{\"swagger\": \"2.0\", \"info\": {\"title\": \"t\", \"version\": \"v\"}}",
         SLICE("\x0a\x03"
               "2.0\x12\x06\x0a\x01t\x12\x01v")},
        /* paths 8 { path 2 { name 1, value 2 { get 2 { responses 9 { response_code 1 {
         * name 1, value 2 { response 1 { description 1 }}}}}}}} */
        {"{\"paths\": {\"/a\": {\"get\": {\"responses\": {\"200\": {\"description\": \"OK\"}}}}}}",
         SLICE("\x42\x1b\x12\x19\x0a\x02/a\x12\x13\x12\x11\x4a\x0f\x0a\x0d\x0a\x03"
               "200\x12\x06\x0a\x04\x0a\x02OK")},
        /* ... patch 8 { parameters 8 { parameter 1 { non_body_parameter 2 {
         * query_parameter_sub_schema 3 { in 2, name 4, type 6 }}}}} */
        {"{\"paths\": {\"/\": {\"patch\": {\"parameters\": [{\"name\": \"n\", \"in\": \"query\", "
         "\"type\": \"string\"}]}}}}",
         SLICE("\x42\x23\x12\x21\x0a\x01/\x12\x1c\x42\x1a\x42\x18\x0a\x16\x12\x14\x1a\x12\x12\x05"
               "query\x22\x01n\x32\x06string")},
        /* definitions 9 { 1 { name 1, value 2 { maximum 7, min_length 12, unique_items 16,
         * required 19, type 22 {1}, vendor_extension 31 { name 1, value 2 { yaml 2 }}}}} */
        {"{\"definitions\": {\"A\": {\"x-b\": [1], \"type\": \"string\", \"minLength\": 300, "
         "\"maximum\": 1, \"uniqueItems\": true, \"required\": [\"r\"], \"other\": 1}}}",
         SLICE("\x4a\x34\x0a\x32\x0a\x01"
               "A\x12\x2d\x39\x00\x00\x00\x00\x00\x00\xf0\x3f\x60\xac\x02\x80\x01\x01\x9a\x01\x01r"
               "\xb2\x01\x08\x0a\x06string\xfa\x01\x0c\x0a\x03x-b\x12\x05\x12\x03[1]")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *document = json_loads(cases[i].document, 0, NULL);
        struct buf out;

        buf_init(&out, 0);
        assert_int_equal(openapi_v2_encode(document, &out), 0);
        assert_int_equal(out.len, cases[i].bytes.len);
        assert_memory_equal(out.data, cases[i].bytes.data, out.len);
        buf_deinit(&out);
        json_decref(document);
    }
}

static void accepted(void **state)
{
    (void)state;
    assert_true(openapi_v2_wants_protobuf(SLICE(OPENAPI_V2_PROTOBUF)));
    assert_true(openapi_v2_wants_protobuf(
        SLICE("application/com.github.proto-openapi.spec.v2@v1.0+protobuf")));
    assert_false(openapi_v2_wants_protobuf(SLICE("application/json, */*")));
    assert_false(openapi_v2_wants_protobuf(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_v3),
        cmocka_unit_test(every_kind),
        cmocka_unit_test(protobuf),
        cmocka_unit_test(accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
