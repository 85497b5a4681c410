/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of requests that write, and what is said of wrong ones. */
#include "test.h"

#include <stdio.h>

#include "kube/objects/options.h"

#define LONG                                                                                       \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct options_case {
    enum kube_path_verb verb;
    bool is_apply;
    const char *query;
    const char *body;     /* JSON, or NULL */
    const char *expected; /* "REASON FIELD: MESSAGE", "" when nothing is wrong */
} cases[] = {
    {KUBE_VERB_CREATE, false, "", NULL, ""},
    {KUBE_VERB_CREATE, false, "dryRun=All&fieldValidation=Strict&fieldManager=me", NULL, ""},
    {KUBE_VERB_UPDATE, false, "dryRun=some", NULL,
     "FieldValueNotSupported dryRun: Unsupported value: [\"some\"]: supported values: \"All\""},
    {KUBE_VERB_CREATE, false, "fieldValidation=strict", NULL,
     "FieldValueNotSupported fieldValidation: Unsupported value: \"strict\": supported values: "
     "\"\", \"Ignore\", \"Strict\", \"Warn\""},
    {KUBE_VERB_DELETE, false, "fieldValidation=strict", NULL, ""},
    {KUBE_VERB_CREATE, false, "propagationPolicy=x", NULL, ""},
    {KUBE_VERB_DELETE, false, "propagationPolicy=Foreground", NULL, ""},
    {KUBE_VERB_DELETE, false, "propagationPolicy=x", NULL,
     "FieldValueNotSupported propagationPolicy: Unsupported value: \"x\": supported values: "
     "\"Foreground\", \"Background\", \"Orphan\", \"nil\""},
    {KUBE_VERB_DELETE, false, "propagationPolicy=x", "{\"propagationPolicy\": \"Orphan\"}", ""},
    {KUBE_VERB_DELETE, false, "", "{\"dryRun\": [\"y\"]}",
     "FieldValueNotSupported dryRun: Unsupported value: [\"y\"]: supported values: \"All\""},
    {KUBE_VERB_CREATE, false, "", "{\"dryRun\": [\"y\"]}", ""},
    {KUBE_VERB_PATCH, false, "", NULL, ""},
    {KUBE_VERB_PATCH, false, "force=false", NULL,
     "FieldValueForbidden force: Forbidden: may not be specified for non-apply patch"},
    {KUBE_VERB_PATCH, true, "force=true", NULL,
     "FieldValueRequired fieldManager: Required value: is required for apply patch"},
    {KUBE_VERB_PATCH, true, "force=true&fieldManager=me", NULL, ""},
    {KUBE_VERB_UPDATE, false, "fieldManager=" LONG, NULL, ""},
    {KUBE_VERB_UPDATE, false, "fieldManager=x" LONG, NULL,
     "FieldValueTooLong fieldManager: Too long: may not be more than 128 bytes"},
    {KUBE_VERB_LIST, false, "dryRun=some", NULL, ""},
};

static void on_cause(const struct api_cause *cause, void *ctx)
{
    (void)snprintf(ctx, 512, "%s %s: %s", cause->reason, cause->field, cause->message);
}

static void parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *body = cases[i].body ? json_loads(cases[i].body, 0, NULL) : NULL;
        char text[512] = "";
        int rc = kube_options_check(cases[i].verb, cases[i].is_apply, slice_str(cases[i].query),
                                    body, on_cause, text);

        assert_string_equal(text, cases[i].expected);
        assert_int_equal(rc, text[0] ? ERR_INVALID : 0);
        json_decref(body);
    }
}

static void kinds(void **state)
{
    (void)state;
    assert_string_equal(kube_options_kind(KUBE_VERB_PATCH), "PatchOptions");
    assert_string_equal(kube_options_kind(KUBE_VERB_DELETE_COLLECTION), "DeleteOptions");
    assert_string_equal(kube_options_kind(KUBE_VERB_WATCH), "ListOptions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parameters), cmocka_unit_test(kinds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
