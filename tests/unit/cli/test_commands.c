/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that talk to a cluster, against a small API server.
 */
#include "capture.h"

#include "base/mem.h"
#include "cli/cli.h"
#include "fake_api.h"
#include "wire/json.h"
#include "tree.h"

enum { WORDS_MAX = 16 };

struct fixture {
    struct loop *loop;
    struct fake_api api;
    char folder[64];
    char *kubeconfig;
};

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);

    snprintf(f->folder, sizeof f->folder, "/tmp/weft-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(loop_new(&f->loop), 0);
    fake_api_init(&f->api, f->loop);
    f->kubeconfig = fake_api_kubeconfig(&f->api, f->folder);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    fake_api_deinit(&f->api);
    for (int i = 0; i < 5; i++)
        loop_run_once(f->loop, 0);
    loop_free(f->loop);
    unlink(f->kubeconfig);
    rmdir(f->folder);
    mem_free(f->kubeconfig);
    mem_free(f);
    return 0;
}

static void put(struct fixture *f, const char *path, const char *yaml)
{
    fake_api_put(&f->api, path, yaml_tree(yaml));
}

/* Runs "istioctl WORDS" on the fixture's cluster, with `input` on standard input. */
static void run(struct fixture *f, struct capture *ret, const char *words, const char *input)
{
    SCOPED(mem_drop) char *line = mem_printf("istioctl --kubeconfig %s %s", f->kubeconfig, words);
    char *argv[WORDS_MAX];
    int argc = 0;

    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    capture_run(ret, cli_main, argc, argv, input, f->loop);
}

static void exit_is(const struct capture *capture, int code)
{
    if (capture->code != code)
        fail_msg("exit %d, out \"%s\", err \"%s\"", capture->code, capture->out.data,
                 capture->err.data);
}

static void expect(struct fixture *f, const char *words, const char *out, const char *err, int code)
{
    struct capture capture;

    run(f, &capture, words, NULL);
    if (code != capture.code || strcmp(capture.out.data, out) != 0 ||
        strcmp(capture.err.data, err) != 0)
        fail_msg("%s: exit %d, out \"%s\", err \"%s\"", words, capture.code, capture.out.data,
                 capture.err.data);
    capture_deinit(&capture);
}

/* --- proxy-status, version --- */

static void istiod_put(struct fixture *f, const char *proxies)
{
    put(f, "/api/v1/namespaces/istio-system/pods/istiod-1",
        "{metadata: {name: istiod-1, namespace: istio-system, labels: {istio.io/rev: default}},"
        " spec: {containers: [{image: 'hub:5000/pilot:1.2.3'}]}, status: {phase: Running}}");
    json_object_set_new(f->api.objects,
                        "/api/v1/namespaces/istio-system/pods/istiod-1:15014/proxy/debug/syncz",
                        yaml_tree(proxies));
}

static const char two_proxies[] =
    "[{proxy: sidecar~10.0.0.2~web-1.shop~shop.svc.cluster.local, cluster_id: Kubernetes,"
    "  istio_version: 1.31.0, weft_version: 0.9.0, cluster: {sent: 3, acked: 3},"
    "  listener: {sent: 3, acked: 2, nack: 'field x: wrong'}, route: {sent: 0, acked: 0}},"
    " {proxy: router~10.0.0.1~gw-1.istio-system~istio-system.svc.cluster.local,"
    "  cluster_id: Kubernetes, istio_version: 1.30.1, cluster: {sent: 1, acked: 1}}]";

static void proxies(void **state)
{
    struct fixture *f = *state;

    istiod_put(f, two_proxies);
    expect(f, "proxy-status -n istio-system",
           "NAME                  CLUSTER        ISTIOD       VERSION     SUBSCRIBED TYPES\n"
           "gw-1.istio-system     Kubernetes     istiod-1     1.30.1      1 (CDS)\n",
           "", 0);
    expect(f, "ps -v 1 -n shop",
           "NAME           CLUSTER        CDS        ECDS        EDS         LDS       RDS"
           "          ISTIOD       VERSION\n"
           "web-1.shop     Kubernetes     SYNCED     IGNORED     IGNORED     STALE     NOT SENT"
           "     istiod-1     0.9.0\n",
           "web-1.shop refused its LDS: field x: wrong\n", 0);
    expect(f, "version",
           "client version: " WEFT_VERSION "\ncontrol plane version: 1.2.3\n"
           "data plane version: 0.9.0 (1 proxies), 1.30.1 (1 proxies)\n",
           "", 0);
}

static void no_proxies(void **state)
{
    struct fixture *f = *state;

    istiod_put(f, "[]");
    expect(f, "version",
           "client version: " WEFT_VERSION "\ncontrol plane version: 1.2.3\n"
           "data plane version: none\n",
           "", 0);
}

static void no_mesh(void **state)
{
    struct fixture *f = *state;

    expect(f, "proxy-status", "", "Error: no running Istio pods in \"istio-system\"\n", 1);
    expect(f, "version", "client version: " WEFT_VERSION "\n",
           "Istio is not present in the cluster: no running Istio pods in namespace "
           "\"istio-system\"\n",
           0);
}

/* A cluster that is away is said in seconds, not waited for. */
static void no_cluster(void **state)
{
    struct fixture *f = *state;
    struct capture capture;

    fake_api_down(&f->api);
    run(f, &capture, "proxy-status", NULL);
    exit_is(&capture, 1);
    assert_non_null(strstr(capture.err.data, "Error: "));
    capture_deinit(&capture);
    fake_api_up(&f->api);
}

/* --- install, uninstall --- */

static void install_is_idempotent(void **state)
{
    struct fixture *f = *state;
    unsigned writes;

    expect(f, "install --set profile=empty --dry-run",
           "✔ Istio core installed (dry run: 15 to create, 0 to change, 0 unchanged)\n"
           "✔ Dry run complete: nothing was changed\n",
           "", 0);
    assert_int_equal(f->api.write_count, 0);
    for (int i = 0; i < 2; i++) {
        struct capture capture;

        writes = f->api.write_count;
        run(f, &capture, "install --set profile=empty -y", NULL);
        exit_is(&capture, 0);
        assert_non_null(strstr(capture.out.data, "✔ Istio core installed ("));
        assert_non_null(strstr(capture.out.data, "✔ Installation complete\n"));
        assert_int_equal(f->api.write_count - writes, i == 0 ? 16 : 0);
        capture_deinit(&capture);
    }
    assert_non_null(fake_api_get(&f->api, "/api/v1/namespaces/istio-system"));
}

static void install_asks(void **state)
{
    static const struct {
        const char *answer;
        int code;
    } cases[] = {{"", 1}, {"\n", 1}, {"n\n", 1}, {"no\n", 1}, {"y\n", 0}, {"Yes\n", 0}};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct capture capture;

        run(f, &capture, "install --set profile=empty", cases[i].answer);
        assert_int_equal(capture.code, cases[i].code);
        assert_non_null(strstr(capture.out.data,
                               "This will install the weft " WEFT_VERSION
                               " profile \"empty\" into the cluster. Proceed? (y/N) "));
        assert_int_equal(strstr(capture.out.data, "Cancelled.\n") != NULL, cases[i].code == 1);
        assert_int_equal(f->api.write_count > 0, cases[i].code == 0);
        f->api.write_count = 0;
        if (i == 4)
            f->api.write_count = 1; /* the second yes finds everything as it should be */
        capture_deinit(&capture);
    }
}

/* Everything that carries our label goes, and the root with its copies; other things stay. */
static void purge(void **state)
{
    static const char *const ours[] = {
        "/apis/apps/v1/namespaces/istio-system/deployments/istiod",
        "/api/v1/namespaces/istio-system/configmaps/istio",
        "/api/v1/namespaces/istio-system/secrets/istio-ca-secret",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.networking.istio.io",
    };
    struct fixture *f = *state;
    struct capture capture;

    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        SCOPED(mem_drop)
        char *yaml = mem_printf("{metadata: {name: %s%s}}", strrchr(ours[i], '/') + 1,
                                strstr(ours[i], "/namespaces/") ? ", namespace: istio-system" : "");

        put(f, ours[i], yaml);
    }
    put(f, "/api/v1/namespaces/istio-system", "{metadata: {name: istio-system}}");
    run(f, &capture, "uninstall --purge --dry-run", NULL);
    exit_is(&capture, 0);
    assert_int_equal(f->api.write_count, 0);
    capture_deinit(&capture);
    run(f, &capture, "uninstall --purge", "y\n");
    exit_is(&capture, 0);
    assert_non_null(strstr(capture.out.data, "All Istio resources will be pruned"));
    assert_non_null(strstr(capture.out.data, "  Removed Deployment istio-system/istiod.\n"));
    assert_non_null(strstr(capture.out.data, "✔ Uninstall complete\n"));
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        assert_null(fake_api_get(&f->api, ours[i]));
    assert_non_null(fake_api_get(&f->api, "/api/v1/namespaces/istio-system"));
    capture_deinit(&capture);
    expect(f, "uninstall --revision canary -y", "",
           "Error: could not find target revision canary\n", 1);
}

/* --- verify-install --- */

static const char demo_manifest[] =
    "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: ns1}\nspec: {type: ClusterIP}\n"
    "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: ns1}\n"
    "spec: {replicas: 1}\n";

static void verify(void **state)
{
    struct fixture *f = *state;
    SCOPED(mem_drop) char *path = mem_printf("%s/manifest.yaml", f->folder);
    SCOPED(mem_drop) char *words = mem_printf("verify-install -f %s", path);

    assert_int_equal(file_write(path, slice_str(demo_manifest), 0600, NULL), 0);
    put(f, "/api/v1/namespaces/ns1/services/a",
        "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: ns1}, spec: {type: "
        "NodePort}}");
    put(f, "/apis/apps/v1/namespaces/ns1/deployments/d",
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: ns1, generation: "
        "1}, spec: {replicas: 1}}");
    expect(f, words,
           "✘ Service: a.ns1: differs from what was installed\n"
           "✘ Deployment: d.ns1: not all replicas are available\n"
           "Checked 0 custom resource definitions\nChecked 0 Istio Deployments\n",
           "Error: Istio installation failed, incomplete or does not match: 2 of 2 objects\n", 1);
    put(f, "/api/v1/namespaces/ns1/services/a",
        "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: ns1}, spec: {type: "
        "ClusterIP, clusterIP: 10.0.0.1}}");
    put(f, "/apis/apps/v1/namespaces/ns1/deployments/d",
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: ns1, generation: "
        "1}, spec: {replicas: 1},"
        " status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1}}");
    expect(f, words,
           "✔ Service: a.ns1 checked successfully\n✔ Deployment: d.ns1 checked successfully\n"
           "Checked 0 custom resource definitions\nChecked 1 Istio Deployments\n"
           "✔ Istio is installed and verified successfully\n",
           "", 0);
    unlink(path);
    expect(
        f, "verify-install", "",
        "Error: Istio is not installed with revision \"default\": there is no ConfigMap values in "
        "namespace istio-system. Supply flag --filename <yaml>\n",
        1);
}

/* --- kube-inject --- */

static const char two_documents[] = "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n---\n"
                                    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\n"
                                    "spec:\n  template:\n    metadata:\n      labels:\n"
                                    "        app: d\n    spec:\n      containers:\n"
                                    "      - name: c\n        image: i\n";

/* Settings come from the cluster, documents from standard input; what is no workload stays. */
static void inject(void **state)
{
    struct fixture *f = *state;
    struct capture capture;

    run(f, &capture, "kube-inject -f -", two_documents);
    exit_is(&capture, 1);
    assert_non_null(strstr(capture.err.data, "configmaps/istio"));
    capture_deinit(&capture);
    put(f, "/api/v1/namespaces/istio-system/configmaps/istio-canary",
        "{metadata: {name: istio-canary}, data: {mesh: 'trustDomain: td'}}");
    put(f, "/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector-canary",
        "{metadata: {name: x}, data: {values: '{\"revision\": \"canary\", \"global\": "
        "{\"hub\": \"hub.example\", \"tag\": \"7\", \"proxy\": {\"image\": \"proxyv2\"}}}'}}");
    run(f, &capture, "kube-inject -f - -r canary",
        "kind: List\napiVersion: v1\nitems:\n- {kind: Pod, apiVersion: v1, metadata: {name: p},"
        " spec: {containers: [{name: c, image: i}]}}\n- {kind: Secret, metadata: {name: s}}\n");
    exit_is(&capture, 0);
    assert_non_null(strstr(capture.out.data, "name: istio-proxy\n"));
    capture_deinit(&capture);
    run(f, &capture, "kube-inject -f - -r canary", two_documents);
    exit_is(&capture, 0);
    assert_non_null(strstr(capture.out.data, "kind: Service\nmetadata:\n  name: s\n---\n"));
    assert_non_null(strstr(capture.out.data, "image: hub.example/proxyv2:7\n"));
    assert_non_null(strstr(capture.out.data, "istio.io/rev: canary\n"));
    capture_deinit(&capture);
}

static void inject_to_file(void **state)
{
    struct fixture *f = *state;
    SCOPED(mem_drop) char *path = mem_printf("%s/out.yaml", f->folder);
    SCOPED(mem_drop) char *words = mem_printf("kube-inject -f - -o %s", path);
    struct buf text;
    struct capture capture;

    put(f, "/api/v1/namespaces/istio-system/configmaps/istio",
        "{metadata: {name: istio}, data: {mesh: '{}'}}");
    put(f, "/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector",
        "{metadata: {name: x}, data: {values: '{}'}}");
    run(f, &capture, words, two_documents);
    exit_is(&capture, 0);
    assert_string_equal(capture.out.data, "");
    buf_init(&text, 0);
    assert_int_equal(file_read(path, &text, NULL), 0);
    assert_true(slice_find(buf_slice(&text), SLICE("name: istio-proxy")) > 0);
    buf_deinit(&text);
    capture_deinit(&capture);
    unlink(path);
    expect(f, "kube-inject -f /nosuch.yaml", "",
           "Error: /nosuch.yaml: cannot open: No such file or directory\n", 1);
}

/* --- manifest diff: no cluster --- */

static void manifest_diff(void **state)
{
    struct fixture *f = *state;
    SCOPED(mem_drop) char *first = mem_printf("%s/a.yaml", f->folder);
    SCOPED(mem_drop) char *second = mem_printf("%s/b.yaml", f->folder);
    SCOPED(mem_drop) char *words = mem_printf("manifest diff %s %s", first, second);

    assert_int_equal(file_write(first, slice_str(demo_manifest), 0600, NULL), 0);
    assert_int_equal(file_write(second, slice_str(demo_manifest), 0600, NULL), 0);
    expect(f, words, "Manifests are identical\n", "", 0);
    assert_int_equal(
        file_write(second,
                   SLICE("apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: ns1}\n"
                         "spec: {type: NodePort}\n---\nkind: Role\nmetadata: {name: r}\n"),
                   0600, NULL),
        0);
    expect(f, words,
           "Object Service:ns1:a has diffs:\n  spec.type: ClusterIP -> NodePort\n"
           "Object Deployment:ns1:d is missing in B\nObject Role::r is missing in A\n",
           "", 1);
    unlink(first);
    unlink(second);
}

#define WITH_API(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(proxies),
        WITH_API(no_proxies),
        WITH_API(no_mesh),
        WITH_API(no_cluster),
        WITH_API(install_is_idempotent),
        WITH_API(install_asks),
        WITH_API(purge),
        WITH_API(verify),
        WITH_API(inject),
        WITH_API(inject_to_file),
        WITH_API(manifest_diff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
