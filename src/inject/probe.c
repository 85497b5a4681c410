/* SPDX-License-Identifier: Apache-2.0 */
/* Probe rewriting: the node's probes reach the application through the sidecar's agent port, so
 * that they pass also where the mesh demands mutual TLS.
 *
 *   readinessProbe httpGet :8080/ready   ->   httpGet :15020/app-health/<container>/readyz
 *                                             ISTIO_KUBE_APP_PROBERS: {"/app-health/...": original}
 *
 * Place   inject_pod, when rewriting is on
 * Spec    Istio: pkg/kube/inject/app_probe.go; exec probes are left alone
 */
#include "base/mem.h"
#include "inject/inject_int.h"

enum { AGENT_PORT = 15020 };

static const struct {
    const char *member;
    const char *path;
} probe_kinds[] = {
    {"readinessProbe", "readyz"},
    {"livenessProbe", "livez"},
    {"startupProbe", "startupz"},
};

/* Puts the number of a named port in the place of its name. */
static void port_resolve(json_t *action, const json_t *container)
{
    const char *name = json_get_string(action, "port");
    const json_t *ports = json_object_get(container, "ports");
    size_t i;
    json_t *port;

    if (!name)
        return;
    json_array_foreach(ports, i, port)
    {
        const char *other = json_get_string(port, "name");

        if (other && strcmp(other, name) == 0) {
            json_object_set_new(action, "port",
                                json_integer(json_get_int(port, "containerPort", 0)));
            return;
        }
    }
}

/* {"httpGet"|"tcpSocket"|"grpc": action, "timeoutSeconds"}, or NULL when not to be rewritten. */
static json_t *prober_of(const json_t *probe, const json_t *container)
{
    static const char *const actions[] = {"httpGet", "tcpSocket", "grpc"};

    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        const json_t *action = json_object_get(probe, actions[i]);

        if (!action)
            continue;
        json_t *copy = json_deep_copy(action);

        port_resolve(copy, container);
        if (json_get_int(copy, "port", 0) == AGENT_PORT) {
            json_decref(copy);
            return NULL;
        }
        json_t *prober = json_pack("{s:o}", actions[i], copy);
        int64_t timeout_s = json_get_int(probe, "timeoutSeconds", 0);

        if (timeout_s > 0)
            json_object_set_new(prober, "timeoutSeconds", json_integer(timeout_s));
        return prober;
    }
    return NULL;
}

static void probe_rewrite(json_t *container, const char *member, const char *suffix,
                          json_t *probers)
{
    json_t *probe = json_object_get(container, member);
    json_t *prober = probe ? prober_of(probe, container) : NULL;
    char *path;

    if (!prober)
        return;
    path = mem_printf("/app-health/%s/%s", json_path_string_or(container, "name", ""), suffix);
    json_object_set_new(probers, path, prober);
    json_object_del(probe, "tcpSocket");
    json_object_del(probe, "grpc");
    json_object_set_new(
        probe, "httpGet",
        json_pack("{s:s, s:i, s:s}", "path", path, "port", AGENT_PORT, "scheme", "HTTP"));
    mem_free(path);
}

json_t *inject_probes_rewrite(json_t *pod)
{
    json_t *probers = json_object();
    json_t *containers = json_path_get(pod, "spec.containers");
    size_t i;
    json_t *container;

    json_array_foreach(containers, i, container)
    {
        const char *name = json_get_string(container, "name");

        if (name && strcmp(name, "istio-proxy") == 0)
            continue;
        for (size_t kind = 0; kind < ARRAY_LEN(probe_kinds); kind++)
            probe_rewrite(container, probe_kinds[kind].member, probe_kinds[kind].path, probers);
    }
    return probers;
}
