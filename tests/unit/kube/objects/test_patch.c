/* SPDX-License-Identifier: Apache-2.0 */
/* The three patches as tables: document, patch, expected document (NULL: refused). */
#include "test.h"

#include "api/schema.h"
#include "base/mem.h"
#include "kube/objects/patch.h"

struct patch_case {
    const char *name, *document, *patch, *expected;
};

static json_t *parse(const char *text)
{
    json_t *value = NULL;

    if (json_parse(slice_str(text), NULL, &value, NULL) != 0)
        fail_msg("not JSON: %s", text);
    return value;
}

static void compare(const struct patch_case *c, int rc, const json_t *got)
{
    char *text = json_format_str(got, JSON_FORMAT_COMPACT);
    json_t *expected;

    if (c->expected == NULL) {
        if (rc == 0)
            fail_msg("%s: should be refused, gave %s", c->name, text);
        mem_free(text);
        return;
    }
    if (rc != 0)
        fail_msg("%s: refused", c->name);
    expected = parse(c->expected);
    if (!json_equal(got, expected))
        fail_msg("%s: got %s, expected %s", c->name, text, c->expected);
    json_decref(expected);
    mem_free(text);
}

/* RFC 6902, appendix A, and what the API needs beyond. */
static const struct patch_case json_cases[] = {
    {"add member", "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2}]",
     "{\"a\":1,\"b\":2}"},
    {"add item", "{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]",
     "{\"a\":[1,2,3]}"},
    {"append", "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":[1,2]}"},
    {"remove item", "{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/0\"}]", "{\"a\":[2]}"},
    {"replace", "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":null}]",
     "{\"a\":null}"},
    {"move", "{\"a\":{\"x\":1}}", "[{\"op\":\"move\",\"from\":\"/a/x\",\"path\":\"/b\"}]",
     "{\"a\":{},\"b\":1}"},
    {"copy", "{\"a\":[1]}", "[{\"op\":\"copy\",\"from\":\"/a/0\",\"path\":\"/a/-\"}]",
     "{\"a\":[1,1]}"},
    {"test holds", "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", "{\"a\":1}"},
    {"test fails", "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL},
    {"escapes", "{\"a/b\":1,\"m~n\":2}",
     "[{\"op\":\"remove\",\"path\":\"/a~1b\"},{\"op\":\"remove\",\"path\":\"/m~0n\"}]", "{}"},
    {"whole document", "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"z\":0}}]",
     "{\"z\":0}"},
    {"missing parent", "{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]", NULL},
    {"remove missing", "{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", NULL},
    {"replace missing", "{}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}]", NULL},
    {"index too high", "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/3\",\"value\":1}]", NULL},
    {"unknown operation", "{}", "[{\"op\":\"spin\",\"path\":\"/a\",\"value\":1}]", NULL},
    {"no leading slash", "{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", NULL},
    {"not an array", "{}", "{\"op\":\"add\"}", NULL},
};

/* RFC 7386, appendix. */
static const struct patch_case merge_cases[] = {
    {"replace", "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"add", "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
    {"null removes", "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
    {"lists are replaced", "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
    {"objects are merged", "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
     "{\"a\":{\"b\":\"d\"}}"},
    {"nulls of a new object go", "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
};

/* Against the schema of a Deployment. */
static const struct patch_case strategic_cases[] = {
    {"containers by name",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},"
     "{\"name\":\"b\",\"image\":\"1\"}]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"a\"},"
     "{\"name\":\"b\"}],\"containers\":[{\"name\":\"b\",\"image\":\"2\"}]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},"
     "{\"name\":\"b\",\"image\":\"2\"}]}}}}"},
    {"a container goes",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}}}"
     "}",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"b\"}]}}}}"},
    {"order of items",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"b\"},"
     "{\"name\":\"a\"}]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}}}}"},
    {"retain keys",
     "{\"spec\":{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":1}}}}",
     "{\"spec\":{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}}",
     "{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}"},
    {"replace an object", "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
     "{\"metadata\":{\"labels\":{\"$patch\":\"replace\",\"b\":\"2\"}}}",
     "{\"metadata\":{\"labels\":{\"b\":\"2\"}}}"},
    {"a set of scalars", "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}",
     "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\"],\"finalizers\":[\"c\"]}}",
     "{\"metadata\":{\"finalizers\":[\"b\",\"c\"]}}"},
    {"a list without merge key",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"x\"]}]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"y\"]}]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"y\"]}]}}}}"},
    {"an item without its key", "{\"spec\":{\"template\":{\"spec\":{\"containers\":[]}}}}",
     "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"image\":\"x\"}]}}}}", NULL},
};

static void json_patches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_cases); i++) {
        json_t *document = parse(json_cases[i].document);
        json_t *patch = parse(json_cases[i].patch);
        int rc = kube_patch_json(&document, patch, NULL);

        compare(&json_cases[i], rc, document);
        json_decref(document);
        json_decref(patch);
    }
}

static void merge_patches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(merge_cases); i++) {
        json_t *document = parse(merge_cases[i].document);
        json_t *patch = parse(merge_cases[i].patch);

        kube_patch_merge(document, patch);
        compare(&merge_cases[i], 0, document);
        json_decref(document);
        json_decref(patch);
    }
}

static void strategic_patches(void **state)
{
    const struct api_kind *kind = api_kind_find("apps", "v1", "Deployment");

    (void)state;
    assert_non_null(kind);
    for (size_t i = 0; i < ARRAY_LEN(strategic_cases); i++) {
        json_t *document = parse(strategic_cases[i].document);
        json_t *patch = parse(strategic_cases[i].patch);
        int rc = kube_patch_strategic(document, patch, kind->schema, NULL);

        compare(&strategic_cases[i], rc, document);
        json_decref(document);
        json_decref(patch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_patches),
        cmocka_unit_test(merge_patches),
        cmocka_unit_test(strategic_patches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
