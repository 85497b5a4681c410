/* SPDX-License-Identifier: Apache-2.0 */
/* Status objects, word for word as clients know them. */
#include "test.h"

#include "base/err.h"
#include "kube/objects/status.h"

/* Takes `status`. */
static void status_is(json_t *status, const char *expected)
{
    json_t *wanted = json_loads(expected, 0, NULL);
    char *got = json_format_str(status, JSON_FORMAT_COMPACT);

    assert_non_null(wanted);
    if (!json_equal(status, wanted))
        fail_msg("%s", got);
    free(got);
    json_decref(wanted);
    json_decref(status);
}

#define HEAD "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
#define FAILURE HEAD "\"status\":\"Failure\","

static void plain(void **state)
{
    (void)state;
    status_is(kube_status_new(500, "InternalError", "no \"room\"", NULL),
              FAILURE "\"message\":\"no \\\"room\\\"\",\"reason\":\"InternalError\",\"code\":500}");
    status_is(kube_status_new(201, "", "", json_object()),
              HEAD "\"status\":\"Success\",\"message\":\"\",\"details\":{},\"code\":201}");
}

static void sentences(void **state)
{
    (void)state;
    status_is(kube_status_not_found("pods", "a"),
              FAILURE "\"message\":\"pods \\\"a\\\" not found\",\"reason\":\"NotFound\","
                      "\"details\":{\"name\":\"a\",\"kind\":\"pods\"},\"code\":404}");
    status_is(kube_status_exists("deployments.apps", "a"),
              FAILURE "\"message\":\"deployments.apps \\\"a\\\" already exists\",\"reason\":"
                      "\"AlreadyExists\",\"details\":{\"name\":\"a\",\"group\":\"apps\",\"kind\":"
                      "\"deployments\"},\"code\":409}");
    status_is(kube_status_conflict("roles.rbac.authorization.k8s.io", "a", "too late"),
              FAILURE "\"message\":\"Operation cannot be fulfilled on "
                      "roles.rbac.authorization.k8s.io \\\"a\\\": too late\",\"reason\":"
                      "\"Conflict\",\"details\":{\"name\":\"a\",\"group\":"
                      "\"rbac.authorization.k8s.io\",\"kind\":\"roles\"},\"code\":409}");
}

static void invalid(void **state)
{
    json_t *causes = json_array();
    json_t *one = json_pack("{s:s, s:s, s:s}", "reason", "R", "message", "m", "field", "spec.b");

    (void)state;
    json_array_append(causes, one);
    status_is(kube_status_invalid("Pod", "p", causes),
              FAILURE "\"message\":\"Pod \\\"p\\\" is invalid: spec.b: m\",\"reason\":\"Invalid\","
                      "\"details\":{\"name\":\"p\",\"kind\":\"Pod\",\"causes\":[{\"reason\":\"R\","
                      "\"message\":\"m\",\"field\":\"spec.b\"}]},\"code\":422}");
    json_array_append_new(
        causes, json_pack("{s:s, s:s, s:s}", "reason", "R", "message", "n", "field", "spec.a"));
    json_array_append(causes, one);
    status_is(kube_status_invalid("", "", causes),
              FAILURE "\"message\":\" \\\"\\\" is invalid: [spec.a: n, spec.b: m]\",\"reason\":"
                      "\"Invalid\",\"details\":{\"causes\":[{\"reason\":\"R\",\"message\":\"n\","
                      "\"field\":\"spec.a\"},{\"reason\":\"R\",\"message\":\"m\",\"field\":"
                      "\"spec.b\"}]},\"code\":422}");
    json_decref(one);
    json_decref(causes);
}

static void deleted(void **state)
{
    json_t *object = json_pack("{s:{s:s, s:s}}", "metadata", "name", "a", "uid", "u-1");

    (void)state;
    status_is(kube_status_deleted("boats.sea", object),
              HEAD "\"status\":\"Success\",\"details\":{\"name\":\"a\",\"group\":\"sea\",\"kind\":"
                   "\"boats\",\"uid\":\"u-1\"}}");
    json_decref(object);
}

static void errors(void **state)
{
    static const struct {
        unsigned code;
        int error;
    } cases[] = {
        {200, 0},
        {201, 0},
        {400, ERR_INVALID},
        {401, ERR_DENIED},
        {403, ERR_DENIED},
        {404, ERR_NOT_FOUND},
        {409, ERR_CONFLICT},
        {410, ERR_EXPIRED},
        {418, ERR_INTERNAL},
        {422, ERR_INVALID},
        {429, ERR_AGAIN},
        {503, ERR_AGAIN},
    };
    json_t *status = kube_status_exists("pods", "a");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(kube_status_error(cases[i].code, NULL), cases[i].error);
    assert_int_equal(kube_status_error(409, status), ERR_EXISTS);
    json_decref(status);
}

static void warnings(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 0);
    kube_warning_append(&text, "field \"a\\b\"\nis old");
    assert_string_equal(text.data, "299 - \"field \\\"a\\\\b\\\" is old\"");
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),   cmocka_unit_test(sentences), cmocka_unit_test(invalid),
        cmocka_unit_test(deleted), cmocka_unit_test(errors),    cmocka_unit_test(warnings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
