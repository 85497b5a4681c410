/* SPDX-License-Identifier: Apache-2.0 */
/* Two groups, gathered once, as every document that clients ask for. */
#include "test.h"

#include "kube/objects/discovery.h"

static json_t *words(const char *text)
{
    json_t *list = json_array();

    json_array_append_new(list, json_string(text));
    return list;
}

static json_t *resource_add(json_t *groups, const char *group, const char *version,
                            const char *kind, const char *plural, bool namespaced)
{
    const struct kube_discovery_resource resource = {
        .group = group,
        .version = version,
        .kind = kind,
        .plural = plural,
        .singular = "one",
        .namespaced = namespaced,
        .verbs = words("get"),
        .short_names = words("s"),
        .categories = words("all"),
    };

    return kube_discovery_add(groups, &resource);
}

static json_t *fleet_new(void)
{
    json_t *groups = json_array();
    json_t *boats;

    resource_add(groups, "", "v1", "Node", "nodes", false);
    boats = resource_add(groups, "sea", "v2", "Boat", "boats", true);
    kube_discovery_add_sub(boats, "status", "sea", "v2", "Boat", "get,patch");
    kube_discovery_add_sub(boats, "scale", "autoscaling", "v1", "Scale", "get");
    resource_add(groups, "sea", "v2", "Pier", "piers", true);
    resource_add(groups, "sea", "v1", "Boat", "boats", true);
    return groups;
}

/* The text of a path's document, "none" when there is none. */
static void document_is(const json_t *groups, const char *text, bool is_aggregated,
                        const char *expected)
{
    struct arena arena;
    struct kube_path path;
    json_t *document, *wanted = json_loads(expected, 0, NULL);

    arena_init(&arena, 0);
    assert_int_equal(kube_path_parse(slice_str(text), &arena, &path), 0);
    document = kube_discovery_document(groups, &path, is_aggregated, "host:1");
    if (!json_equal(document, wanted) && (document || wanted)) {
        char *got = json_format_str(document, JSON_FORMAT_COMPACT);

        fail_msg("%s: %s", text, got);
    }
    json_decref(document);
    json_decref(wanted);
    arena_deinit(&arena);
}

#define V1 "{\"groupVersion\": \"sea/v1\", \"version\": \"v1\"}"
#define V2 "{\"groupVersion\": \"sea/v2\", \"version\": \"v2\"}"
#define NAMES "\"shortNames\": [\"s\"], \"categories\": [\"all\"]"
#define SEA "\"name\": \"sea\", \"versions\": [" V2 ", " V1 "], \"preferredVersion\": " V2

static void old_lists(void **state)
{
    json_t *groups = fleet_new();

    (void)state;
    document_is(groups, "/api", false,
                "{\"kind\": \"APIVersions\", \"versions\": [\"v1\"], "
                "\"serverAddressByClientCIDRs\": [{\"clientCIDR\": \"0.0.0.0/0\", "
                "\"serverAddress\": \"host:1\"}]}");
    document_is(groups, "/apis", false,
                "{\"kind\": \"APIGroupList\", \"apiVersion\": \"v1\", \"groups\": [{" SEA "}]}");
    document_is(groups, "/apis/sea", false,
                "{\"kind\": \"APIGroup\", \"apiVersion\": \"v1\", " SEA "}");
    document_is(groups, "/api/v1", false,
                "{\"kind\": \"APIResourceList\", \"apiVersion\": \"v1\", \"groupVersion\": \"v1\", "
                "\"resources\": [{\"name\": \"nodes\", \"singularName\": \"one\", \"namespaced\": "
                "false, \"kind\": \"Node\", \"verbs\": [\"get\"], " NAMES "}]}");
    json_decref(groups);
}

/* A subresource stands behind its resource; one with another group's body says so. */
static void old_subresources(void **state)
{
    json_t *groups = fleet_new();

    (void)state;
    document_is(groups, "/apis/sea/v2", false,
                "{\"kind\": \"APIResourceList\", \"apiVersion\": \"v1\", \"groupVersion\": "
                "\"sea/v2\", \"resources\": ["
                "{\"name\": \"boats\", \"singularName\": \"one\", \"namespaced\": true, \"kind\": "
                "\"Boat\", \"verbs\": [\"get\"], " NAMES "},"
                "{\"name\": \"boats/status\", \"singularName\": \"\", \"namespaced\": true, "
                "\"kind\": \"Boat\", \"verbs\": [\"get\", \"patch\"]},"
                "{\"name\": \"boats/scale\", \"singularName\": \"\", \"namespaced\": true, "
                "\"kind\": \"Scale\", \"verbs\": [\"get\"], \"group\": \"autoscaling\", "
                "\"version\": \"v1\"},"
                "{\"name\": \"piers\", \"singularName\": \"one\", \"namespaced\": true, \"kind\": "
                "\"Pier\", \"verbs\": [\"get\"], " NAMES "}]}");
    json_decref(groups);
}

static void aggregated(void **state)
{
    json_t *groups = fleet_new();

    (void)state;
    document_is(
        groups, "/api", true,
        "{\"kind\": \"APIGroupDiscoveryList\", \"apiVersion\": \"apidiscovery.k8s.io/v2\", "
        "\"metadata\": {}, \"items\": [{\"metadata\": {}, \"versions\": [{\"version\": "
        "\"v1\", \"freshness\": \"Current\", \"resources\": [{\"resource\": \"nodes\", "
        "\"responseKind\": {\"group\": \"\", \"version\": \"v1\", \"kind\": \"Node\"}, "
        "\"scope\": \"Cluster\", \"singularResource\": \"one\", \"verbs\": [\"get\"], " NAMES
        ", \"subresources\": []}]}]}]}");
    assert_true(kube_discovery_is_aggregated(&(struct kube_path){.group = "", .version = ""},
                                             SLICE("application/json;" KUBE_DISCOVERY_AGGREGATED)));
    assert_false(kube_discovery_is_aggregated(&(struct kube_path){.group = "", .version = ""},
                                              SLICE("application/json")));
    assert_false(kube_discovery_is_aggregated(&(struct kube_path){.group = "sea", .version = ""},
                                              SLICE(KUBE_DISCOVERY_AGGREGATED)));
    assert_false(kube_discovery_is_aggregated(NULL, SLICE(KUBE_DISCOVERY_AGGREGATED)));
    assert_string_equal(json_path_string(groups, "[1].metadata.name"), "sea");
    assert_string_equal(json_path_string(groups, "[1].versions[1].version"), "v1");
    assert_string_equal(
        json_path_string(groups, "[1].versions[0].resources[0].subresources[1].responseKind.group"),
        "autoscaling");
    json_decref(groups);
}

static void what_is_not_there(void **state)
{
    static const char *const paths[] = {"/api/v2", "/apis/air", "/apis/air/v1", "/apis/sea/v3",
                                        "/apis/sea/v2/boats"};
    json_t *groups = fleet_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        document_is(groups, paths[i], false, "");
    assert_true(kube_discovery_has(groups, "", "v1"));
    assert_true(kube_discovery_has(groups, "sea", ""));
    assert_false(kube_discovery_has(groups, "sea", "v3"));
    assert_false(kube_discovery_has(groups, "air", ""));
    json_decref(groups);
}

static void openapi_index(void **state)
{
    json_t *groups = fleet_new();
    json_t *index = kube_discovery_openapi_index(groups, 7);
    json_t *paths = json_object_get(index, "paths");

    (void)state;
    assert_int_equal(json_object_size(paths), 3);
    assert_string_equal(json_path_string(paths, "[\"api/v1\"].serverRelativeURL"),
                        "/openapi/v3/api/v1?hash=7");
    assert_string_equal(json_path_string(paths, "[\"apis/sea/v1\"].serverRelativeURL"),
                        "/openapi/v3/apis/sea/v1?hash=7");
    json_decref(index);
    json_decref(groups);
}

static void version(void **state)
{
    json_t *document = kube_discovery_version(34, "v1.34.9");

    (void)state;
    assert_string_equal(json_path_string(document, "major"), "1");
    assert_string_equal(json_path_string(document, "minor"), "34");
    assert_string_equal(json_path_string(document, "minCompatibilityMinor"), "33");
    assert_string_equal(json_path_string(document, "gitVersion"), "v1.34.9");
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_lists),     cmocka_unit_test(old_subresources),
        cmocka_unit_test(aggregated),    cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(openapi_index), cmocka_unit_test(version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
