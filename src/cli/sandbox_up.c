/* SPDX-License-Identifier: Apache-2.0 */
/* weft sandbox up: step by step, each told with its duration; a step whose work is done already is
 * passed over, so a second `up` is quick and changes nothing.
 */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "cli/common.h"
#include "cli/sandbox_int.h"
#include "io/process.h"
#include "kube/objects/object.h"
#include "sandbox/net.h"

enum {
    API_TIMEOUT_MS = 30000,
    NODE_TIMEOUT_MS = 30000,
    INSTALL_TIMEOUT_MS = 200000,
    KUBECTL_TIMEOUT_MS = 60000,
    PODS_TIMEOUT_MS = 240000,
    POLL_MS = 50,
};

struct up {
    struct instance in;
    struct sandbox_places places;
    struct cli_cluster cluster;
    int64_t node_since_ms; /* wall clock: the node must have been heard since; 0: whenever */
    char gateway_ip[64];
    int gateway_port;
};

/* --- what must be there --- */

static bool on_path(const char *program)
{
    struct slice rest = slice_str(getenv("PATH"));
    struct slice folder;

    while (slice_split_next(&rest, ':', &folder)) {
        SCOPED(mem_drop) char *path = mem_printf("%.*s/%s", SLICE_ARG(folder), program);

        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static bool may_make_namespaces(void)
{
    SCOPED(buf_deinit) struct buf text;
    ptrdiff_t at;

    buf_init(&text, 65536);
    if (file_read("/proc/self/status", &text, NULL) < 0)
        return true;
    at = slice_find(buf_slice(&text), SLICE("CapEff:"));
    return at < 0 || strtoull(text.data + at + 7, NULL, 16) >> CAP_SYS_ADMIN & 1;
}

static int prerequisites_check(struct error *err)
{
    static const char *const programs[][2] = {{"runc", "runc"},
                                              {"conmon", "conmon"},
                                              {"nft", "nftables"},
                                              {"ip", "iproute2"},
                                              {"tar", "tar"}};

    if (geteuid() != 0)
        return err_set(err, ERR_DENIED,
                       "the sandbox needs root, for network namespaces and containers: run it as "
                       "root (sudo weft sandbox up)");
    if (!may_make_namespaces())
        return err_set(err, ERR_DENIED,
                       "this process may not make network namespaces (CAP_SYS_ADMIN is missing): "
                       "run it outside of a container, or in a privileged one");
    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        if (!on_path(programs[i][0]))
            return err_set(err, ERR_NOT_FOUND,
                           "the program %s is missing: install it (apt-get install %s)",
                           programs[i][0], programs[i][1]);
    return 0;
}

/* --- places --- */

static bool folder_has(const char *folder, const char *leaf)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", folder, leaf);

    return file_exists(path);
}

void sandbox_places_find(struct sandbox_places *ret)
{
    const char *tools = getenv("WEFT_TOOLS_DIR");
    const char *samples = getenv("WEFT_SAMPLES");
    char top[SANDBOX_PATH_SIZE / 2];
    ssize_t len;

    *ret = (struct sandbox_places){0};
    len = readlink("/proc/self/exe", top, sizeof top - 1);
    top[MAX(len, (ssize_t)0)] = '\0';
    snprintf(ret->self, sizeof ret->self, "%s", top);
    for (char *slash = strrchr(top, '/'); slash; slash = strrchr(top, '/')) {
        *slash = '\0';
        if (ret->bin[0] == '\0')
            snprintf(ret->bin, sizeof ret->bin, "%s", top);
        if (folder_has(top, "samples/bookinfo/platform"))
            break;
    }
    if (top[0]) {
        if (folder_has(top, "build/bin/weft"))
            snprintf(ret->bin, sizeof ret->bin, "%s/build/bin", top);
        snprintf(ret->samples, sizeof ret->samples, "%s/samples", top);
        snprintf(ret->images, sizeof ret->images, "%s/build/images", top);
        snprintf(ret->tools, sizeof ret->tools, "%s/.cache/tools/bin", top);
    }
    if (tools && tools[0])
        snprintf(ret->tools, sizeof ret->tools, "%s/bin", tools);
    if (samples && samples[0])
        snprintf(ret->samples, sizeof ret->samples, "%s", samples);
}

/* --- steps --- */

static int step_network(struct up *up, struct error *err)
{
    return net_up(&up->in, err);
}

/* Waits for a condition; `check` returns 1 when it holds, 0 not yet, below 0 to give up. */
static int wait_for(struct up *up, int (*check)(struct up *up, struct error *err),
                    uint64_t timeout_ms, const char *what, struct error *err)
{
    uint64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    struct error why = {0};

    for (;;) {
        int rc = check(up, &why);

        if (rc != 0)
            return rc < 0 ? err_set(err, rc, "%s", why.reason) : 0;
        if (clock_monotonic_ms() >= deadline_ms)
            return err_set(err, ERR_TIMEOUT, "%s within %llu s: %s", what,
                           (unsigned long long)timeout_ms / 1000, why.reason);
        clock_sleep_ms(POLL_MS);
    }
}

static bool runs(const struct up *up, enum instance_process process)
{
    struct daemon daemon = instance_daemon(&up->in, process);

    return daemon_pid(&daemon) > 0;
}

static int start(const struct up *up, enum instance_process process, struct error *err)
{
    struct daemon daemon = instance_daemon(&up->in, process);

    return daemon_start(&daemon, err);
}

static int api_is_ready(struct up *up, struct error *err)
{
    const struct cli cli = {.kubeconfig = up->in.kubeconfig_path};
    const struct kube_request request = {.raw_path = "/readyz", .timeout_ms = 2000};
    int rc;

    if (!runs(up, INSTANCE_APISERVER))
        return err_set(err, ERR_INTERNAL, "the API server ended: see weft sandbox logs apiserver");
    if (!file_exists(up->in.kubeconfig_path))
        return 0;
    if (!up->cluster.client && cli_cluster_open(&cli, &up->cluster, err) < 0)
        return 0;
    rc = kube_call_wait(up->cluster.client, &request, NULL, err);
    /* "ok" is no JSON: any answer but a refused connection will do */
    return rc == 0 || rc == ERR_INVALID || rc == ERR_PROTOCOL;
}

static int step_apiserver(struct up *up, struct error *err)
{
    int rc = start(up, INSTANCE_APISERVER, err);

    return rc < 0 ? rc
                  : wait_for(up, api_is_ready, API_TIMEOUT_MS, "the API server is not ready", err);
}

static json_t *object_get(struct up *up, enum kube_resource_id id, const char *ns, const char *name)
{
    const struct kube_request request = {
        .verb = KUBE_GET, .resource = kube_resource_get(id), .ns = ns, .name = name};
    json_t *out = NULL;

    if (kube_call_wait(up->cluster.client, &request, &out, NULL) < 0)
        return NULL;
    return out;
}

/* A node that has just been started tells of its pods before it tells of itself. */
static bool node_was_heard(const struct up *up, const json_t *node)
{
    struct slice heard =
        slice_str(json_path_string_or(node, "status.conditions[0].lastHeartbeatTime", ""));
    int64_t heard_ms = 0;

    return clock_parse_rfc3339(heard, &heard_ms) == 0 && heard_ms >= up->node_since_ms;
}

static int node_is_ready(struct up *up, struct error *err)
{
    SCOPED(json_drop) json_t *node = object_get(up, KUBE_RESOURCE_NODE, NULL, up->in.node_name);
    SCOPED(json_drop)
    json_t *account = object_get(up, KUBE_RESOURCE_SERVICE_ACCOUNT, "default", "default");

    for (unsigned i = 0; i < INSTANCE_SUPERVISOR; i++) {
        struct daemon daemon = instance_daemon(&up->in, i);

        if (daemon_pid(&daemon) == 0)
            return err_set(err, ERR_INTERNAL, "%s ended: see weft sandbox logs %s", daemon.name,
                           daemon.name);
    }
    return node != NULL && account != NULL && node_was_heard(up, node);
}

/* The Service of the cluster's DNS, for those who look for it. */
static int dns_service_make(struct up *up, struct error *err)
{
    SCOPED(json_drop)
    json_t *service = json_pack(
        "{s:s,s:s,s:{s:s,s:s,s:{s:s}},s:{s:s,s:[{s:s,s:i,s:s},{s:s,s:i,s:s}]}}", "apiVersion", "v1",
        "kind", "Service", "metadata", "name", "kube-dns", "namespace", "kube-system", "labels",
        "k8s-app", "kube-dns", "spec", "clusterIP", up->in.dns_ip, "ports", "name", "dns", "port",
        53, "protocol", "UDP", "name", "dns-tcp", "port", 53, "protocol", "TCP");
    const struct kube_request request = {.verb = KUBE_CREATE,
                                         .resource = kube_resource_get(KUBE_RESOURCE_SERVICE),
                                         .ns = "kube-system",
                                         .body = service};
    SCOPED(json_drop)
    json_t *there = object_get(up, KUBE_RESOURCE_SERVICE, "kube-system", "kube-dns");

    return there ? 0 : kube_call_wait(up->cluster.client, &request, NULL, err);
}

static int step_node(struct up *up, struct error *err)
{
    int rc = start(up, INSTANCE_CONTROLLERS, err);

    if (!runs(up, INSTANCE_NODE))
        up->node_since_ms = clock_realtime_ms() / 1000 * 1000;
    if (rc == 0)
        rc = start(up, INSTANCE_NODE, err);
    if (rc == 0)
        rc = wait_for(up, node_is_ready, NODE_TIMEOUT_MS, "the node is not ready", err);
    if (rc == 0)
        rc = start(up, INSTANCE_SUPERVISOR, err);
    return rc == 0 ? dns_service_make(up, err) : rc;
}

/* Runs a program; its output is shown only when it fails. */
static int program_run(const char *const *argv, const char *input, uint64_t timeout_ms,
                       struct error *err)
{
    struct process_options options = {
        .argv = argv, .input = slice_str(input), .timeout_ms = timeout_ms};
    struct error why = {0};
    int rc = process_run(&options, NULL, &why);

    if (rc == 0)
        return 0;
    return err_set(err, rc < 0 ? rc : ERR_IO, "%s %s: %s", argv[0], argv[1],
                   why.reason[0] ? why.reason : "failed");
}

static bool deployment_is_up(struct up *up, const char *ns, const char *name)
{
    SCOPED(json_drop) json_t *deployment = object_get(up, KUBE_RESOURCE_DEPLOYMENT, ns, name);
    int64_t wanted = json_path_int(deployment, "spec.replicas", 1);

    return deployment && json_path_int(deployment, "status.availableReplicas", 0) >= wanted;
}

static int step_install(struct up *up, struct error *err)
{
    const char *argv[] = {up->places.self, "install", "-y", NULL};

    if (deployment_is_up(up, "istio-system", "istiod") &&
        deployment_is_up(up, "istio-system", "istio-ingressgateway"))
        return 0;
    return program_run(argv, "", INSTALL_TIMEOUT_MS, err);
}

static int kubectl_apply(struct up *up, const char *ns, const char *leaf, const char *input,
                         struct error *err)
{
    SCOPED(mem_drop) char *kubectl = mem_printf("%s/kubectl", up->places.tools);
    SCOPED(mem_drop)
    char *file = leaf ? mem_printf("%s/%s", up->places.samples, leaf) : mem_strdup("-");
    const char *argv[] = {
        access(kubectl, X_OK) == 0 ? kubectl : "kubectl", "apply", "-n", ns, "-f", file, NULL};

    return program_run(argv, input, KUBECTL_TIMEOUT_MS, err);
}

static int step_bookinfo(struct up *up, struct error *err)
{
    static const char space[] = "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":"
                                "{\"name\":\"bookinfo\",\"labels\":{\"istio-injection\":"
                                "\"enabled\"}}}";
    SCOPED(json_drop)
    json_t *there = object_get(up, KUBE_RESOURCE_GATEWAY, "bookinfo", "bookinfo-gateway");
    int rc;

    if (there && deployment_is_up(up, "bookinfo", "productpage-v1"))
        return 0;
    if (up->places.samples[0] == '\0')
        return err_set(err, ERR_NOT_FOUND,
                       "the folder samples is not beside this program: set WEFT_SAMPLES, or use "
                       "--bare");
    rc = kubectl_apply(up, "default", NULL, space, err);
    if (rc == 0)
        rc = kubectl_apply(up, "bookinfo", "bookinfo/platform/kube/bookinfo.yaml", "", err);
    if (rc == 0)
        rc = kubectl_apply(up, "bookinfo", "bookinfo/networking/bookinfo-gateway.yaml", "", err);
    return rc;
}

static int pods_are_ready(struct up *up, struct error *err)
{
    static const char *const spaces[] = {"istio-system", "bookinfo"};
    static const size_t expected[] = {2, 6};

    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        SCOPED(json_drop) json_t *list = object_get(up, KUBE_RESOURCE_POD, spaces[i], NULL);
        json_t *pods = json_object_get(list, "items");
        json_t *pod;
        size_t j;

        json_array_foreach(pods, j, pod)
        {
            if (!kube_pod_is_ready(pod)) {
                err_set(err, ERR_AGAIN, "pod %s/%s is not ready", spaces[i], kube_name(pod));
                return 0;
            }
        }
        if (json_array_size(pods) < expected[i]) {
            err_set(err, ERR_AGAIN, "namespace %s has %zu pods", spaces[i], json_array_size(pods));
            return 0;
        }
    }
    return 1;
}

static int gateway_is_there(struct up *up, struct error *err)
{
    SCOPED(json_drop)
    json_t *service = object_get(up, KUBE_RESOURCE_SERVICE, "istio-system", "istio-ingressgateway");
    const char *ip = json_path_string(service, "status.loadBalancer.ingress[0].ip");
    json_t *port;
    size_t i;

    if (!ip) {
        err_set(err, ERR_AGAIN, "Service istio-ingressgateway has no address");
        return 0;
    }
    snprintf(up->gateway_ip, sizeof up->gateway_ip, "%s", ip);
    json_array_foreach(json_path_get(service, "spec.ports"), i, port)
    {
        if (strcmp(json_path_string_or(port, "name", ""), "http2") == 0)
            up->gateway_port = (int)json_get_int(port, "port", 80);
    }
    return 1;
}

static int step_ready(struct up *up, struct error *err)
{
    int rc = wait_for(up, pods_are_ready, PODS_TIMEOUT_MS, "not all pods are ready", err);

    return rc < 0
               ? rc
               : wait_for(up, gateway_is_there, NODE_TIMEOUT_MS, "the gateway is not there", err);
}

/* --- the whole --- */

static void farewell(const struct up *up)
{
    printf("\nProduct page: http://%s:%d/productpage\n\n"
           "  export KUBECONFIG='%s'\n"
           "  export GATEWAY_URL='%s:%d'\n\n"
           "Try next:\n"
           "  eval \"$(%s/weft sandbox env --name %s)\" && kubectl get pods -A\n"
           "  kubectl apply -n bookinfo -f %s/bookinfo/networking/destination-rule-all.yaml "
           "-f %s/bookinfo/networking/virtual-service-all-v1.yaml   # no stars\n"
           "  kubectl apply -n bookinfo -f "
           "%s/bookinfo/networking/virtual-service-reviews-50-v3.yaml   # half of them red\n",
           up->gateway_ip, up->gateway_port, up->in.kubeconfig_path, up->gateway_ip,
           up->gateway_port, up->places.bin, up->in.name, up->places.samples, up->places.samples,
           up->places.samples);
}

static int steps_run(struct up *up, bool bare, struct error *err)
{
    static const struct {
        const char *title;
        int (*run)(struct up *up, struct error *err);
        bool mesh;
    } steps[] = {
        {"network", step_network, false},           {"API server", step_apiserver, false},
        {"controllers and node", step_node, false}, {"mesh (weft install)", step_install, true},
        {"BookInfo", step_bookinfo, true},          {"all pods ready", step_ready, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        uint64_t began_ms = clock_monotonic_ms();
        int rc;

        if (bare && steps[i].mesh)
            continue;
        printf("%-24s ", steps[i].title);
        fflush(stdout);
        rc = steps[i].run(up, err);
        if (rc < 0) {
            printf("failed\n");
            return rc;
        }
        printf("%5.1f s\n", (double)(clock_monotonic_ms() - began_ms) / 1000);
    }
    return 0;
}

int sandbox_up(const char *name, bool bare)
{
    struct up up = {.gateway_port = 80};
    struct error err = {0};
    int rc = prerequisites_check(&err);

    if (rc < 0)
        return cli_fail(&err);
    sandbox_places_find(&up.places);
    if (!getenv("WEFT_IMAGES") && up.places.images[0] && file_exists(up.places.images))
        setenv("WEFT_IMAGES", up.places.images, 1);
    rc = instance_open(name, true, &up.in, &err);
    if (rc < 0)
        return cli_fail(&err);
    setenv("KUBECONFIG", up.in.kubeconfig_path, 1);
    rc = steps_run(&up, bare, &err);
    if (rc < 0) {
        rc = cli_fail(&err);
    } else if (bare) {
        printf("\n  export KUBECONFIG='%s'\n", up.in.kubeconfig_path);
    } else {
        farewell(&up);
    }
    cli_cluster_close(&up.cluster);
    return rc;
}
