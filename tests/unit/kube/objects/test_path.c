/* SPDX-License-Identifier: Apache-2.0 */
/* What paths of the API name. */
#include "test.h"

#include "kube/objects/path.h"

static const struct path_case {
    const char *path;
    int code;
    const char *shown; /* "[core|watch] group version ns plural name subresource [...]" */
} cases[] = {
    {"/api", 0, "core - - - - - -"},
    {"/apis", 0, "- - - - - -"},
    {"/apis/", 0, "- - - - - -"},
    {"/api/v1", 0, "core - v1 - - - -"},
    {"/apis/apps", 0, "apps - - - - -"},
    {"/apis/apps/v1", 0, "apps v1 - - - -"},
    {"/api/v1/pods", 0, "core - v1 - pods - -"},
    {"/api/v1/nodes/n", 0, "core - v1 - nodes n -"},
    {"/api/v1/namespaces", 0, "core - v1 - namespaces - -"},
    {"/api/v1/namespaces/a", 0, "core - v1 - namespaces a -"},
    {"/api/v1/namespaces/a/status", 0, "core - v1 - namespaces a status"},
    {"/api/v1/namespaces/a/finalize", 0, "core - v1 - namespaces a finalize"},
    {"/api/v1/namespaces/a/pods", 0, "core - v1 a pods - -"},
    {"//api//v1/namespaces/a/pods/", 0, "core - v1 a pods - -"},
    {"/apis/apps/v1/namespaces/a/deployments/d/scale", 0, "apps v1 a deployments d scale"},
    {"/api/v1/watch/namespaces/a/pods", 0, "core watch - v1 a pods - -"},
    {"/api/v1/watch/pods", 0, "core watch - v1 - pods - -"},
    {"/api/v1/watch", 0, "core - v1 - watch - -"},
    {"/api/v1/namespaces/a/pods/p/proxy", 0, "core - v1 a pods p proxy"},
    {"/api/v1/namespaces/a/pods/p:80/proxy/x/y", 0, "core - v1 a pods p:80 proxy ..."},
    {"/api/v1/nodes/system%3An%2f", 0, "core - v1 - nodes system:n/ -"},
    {"/version", ERR_NOT_FOUND, NULL},
    {"/", ERR_NOT_FOUND, NULL},
    {"", ERR_NOT_FOUND, NULL},
    {"/openapi/v3/api/v1", ERR_NOT_FOUND, NULL},
    {"/api/v1/pods/%zz", ERR_INVALID, NULL},
    {"/api/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15", 0, "core - 1 - 2 3 4 ..."},
    {"/api/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", ERR_LIMIT, NULL},
};

static const char *shown(const char *text)
{
    return text[0] ? text : "-";
}

static void paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct kube_path path;
        const char *text = NULL;
        int rc;

        arena_init(&arena, 0);
        rc = kube_path_parse(slice_str(cases[i].path), &arena, &path);
        if (rc != cases[i].code)
            fail_msg("\"%s\": %d", cases[i].path, rc);
        if (rc == 0)
            text =
                arena_printf(&arena, "%s%s%s %s %s %s %s %s%s", path.is_core ? "core " : "",
                             path.is_watch ? "watch " : "", shown(path.group), shown(path.version),
                             shown(path.ns), shown(path.plural), shown(path.name),
                             shown(path.subresource), path.has_rest ? " ..." : "");
        if (text)
            assert_string_equal(text, cases[i].shown);
        arena_deinit(&arena);
    }
}

static void verbs(void **state)
{
    static const struct {
        const char *method, *path;
        bool is_watch;
        enum kube_path_verb verb;
    } verb_cases[] = {
        {"GET", "/api/v1/pods", false, KUBE_VERB_LIST},
        {"GET", "/api/v1/pods", true, KUBE_VERB_WATCH},
        {"GET", "/api/v1/nodes/n", true, KUBE_VERB_WATCH},
        {"GET", "/api/v1/nodes/n", false, KUBE_VERB_GET},
        {"POST", "/api/v1/nodes", false, KUBE_VERB_CREATE},
        {"POST", "/api/v1/nodes", true, KUBE_VERB_CREATE},
        {"POST", "/api/v1/nodes/n", false, KUBE_VERB_NONE},
        {"POST", "/api/v1/namespaces/a/pods/p/eviction", false, KUBE_VERB_CREATE},
        {"PUT", "/api/v1/nodes", false, KUBE_VERB_NONE},
        {"PUT", "/api/v1/nodes/n/status", false, KUBE_VERB_UPDATE},
        {"PATCH", "/api/v1/nodes", false, KUBE_VERB_NONE},
        {"PATCH", "/api/v1/nodes/n", false, KUBE_VERB_PATCH},
        {"DELETE", "/api/v1/nodes", false, KUBE_VERB_DELETE_COLLECTION},
        {"DELETE", "/api/v1/nodes/n", false, KUBE_VERB_DELETE},
        {"OPTIONS", "/api/v1/nodes", false, KUBE_VERB_NONE},
        {"get", "/api/v1/nodes", false, KUBE_VERB_NONE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(verb_cases); i++) {
        struct arena arena;
        struct kube_path path;
        enum kube_path_verb verb;

        arena_init(&arena, 0);
        assert_int_equal(kube_path_parse(slice_str(verb_cases[i].path), &arena, &path), 0);
        verb = kube_path_verb(&path, slice_str(verb_cases[i].method), verb_cases[i].is_watch);
        if (verb != verb_cases[i].verb)
            fail_msg("%s %s: %d", verb_cases[i].method, verb_cases[i].path, verb);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths), cmocka_unit_test(verbs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
