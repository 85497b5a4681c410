/* SPDX-License-Identifier: Apache-2.0 */
/* Who the proxy is, from the environment and the pod's files.
 */
#include "test.h"

#include "base/file.h"
#include "proxy/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* execve's form of it, which nobody writes to. */
#define ENVIRONMENT(texts) ((char *const *)(uintptr_t)(texts))
#define NEEDED "POD_NAME=web-1", "POD_NAMESPACE=shop", "INSTANCE_IP=10.0.0.9"

static struct identity must(const char *const *environment, const char *folder, bool gateway)
{
    struct identity identity;
    struct error err = {0};

    if (identity_init(&identity, gateway, ENVIRONMENT(environment), folder, NULL, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
    return identity;
}

static void defaults(void **state)
{
    static const char *const environment[] = {NEEDED, NULL};
    struct identity identity = must(environment, "/nonexistent", false);

    (void)state;
    assert_string_equal(identity.node_id, "sidecar~10.0.0.9~web-1.shop~shop.svc.cluster.local");
    assert_string_equal(identity.discovery_host, "istiod.istio-system.svc");
    assert_int_equal(identity.discovery_port, 15010);
    assert_int_equal(identity.concurrency, 2);
    assert_int_equal(identity.drain_ms, 5000);
    assert_string_equal(identity.node.workload, "unknown");
    assert_string_equal(identity.node.canonical_revision, "latest");
    assert_null(identity.probers);
    identity_deinit(&identity);
    identity = must(environment, "/nonexistent", true);
    assert_string_equal(identity.node_id, "router~10.0.0.9~web-1.shop~shop.svc.cluster.local");
    assert_int_equal(identity.concurrency, 0);
    identity_deinit(&identity);
}

/* Labels and annotations come from the downward API's files, ISTIO_META_ variables go into the
 * metadata, as JSON where they are JSON. */
static void whole(void **state)
{
    static const char *const environment[] = {
        NEEDED,
        "SERVICE_ACCOUNT=sa",
        "ISTIO_META_WORKLOAD_NAME=web",
        "ISTIO_META_CLUSTER_ID=c1",
        "ISTIO_META_APP_CONTAINERS=[\"a\"]",
        "PROXY_CONFIG={\"discoveryAddress\": \"istiod.x:15012\", \"concurrency\": 3, "
        "\"terminationDrainDuration\": \"1m5s\"}",
        "ISTIO_KUBE_APP_PROBERS={\"/app-health/a/readyz\": {\"httpGet\": {\"port\": 80}}}",
        NULL};
    char folder[] = "/tmp/weft-identity-XXXXXX";
    char path[64];
    struct identity identity;
    json_t *node;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/labels", folder);
    assert_int_equal(file_write(path,
                                SLICE("app=\"shop-web\"\nversion=\"v2\"\nodd\n=\"x\"\n"
                                      "quoted=\"a\\\"b\"\n"),
                                0600, NULL),
                     0);
    identity = must(environment, folder, false);
    assert_string_equal(identity.discovery_host, "istiod.x");
    assert_int_equal(identity.discovery_port, 15010);
    assert_int_equal(identity.concurrency, 3);
    assert_int_equal(identity.drain_ms, 65000);
    assert_string_equal(identity.node_cluster, "shop-web.shop");
    assert_string_equal(identity.node.app, "shop-web");
    assert_string_equal(identity.node.version, "v2");
    assert_string_equal(identity.node.workload, "web");
    assert_non_null(json_object_get(identity.probers, "/app-health/a/readyz"));
    node = identity_node_json(&identity);
    assert_string_equal(json_path_string(node, "metadata.LABELS.quoted"), "a\"b");
    assert_string_equal(json_path_string(node, "metadata.APP_CONTAINERS[0]"), "a");
    assert_string_equal(json_path_string(node, "metadata.SERVICE_ACCOUNT"), "sa");
    assert_string_equal(json_path_string(node, "metadata.NAMESPACE"), "shop");
    json_decref(node);
    identity_deinit(&identity);
    unlink(path);
    rmdir(folder);
}

static void mistakes(void **state)
{
    static const char *const environments[][6] = {
        {"POD_NAMESPACE=shop", "INSTANCE_IP=10.0.0.9", NULL},
        {"POD_NAME=a", "INSTANCE_IP=10.0.0.9", NULL},
        {"POD_NAME=a", "POD_NAMESPACE=shop", "INSTANCE_IP=", NULL},
        {"POD_NAME=a", "POD_NAMESPACE=shop", "INSTANCE_IP=web", NULL},
        {NEEDED, "PROXY_CONFIG={", NULL},
        {NEEDED, "PROXY_CONFIG={\"discoveryAddress\": \"h:port\"}", NULL},
        {NEEDED, "PROXY_CONFIG={\"terminationDrainDuration\": \"soon\"}", NULL},
        {NEEDED, "ISTIO_KUBE_APP_PROBERS=[", NULL},
    };
    static const char *const paths[] = {"POD_NAME",
                                        "POD_NAMESPACE",
                                        "INSTANCE_IP",
                                        "INSTANCE_IP",
                                        "PROXY_CONFIG",
                                        "PROXY_CONFIG.discoveryAddress",
                                        "PROXY_CONFIG.terminationDrainDuration",
                                        "ISTIO_KUBE_APP_PROBERS"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(environments); i++) {
        struct identity identity;
        struct error err = {0};

        assert_true(identity_init(&identity, false, ENVIRONMENT(environments[i]), "/nonexistent",
                                  NULL, &err) < 0);
        assert_string_equal(err.path, paths[i]);
        assert_true(err.reason[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(defaults), cmocka_unit_test(whole),
                                       cmocka_unit_test(mistakes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
