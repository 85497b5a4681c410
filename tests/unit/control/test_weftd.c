/* SPDX-License-Identifier: Apache-2.0 */
/* The whole control plane against a small API server, on one loop: root, ConfigMaps, status,
 * restarts.
 */
#include "test.h"
#include "tree.h"
#include "until.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "control/weftd.h"
#include "fake_api.h"
#include "wire/json.h"

struct fixture {
    struct loop *loop;
    struct fake_api api;
    char folder[64];
    char *kubeconfig;
    struct weftd *weftd;
};

static void put(struct fixture *f, const char *path, const char *yaml)
{
    fake_api_put(&f->api, path, yaml_tree(yaml));
}

static void weftd_start(struct fixture *f)
{
    struct weftd_options options = {.kubeconfig = f->kubeconfig,
                                    .ns = "istio-system",
                                    .xds_addr = "",
                                    .webhook_addr = "127.0.0.1:0",
                                    .debug_addr = "127.0.0.1:0",
                                    .monitor_addr = ""};
    struct error err = {0};

    if (weftd_new(f->loop, &options, &f->weftd, &err) < 0)
        fail_msg("%s: %s", err.path, err.reason);
}

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);

    snprintf(f->folder, sizeof f->folder, "/tmp/weft-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(loop_new(&f->loop), 0);
    fake_api_init(&f->api, f->loop);
    f->kubeconfig = fake_api_kubeconfig(&f->api, f->folder);
    put(f, "/api/v1/namespaces/istio-system", "{metadata: {name: istio-system}}");
    put(f, "/api/v1/namespaces/demo", "{metadata: {name: demo}}");
    put(f, "/api/v1/namespaces/kube-system", "{metadata: {name: kube-system}}");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    weftd_free(f->weftd);
    fake_api_deinit(&f->api);
    for (int i = 0; i < 5; i++)
        loop_run_once(f->loop, 0);
    loop_free(f->loop);
    assert_int_equal(file_remove_tree(f->folder, NULL), 0);
    mem_free(f->kubeconfig);
    mem_free(f);
    return 0;
}

static const char *root_in(const struct fixture *f, const char *ns)
{
    char path[128];

    snprintf(path, sizeof path, "/api/v1/namespaces/%s/configmaps/istio-ca-root-cert", ns);
    return json_path_string(fake_api_get(&f->api, path), "data[\"root-cert.pem\"]");
}

static void root_everywhere(void **state)
{
    static const char secret[] = "/api/v1/namespaces/istio-system/secrets/istio-ca-secret";
    struct fixture *f = *state;
    char *first;

    weftd_start(f);
    assert_non_null(fake_api_get(&f->api, secret));
    LOOP_UNTIL(f->loop,
               root_in(f, "demo") && root_in(f, "istio-system") && weftd_is_ready(f->weftd));
    assert_null(root_in(f, "kube-system"));
    assert_non_null(strstr(root_in(f, "demo"), "BEGIN CERTIFICATE"));
    first = mem_strdup(root_in(f, "demo"));
    put(f, "/api/v1/namespaces/later", "{metadata: {name: later}}");
    LOOP_UNTIL(f->loop, root_in(f, "later"));
    fake_api_delete(&f->api, "/api/v1/namespaces/demo/configmaps/istio-ca-root-cert");
    LOOP_UNTIL(f->loop, root_in(f, "demo"));
    weftd_free(f->weftd); /* as after a crash: nothing is kept but the Secret */
    f->weftd = NULL;
    weftd_start(f);
    LOOP_UNTIL(f->loop, weftd_is_ready(f->weftd));
    assert_string_equal(root_in(f, "demo"), first);
    mem_free(first);
}

/* A broken Secret must not be replaced: the mesh's certificates hang on it. */
static void broken_secret(void **state)
{
    struct fixture *f = *state;
    struct weftd_options options = {.kubeconfig = f->kubeconfig, .ns = "istio-system"};
    struct error err = {0};

    put(f, "/api/v1/namespaces/istio-system/secrets/istio-ca-secret",
        "{metadata: {name: istio-ca-secret, namespace: istio-system}, data: {ca-cert.pem: eA==}}");
    assert_int_equal(weftd_new(f->loop, &options, &f->weftd, &err), ERR_INVALID);
    assert_non_null(strstr(err.path, "istio-ca-secret"));
    f->weftd = NULL;
}

static const char *condition(const struct fixture *f, const char *member)
{
    const json_t *object =
        fake_api_get(&f->api, "/apis/networking.istio.io/v1/namespaces/demo/virtualservices/web");
    char path[64];

    snprintf(path, sizeof path, "status.conditions[0].%s", member);
    return json_path_string_or(object, path, "");
}

static void virtual_service_put(struct fixture *f, const char *subset)
{
    char *text = mem_printf("{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: "
                            "{name: web, namespace: demo, generation: 3}, spec: {hosts: [web], "
                            "http: [{route: [{destination: {host: web%s}}]}]}}",
                            subset);

    put(f, "/apis/networking.istio.io/v1/namespaces/demo/virtualservices/web", text);
    mem_free(text);
}

static void status_of_unknown_subset(void **state)
{
    struct fixture *f = *state;

    put(f, "/api/v1/namespaces/demo/services/web",
        "{metadata: {name: web, namespace: demo}, spec: {clusterIP: 10.0.0.1, ports: [{name: http, "
        "port: 80}]}}");
    weftd_start(f);
    LOOP_UNTIL(f->loop, weftd_is_ready(f->weftd));
    virtual_service_put(f, ", subset: v9");
    LOOP_UNTIL(f->loop, strcmp(condition(f, "status"), "False") == 0);
    assert_non_null(strstr(condition(f, "message"), "v9"));
    assert_non_null(strstr(condition(f, "message"), "spec.http[0].route[0].destination.subset"));
    virtual_service_put(f, "");
    for (int i = 0; i < 30; i++)
        loop_run_once(f->loop, 10);
    assert_string_equal(condition(f, "status"), ""); /* nothing wrong: nothing is written */
}

/* An Ingress of Istio's class gets the addresses of the gateway's Service; another one none. */
static void ingress_gets_the_gateways_address(void **state)
{
    static const char gateway[] = "/api/v1/namespaces/istio-system/services/istio-ingressgateway";
    static const char ours[] = "/apis/networking.k8s.io/v1/namespaces/demo/ingresses/ours";
    static const char theirs[] = "/apis/networking.k8s.io/v1/namespaces/demo/ingresses/theirs";
    struct fixture *f = *state;

    put(f, gateway,
        "{metadata: {name: istio-ingressgateway, namespace: istio-system}, spec: {clusterIP: "
        "10.0.0.1, ports: [{name: http2, port: 80}]}, status: {loadBalancer: {ingress: [{ip: "
        "192.0.2.1}]}}}");
    put(f, ours,
        "{metadata: {name: ours, namespace: demo, annotations: {kubernetes.io/ingress.class: "
        "istio}}, spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}}");
    put(f, theirs, "{metadata: {name: theirs, namespace: demo}, spec: {}}");
    weftd_start(f);
    LOOP_UNTIL(f->loop, strcmp(json_path_string_or(fake_api_get(&f->api, ours),
                                                   "status.loadBalancer.ingress[0].ip", ""),
                               "192.0.2.1") == 0);
    put(f, gateway,
        "{metadata: {name: istio-ingressgateway, namespace: istio-system}, spec: {clusterIP: "
        "10.0.0.1, ports: [{name: http2, port: 80}]}, status: {loadBalancer: {ingress: [{hostname: "
        "lb.example.com}]}}}");
    LOOP_UNTIL(f->loop, strcmp(json_path_string_or(fake_api_get(&f->api, ours),
                                                   "status.loadBalancer.ingress[0].hostname", ""),
                               "lb.example.com") == 0);
    assert_null(json_path_get(fake_api_get(&f->api, theirs), "status"));
}

/* The API server goes away and comes back: what happened meanwhile is caught up with. */
static void api_server_restarts(void **state)
{
    struct fixture *f = *state;

    weftd_start(f);
    LOOP_UNTIL(f->loop, root_in(f, "demo") && weftd_is_ready(f->weftd));
    fake_api_down(&f->api);
    for (int i = 0; i < 20; i++)
        loop_run_once(f->loop, 10);
    assert_true(weftd_is_ready(f->weftd));
    put(f, "/api/v1/namespaces/later", "{metadata: {name: later}}");
    fake_api_up(&f->api);
    LOOP_UNTIL(f->loop, root_in(f, "later"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(root_everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_secret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(status_of_unknown_subset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ingress_gets_the_gateways_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(api_server_restarts, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
