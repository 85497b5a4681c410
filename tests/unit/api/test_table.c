/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: ages, a pod's cells by its status, other kinds' cells, a definition's columns. */
#include "test.h"

#include "api/table.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/json.h"

static const int64_t second = 1000;

static json_t *parse(const char *text)
{
    json_t *value = NULL;

    if (json_parse(slice_str(text), NULL, &value, NULL) != 0)
        fail_msg("not JSON: %s", text);
    return value;
}

static void ages(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {-5, "0s"},
        {0, "0s"},
        {119, "119s"},
        {120, "2m"},
        {212, "3m32s"},
        {600, "10m"},
        {7300, "121m"},
        {3 * 3600, "3h"},
        {4000 * 3, "3h20m"},
        {47 * 3600, "47h"},
        {50 * 3600, "2d2h"},
        {30 * 86400, "30d"},
        {800 * 86400, "2y70d"},
    };
    char out[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(table_age(cases[i].seconds * second, out), cases[i].text);
}

/* The first cells of a row, "|" between. */
static void assert_cells(const char *group, const char *plural, const char *object_text,
                         const char *expected)
{
    json_t *object = parse(object_text);
    int64_t now_ms;
    json_t *cells;
    struct buf got;
    size_t i;
    json_t *cell;

    assert_int_equal(clock_parse_rfc3339(SLICE("2026-01-01T00:01:00Z"), &now_ms), 0);
    cells = table_cells_new(api_kind_find_plural(group, "", plural), NULL, object, now_ms);
    buf_init(&got, 0);
    json_array_foreach(cells, i, cell)
    {
        if (json_is_string(cell))
            buf_printf(&got, "%s%s", i ? "|" : "", json_string_value(cell));
        else
            buf_printf(&got, "%s%d", i ? "|" : "", (int)json_integer_value(cell));
    }
    if (strncmp(got.data, expected, strlen(expected)) != 0)
        fail_msg("%s: got %s, expected %s", plural, got.data, expected);
    buf_deinit(&got);
    json_decref(cells);
    json_decref(object);
}

#define POD(spec, status)                                                                          \
    "{\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":"      \
    "{" spec "},\"status\":{" status "}}"
#define TWO "\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"
#define INIT "\"initContainers\":[{\"name\":\"i\"},{\"name\":\"j\"}],"

static void pods(void **state)
{
    (void)state;
    assert_cells("", "pods", POD(TWO, "\"phase\":\"Pending\""), "p|0/2|Pending|0|60s");
    assert_cells("", "pods",
                 POD(TWO,
                     "\"phase\":\"Running\",\"containerStatuses\":[{\"ready\":true,"
                     "\"state\":{\"running\":{}}},{\"ready\":false,\"restartCount\":2,"
                     "\"lastState\":{\"terminated\":{\"finishedAt\":\"2026-01-01T00:00:44Z\"}},"
                     "\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]"),
                 "p|1/2|CrashLoopBackOff|2 (16s ago)|60s");
    assert_cells("", "pods",
                 POD(INIT TWO, "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\","
                               "\"state\":{\"terminated\":{\"exitCode\":0}}},{\"name\":\"j\","
                               "\"state\":{\"running\":{}}}]"),
                 "p|0/2|Init:1/2|0");
    assert_cells("", "pods",
                 POD(INIT TWO,
                     "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\","
                     "\"state\":{\"terminated\":{\"exitCode\":1,\"reason\":\"Error\"}}}]"),
                 "p|0/2|Init:Error|0");
    assert_cells("", "pods",
                 POD(TWO, "\"phase\":\"Failed\",\"containerStatuses\":[{\"state\":{\"terminated\":{"
                          "\"exitCode\":137,\"reason\":\"OOMKilled\"}}}]"),
                 "p|0/2|OOMKilled|0");
    assert_cells("", "pods",
                 "{\"metadata\":{\"name\":\"p\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},"
                 "\"spec\":{" TWO "},\"status\":{\"phase\":\"Running\"}}",
                 "p|0/2|Terminating|0|<unknown>");
}

static void other_kinds(void **state)
{
    (void)state;
    assert_cells("", "services",
                 "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":"
                 "\"10.0.0.1\",\"ports\":[{\"port\":80,\"nodePort\":30080,\"protocol\":\"TCP\"},"
                 "{\"port\":53,\"protocol\":\"UDP\"}],\"selector\":{\"app\":\"web\"}}}",
                 "s|LoadBalancer|10.0.0.1|<pending>|80:30080/TCP,53/UDP|<unknown>|app=web");
    assert_cells("networking.k8s.io", "ingresses",
                 "{\"metadata\":{\"name\":\"i\"},\"spec\":{\"rules\":[{\"host\":\"b.test\"},{},"
                 "{\"host\":\"a.test\"},{\"host\":\"d.test\"},{\"host\":\"c.test\"}]},\"status\":{"
                 "\"loadBalancer\":{\"ingress\":[{\"hostname\":\"lb.test\"},{\"ip\":\"1.2.3.4\"},"
                 "{\"ip\":\"1.2.3.4\"},{\"hostname\":\"a.test\"}]}}}",
                 "i|<none>|b.test,a.test,d.test + 2 more...|1.2.3.4,a.test,lb.test|80");
    assert_cells("networking.k8s.io", "ingresses",
                 "{\"metadata\":{\"name\":\"i\"},\"spec\":{\"ingressClassName\":\"weft\","
                 "\"tls\":[{\"hosts\":[\"a.test\"]}]}}",
                 "i|weft|*||80, 443");
    assert_cells("apps", "deployments",
                 "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":3},\"status\":{"
                 "\"readyReplicas\":1,\"updatedReplicas\":2,\"availableReplicas\":1}}",
                 "d|1/3|2|1");
    assert_cells(
        "discovery.k8s.io", "endpointslices",
        "{\"metadata\":{\"name\":\"e\"},\"addressType\":\"IPv4\",\"ports\":[{\"port\":80}],"
        "\"endpoints\":[{\"addresses\":[\"1.1.1.1\"]},{\"addresses\":[\"1.1.1.2\"]},"
        "{\"addresses\":[\"1.1.1.3\"]},{\"addresses\":[\"1.1.1.4\"]}]}",
        "e|IPv4|80|1.1.1.1,1.1.1.2,1.1.1.3 + 1 more...");
    assert_cells("", "configmaps",
                 "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"1\",\"b\":\"2\"}}", "c|2");
    assert_cells("batch", "jobs",
                 "{\"metadata\":{\"name\":\"j\"},\"spec\":{\"completions\":3},\"status\":{"
                 "\"succeeded\":1}}",
                 "j|Running|1/3||<unknown>");
    assert_cells("batch", "cronjobs",
                 "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"schedule\":\"* * * * *\","
                 "\"suspend\":true},\"status\":{\"active\":[{},{}]}}",
                 "c|* * * * *|<none>|True|2|<none>|<unknown>");
    assert_cells("policy", "poddisruptionbudgets",
                 "{\"metadata\":{\"name\":\"p\"},\"spec\":{"
                 "\"minAvailable\":\"50%\"},\"status\":{\"disruptionsAllowed\":1}}",
                 "p|50%|N/A|1|<unknown>");
    assert_cells("", "resourcequotas",
                 "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"pods\":\"10\","
                 "\"limits.cpu\":\"2\"}},\"status\":{\"used\":{\"pods\":\"3\"}}}",
                 "q|pods: 3/10|limits.cpu: 0/2|<unknown>");
    assert_cells(
        "networking.k8s.io", "ingresses",
        "{\"metadata\":{\"name\":\"i\"},\"spec\":{\"rules\":[{"
        "\"host\":\"a.test\"},{\"host\":\"b.test\"}],\"tls\":[{}]},\"status\":{\"loadBalancer\":{"
        "\"ingress\":[{\"ip\":\"1.2.3.4\"}]}}}",
        "i|<none>|a.test,b.test|1.2.3.4|80, 443|<unknown>");
    assert_cells(
        "autoscaling", "horizontalpodautoscalers",
        "{\"metadata\":{\"name\":\"h\"},\"spec\":{"
        "\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"web\"},\"maxReplicas\":5}}",
        "h|Deployment/web|");
    assert_cells("", "nodes",
                 "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"unschedulable\":true},\"status\":{"
                 "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
                 "n|Ready,SchedulingDisabled|<none>");
}

static void printer_columns(void **state)
{
    json_t *columns = parse(
        "[{\"name\":\"Hosts\",\"type\":\"string\",\"jsonPath\":\".spec.hosts\"},{\"name\":"
        "\"Ready\","
        "\"type\":\"string\",\"jsonPath\":\".status.conditions[?(@.type==\\\"Ready\\\")].status\"},"
        "{\"name\":\"N\",\"type\":\"integer\",\"jsonPath\":\".spec.list[1].n\"},{\"name\":\"Age\","
        "\"type\":\"date\",\"jsonPath\":\".metadata.creationTimestamp\"}]");
    json_t *boat = parse(
        "{\"metadata\":{\"name\":\"b\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{"
        "\"hosts\":[\"a\",\"b\"],\"list\":[{},{\"n\":5}]},\"status\":{\"conditions\":[{\"type\":"
        "\"Other\",\"status\":\"x\"},{\"type\":\"Ready\",\"status\":\"True\"}]}}");
    json_t *cells;
    json_t *header = table_columns_new(NULL, columns);
    char *text;
    int64_t now_ms;

    (void)state;
    assert_int_equal(clock_parse_rfc3339(SLICE("2026-01-01T00:01:00Z"), &now_ms), 0);
    cells = table_cells_new(NULL, columns, boat, now_ms);
    text = json_format_str(cells, JSON_FORMAT_COMPACT);
    assert_string_equal(text, "[\"b\",\"[\\\"a\\\",\\\"b\\\"]\",\"True\",5,\"60s\"]");
    assert_int_equal(json_array_size(header), json_array_size(cells));
    mem_free(text);
    json_decref(header);
    json_decref(cells);
    json_decref(boat);
    json_decref(columns);
}

static void rows_show_their_objects_as_asked(void **state)
{
    const struct api_kind *kind = api_kind_find_plural("", "v1", "configmaps");
    json_t *object =
        parse("{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":\"1\"}}");
    json_t *table = table_new(kind, NULL, true);
    json_t *bare = table_new(kind, NULL, false);

    (void)state;
    assert_string_equal(json_path_string(table, "columnDefinitions[1].name"), "Data");
    assert_true(json_is_null(json_object_get(bare, "columnDefinitions")));
    table_add(table, kind, NULL, object, SLICE(""), 0);
    table_add(table, kind, NULL, object, SLICE("Object"), 0);
    table_add(table, kind, NULL, object, SLICE("None"), 0);
    assert_string_equal(json_path_string(table, "rows[0].cells[0]"), "x");
    assert_string_equal(json_path_string(table, "rows[0].object.kind"), "PartialObjectMetadata");
    assert_string_equal(json_path_string(table, "rows[0].object.metadata.name"), "x");
    assert_null(json_path_get(table, "rows[0].object.data"));
    assert_ptr_equal(json_path_get(table, "rows[1].object"), object);
    assert_true(json_is_null(json_path_get(table, "rows[2].object")));
    json_decref(table);
    json_decref(bare);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages),
        cmocka_unit_test(pods),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(printer_columns),
        cmocka_unit_test(rows_show_their_objects_as_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
