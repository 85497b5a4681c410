/* SPDX-License-Identifier: Apache-2.0 */
/* Media types of bodies and answers. */
#include "test.h"

#include "kube/objects/media.h"

static void body_types(void **state)
{
    static const struct {
        const char *type;
        bool is_patch;
        enum kube_format format;
    } cases[] = {
        {"", false, KUBE_FORMAT_JSON},
        {"application/json", false, KUBE_FORMAT_JSON},
        {"application/json; charset=utf-8", false, KUBE_FORMAT_JSON},
        {"application/json", true, KUBE_FORMAT_UNKNOWN},
        {"application/yaml", false, KUBE_FORMAT_YAML},
        {"application/vnd.kubernetes.protobuf", false, KUBE_FORMAT_PROTOBUF},
        {"application/merge-patch+json", true, KUBE_FORMAT_JSON},
        {"application/merge-patch+json", false, KUBE_FORMAT_UNKNOWN},
        {"application/json-patch+json", true, KUBE_FORMAT_JSON},
        {"application/strategic-merge-patch+json", true, KUBE_FORMAT_JSON},
        {KUBE_MEDIA_APPLY, true, KUBE_FORMAT_YAML},
        {"text/plain", false, KUBE_FORMAT_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            kube_media_format(kube_media_type(slice_str(cases[i].type)), cases[i].is_patch),
            cases[i].format);
}

static void bodies(void **state)
{
    json_t *body = NULL;
    struct error err = {0};

    (void)state;
    assert_int_equal(kube_media_decode(KUBE_FORMAT_YAML, SLICE("a: [1]\n"), &body, &err), 0);
    assert_int_equal(json_path_int(body, "a[0]", 0), 1);
    json_decref(body);
    assert_int_equal(kube_media_decode(KUBE_FORMAT_JSON, SLICE("{\"a\": 2}"), &body, &err), 0);
    assert_int_equal(json_path_int(body, "a", 0), 2);
    json_decref(body);
    assert_int_equal(kube_media_decode(KUBE_FORMAT_JSON, SLICE("a: 1"), &body, &err), ERR_INVALID);
    assert_int_equal(kube_media_decode(KUBE_FORMAT_PROTOBUF, SLICE("{}"), &body, &err),
                     ERR_INVALID);
    assert_int_equal(kube_media_decode(KUBE_FORMAT_UNKNOWN, SLICE("{}"), &body, &err),
                     ERR_UNSUPPORTED);
}

static void answers(void **state)
{
    static const struct {
        const char *accept;
        enum kube_accept expected;
    } cases[] = {
        {"", KUBE_ACCEPT_JSON},
        {"*/*", KUBE_ACCEPT_JSON},
        {"application/json", KUBE_ACCEPT_JSON},
        {"text/html, application/json;q=0.5", KUBE_ACCEPT_JSON},
        {"application/vnd.kubernetes.protobuf", KUBE_ACCEPT_JSON},
        {"application/yaml", KUBE_ACCEPT_YAML},
        {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", KUBE_ACCEPT_TABLE},
        {"application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", KUBE_ACCEPT_PARTIAL},
        {"text/html", KUBE_ACCEPT_NONE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(kube_media_accept(slice_str(cases[i].accept)), cases[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_types),
        cmocka_unit_test(bodies),
        cmocka_unit_test(answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
