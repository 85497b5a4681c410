/* SPDX-License-Identifier: Apache-2.0 */
/* The frame: which objects count, where messages point, what is kept silent. */
#include "test.h"
#include "tree.h"

#include <stdio.h>

#include "analyze/all.h"
#include "base/buf.h"
#include "wire/json.h"

static struct analysis *analysis_of(const struct analysis_options *options, const char *text)
{
    struct analysis *analysis = analysis_new(options);
    struct error err = {0};

    if (analysis_add_text(analysis, "a.yaml", slice_str(text), &err) < 0)
        fail_msg("%s", err.reason);
    return analysis;
}

/* Runs one analyzer; "IST0101 Kind ns/name file:line" for each message, with ';' between. */
static void assert_told(struct analysis *analysis, const char *name, const char *expected)
{
    size_t count;
    const struct analyze_message *messages;
    struct buf out;

    buf_init(&out, 0);
    analysis_run(analysis, &name, 1);
    messages = analysis_messages(analysis, &count);
    for (size_t i = 0; i < count; i++)
        assert_true(buf_printf(&out, "%s%s %s %s", i ? ";" : "", messages[i].code,
                               messages[i].origin, messages[i].reference) >= 0);
    assert_slice(buf_slice(&out), expected);
    buf_deinit(&out);
}

static const char namespaces[] = "{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n---\n\n"
                                 "{apiVersion: v1, kind: Namespace, metadata: {name: b}}\n---\n"
                                 "{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}";

static void files_alone_have_no_runtime_kinds(void **state)
{
    const struct analysis_options files = {0};
    const struct analysis_options complete = {.complete = true};
    struct analysis *analysis = analysis_of(&files, namespaces);

    (void)state;
    assert_told(analysis, "injection.Analyzer", "");
    assert_string_equal(analysis_skipped(analysis, 0), "injection.Analyzer");
    assert_null(analysis_skipped(analysis, 1));
    assert_null(analysis_executed(analysis, 0));
    analysis_free(analysis);
    analysis = analysis_of(&complete, namespaces);
    assert_told(analysis, "injection.Analyzer",
                "IST0102 Namespace a a.yaml:1;IST0102 Namespace b a.yaml:4");
    assert_null(analysis_skipped(analysis, 0));
    assert_string_equal(analysis_executed(analysis, 0), "injection.Analyzer");
    analysis_free(analysis);
}

static void one_namespace_is_told_of(void **state)
{
    const struct analysis_options options = {.ns = "b", .complete = true};
    struct analysis *analysis = analysis_of(&options, namespaces);

    (void)state;
    assert_told(analysis, "injection.Analyzer", "IST0102 Namespace b a.yaml:4");
    analysis_free(analysis);
}

/* A file's object counts instead of the cluster's of the same name; its line is known. */
static void later_objects_replace_earlier_ones(void **state)
{
    const struct analysis_options options = {.live = true};
    struct analysis *analysis = analysis_new(&options);
    json_t *live = yaml_tree("{metadata: {name: a}}");

    (void)state;
    assert_int_equal(analysis_add_object(analysis, ANALYZE_KIND_NAMESPACE, live, NULL), 0);
    assert_told(analysis, "injection.Analyzer", "IST0102 Namespace a ");
    assert_int_equal(analysis_add_text(analysis, "b.yaml",
                                       SLICE("{apiVersion: v1, kind: Namespace, metadata: {name: "
                                             "a, labels: {istio-injection: disabled}}}"),
                                       NULL),
                     0);
    assert_told(analysis, "injection.Analyzer", "");
    json_decref(live);
    analysis_free(analysis);
}

static void silence(void **state)
{
    static const struct {
        const char *code, *pattern;
        const char *expected;
    } cases[] = {
        {"IST0102", "Namespace a", "IST0102 Namespace b a.yaml:4"},
        {"IST0102", "Namespace *", ""},
        {"IST0102", "*b", "IST0102 Namespace a a.yaml:1"},
        {"IST0102", "N*s*ace a*", "IST0102 Namespace b a.yaml:4"},
        {"IST0102", "", "IST0102 Namespace a a.yaml:1;IST0102 Namespace b a.yaml:4"},
        {"IST0103", "*", "IST0102 Namespace a a.yaml:1;IST0102 Namespace b a.yaml:4"},
    };
    const struct analysis_options options = {.complete = true};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct analysis *analysis = analysis_of(&options, namespaces);

        analysis_suppress(analysis, cases[i].code, cases[i].pattern);
        assert_told(analysis, "injection.Analyzer", cases[i].expected);
        analysis_free(analysis);
    }
}

static void items_of_a_list_have_their_own_lines(void **state)
{
    static const char text[] = "kind: List\n"
                               "items:\n"
                               "- apiVersion: v1\n"
                               "  kind: Service\n"
                               "  metadata: {name: a}\n"
                               "  spec:\n"
                               "    ports:\n"
                               "    - port: 1\n"
                               "    - port: 2\n";
    const struct analysis_options options = {.complete = true, .file_ns = "shop"};
    struct analysis *analysis = analysis_of(&options, text);

    (void)state;
    assert_told(analysis, "service.PortNameAnalyzer",
                "IST0118 Service shop/a a.yaml:8;IST0118 Service shop/a a.yaml:9");
    analysis_free(analysis);
}

static void a_broken_file_adds_nothing(void **state)
{
    const struct analysis_options options = {.complete = true};
    struct analysis *analysis = analysis_new(&options);
    struct error err = {0};

    (void)state;
    assert_true(analysis_add_text(analysis, "a.yaml",
                                  SLICE("{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n"
                                        "---\n[\n"),
                                  &err) < 0);
    assert_true(err.reason[0] != '\0');
    assert_told(analysis, "injection.Analyzer", "");
    analysis_free(analysis);
}

static void selectors(void **state)
{
    static const struct {
        const char *selector;
        bool matches;
    } cases[] = {
        {"{}", true},
        {"{matchLabels: {app: web}}", true},
        {"{matchLabels: {app: web, x: z}}", false},
        {"{matchExpressions: [{key: app, operator: In, values: [a, web]}]}", true},
        {"{matchExpressions: [{key: app, operator: NotIn, values: [a, web]}]}", false},
        {"{matchExpressions: [{key: none, operator: NotIn, values: [a]}]}", true},
        {"{matchExpressions: [{key: app, operator: Exists}]}", true},
        {"{matchExpressions: [{key: app, operator: DoesNotExist}]}", false},
        {"{matchExpressions: [{key: app, operator: Unknown}]}", false},
    };
    const struct mesh_label app = {"app", "web"};
    const struct mesh_labels labels = {&app, 1};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *selector = yaml_tree(cases[i].selector);

        assert_int_equal(analysis_selector_matches(selector, &labels), cases[i].matches);
        json_decref(selector);
    }
    assert_true(analysis_selector_matches(NULL, &labels));
}

static void analyzers_are_sorted(void **state)
{
    (void)state;
    for (size_t i = 1; i < analyzer_count(); i++)
        assert_true(strcmp(analyzer_get(i - 1)->name, analyzer_get(i)->name) < 0);
    assert_null(analyze_analyzer_name(analyzer_count()));
}

static void messages_are_bounded(void **state)
{
    const struct analysis_options options = {.complete = true};
    struct analysis *analysis = analysis_new(&options);
    static const char *const name = "service.PortNameAnalyzer";
    struct buf text;
    size_t count;

    (void)state;
    buf_init(&text, 0);
    assert_true(buf_append_str(&text, "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: "
                                      "{ports: [") >= 0);
    for (int i = 0; i < ANALYZE_MESSAGES_MAX + 10; i++)
        assert_true(buf_printf(&text, "{port: %d},", i + 1) >= 0);
    assert_true(buf_append_str(&text, "]}}") >= 0);
    assert_int_equal(analysis_add_text(analysis, "a.yaml", buf_slice(&text), NULL), 0);
    analysis_run(analysis, &name, 1);
    (void)analysis_messages(analysis, &count);
    assert_int_equal(count, ANALYZE_MESSAGES_MAX);
    buf_deinit(&text);
    analysis_free(analysis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_alone_have_no_runtime_kinds),
        cmocka_unit_test(one_namespace_is_told_of),
        cmocka_unit_test(later_objects_replace_earlier_ones),
        cmocka_unit_test(silence),
        cmocka_unit_test(items_of_a_list_have_their_own_lines),
        cmocka_unit_test(a_broken_file_adds_nothing),
        cmocka_unit_test(selectors),
        cmocka_unit_test(analyzers_are_sorted),
        cmocka_unit_test(messages_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
