/* SPDX-License-Identifier: Apache-2.0 */
/* Kubeconfigs: what is read, and what a person hears about a wrong one. Paths of resources.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "kube/config.h"
#include "kube/resource.h"

static const char good[] =
    "apiVersion: v1\n"
    "kind: Config\n"
    "current-context: a\n"
    "contexts:\n"
    "- {name: a, context: {cluster: c, user: u, namespace: demo}}\n"
    "- {name: b, context: {cluster: d, user: v}}\n"
    "- {name: lost, context: {cluster: nowhere, user: u}}\n"
    "clusters:\n"
    "- name: c\n"
    "  cluster: {server: 'https://h:6443/', certificate-authority-data: Q0E=}\n"
    "- {name: d, cluster: {server: 'http://127.0.0.1:8080', "
    "insecure-skip-tls-verify: true}}\n"
    "users:\n"
    "- name: u\n"
    "  user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}\n"
    "- {name: v, user: {token: secret}}\n";

static void contexts(void **state)
{
    struct kube_config config = {0};

    (void)state;
    assert_int_equal(kube_config_parse(slice_str(good), ".", NULL, &config, NULL), 0);
    assert_string_equal(config.server, "https://h:6443");
    assert_string_equal(config.ca_pem, "CA");
    assert_string_equal(config.cert_pem, "CERT");
    assert_string_equal(config.key_pem, "KEY");
    assert_string_equal(config.default_namespace, "demo");
    assert_null(config.token);
    kube_config_deinit(&config);
    assert_int_equal(kube_config_parse(slice_str(good), ".", "b", &config, NULL), 0);
    assert_string_equal(config.token, "secret");
    assert_string_equal(config.default_namespace, "default");
    assert_true(config.insecure);
    kube_config_deinit(&config);
}

static void written(void **state)
{
    char server[] = "https://127.0.0.1:6443", ca[] = "CA", cert[] = "CERT", key[] = "KEY";
    const struct kube_config config = {
        .server = server, .ca_pem = ca, .cert_pem = cert, .key_pem = key};
    char token[] = "secret";
    const struct kube_config bare = {.server = server, .token = token};
    struct kube_config again = {0};
    struct buf text;

    (void)state;
    buf_init(&text, 0);
    assert_int_equal(kube_config_format(&config, "here", "admin", &text), 0);
    assert_int_equal(kube_config_parse(buf_slice(&text), ".", "here", &again, NULL), 0);
    assert_string_equal(again.server, config.server);
    assert_string_equal(again.ca_pem, config.ca_pem);
    assert_string_equal(again.cert_pem, config.cert_pem);
    assert_string_equal(again.key_pem, config.key_pem);
    assert_null(again.token);
    kube_config_deinit(&again);
    buf_deinit(&text);
    buf_init(&text, 0);
    assert_int_equal(kube_config_format(&bare, "b", "u", &text), 0);
    assert_int_equal(kube_config_parse(buf_slice(&text), ".", NULL, &again, NULL), 0);
    assert_string_equal(again.token, "secret");
    assert_null(again.ca_pem);
    kube_config_deinit(&again);
    buf_deinit(&text);
}

static void wrong(void **state)
{
    static const struct {
        const char *text, *context, *told;
    } cases[] = {
        {good, "nosuch", "nosuch"},
        {good, "lost", "nowhere"},
        {"a: [", NULL, ""},
        {"{}", NULL, "current-context"},
        {"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {}}]\n",
         NULL, "server"},
        {"current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
         "clusters: [{name: c, cluster: {server: 'https://x'}}]\n"
         "users: [{name: u, user: {exec: {command: x}}}]\n",
         NULL, "exec is not supported"},
        {"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {server: 'https://x', certificate-authority-data: '*'}}]\n",
         NULL, "certificate-authority-data"},
        {"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {server: 'https://x', certificate-authority: nofile}}]\n",
         NULL, "nofile"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kube_config config = {0};
        struct error err = {0};
        char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

        assert_true(kube_config_parse(slice_str(cases[i].text), "/nowhere", cases[i].context,
                                      &config, &err) < 0);
        err_format(&err, text, sizeof text);
        if (!strstr(text, cases[i].told))
            fail_msg("case %zu: \"%s\" does not name \"%s\"", i, text, cases[i].told);
        assert_null(config.server);
    }
}

/* KUBECONFIG names several files: the first that exists counts. */
static void environment(void **state)
{
    char folder[] = "/tmp/weft-test-XXXXXX";
    struct kube_config config = {0};
    struct error err = {0};
    char *path, *list;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = mem_printf("%s/config", folder);
    list = mem_printf("%s/none:%s", folder, path);
    assert_int_equal(file_write(path, slice_str(good), 0600, NULL), 0);
    setenv("KUBECONFIG", list, 1);
    assert_int_equal(kube_config_load(NULL, "b", &config, &err), 0);
    assert_string_equal(config.server, "http://127.0.0.1:8080");
    kube_config_deinit(&config);
    setenv("KUBECONFIG", "/nowhere/config", 1);
    assert_int_equal(kube_config_load(NULL, NULL, &config, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.reason, "/nowhere/config"));
    assert_int_equal(file_remove_tree(folder, NULL), 0);
    mem_free(path);
    mem_free(list);
}

static void paths(void **state)
{
    static const struct {
        enum kube_resource_id id;
        const char *ns, *name, *sub, *expected;
    } cases[] = {
        {KUBE_RESOURCE_POD, "demo", "a", "log", "/api/v1/namespaces/demo/pods/a/log"},
        {KUBE_RESOURCE_POD, NULL, NULL, NULL, "/api/v1/pods"},
        {KUBE_RESOURCE_POD, "", NULL, NULL, "/api/v1/pods"},
        {KUBE_RESOURCE_NAMESPACE, "x", "demo", NULL, "/api/v1/namespaces/demo"},
        {KUBE_RESOURCE_DEPLOYMENT, "d", "a/../b?", "scale",
         "/apis/apps/v1/namespaces/d/deployments/a%2F..%2Fb%3F/scale"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;

        buf_init(&out, 0);
        kube_resource_path(kube_resource_get(cases[i].id), cases[i].ns, cases[i].name, cases[i].sub,
                           &out);
        assert_slice(buf_slice(&out), cases[i].expected);
        buf_deinit(&out);
    }
    assert_ptr_equal(kube_resource_find("apps/v1", "Deployment"),
                     kube_resource_get(KUBE_RESOURCE_DEPLOYMENT));
    assert_ptr_equal(kube_resource_find("networking.istio.io/v1alpha3", "Gateway"),
                     kube_resource_get(KUBE_RESOURCE_GATEWAY));
    assert_null(kube_resource_find("v1", "Nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(contexts), cmocka_unit_test(written),
                                       cmocka_unit_test(wrong), cmocka_unit_test(environment),
                                       cmocka_unit_test(paths)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
