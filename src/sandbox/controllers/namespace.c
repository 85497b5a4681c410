/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces: what every new one gets (the default account, the root certificate), and the
 * emptying of deleted ones.
 *
 * Emptying: everything is deleted kind by kind, then the Pods' end is waited for, then everything
 * once more (what was made meanwhile) until nothing waits for a finalizer, then the namespace is
 * finalized and the API server lets it go.
 */
#include "kube/object.h"
#include "sandbox/controllers/work.h"
#include "wire/json.h"

enum { NAMESPACE_POLL_MS = 500 };

enum namespace_phase { NAMESPACE_ALIVE, NAMESPACE_EMPTYING, NAMESPACE_SWEPT };

/* Namespaced kinds that Kubernetes has built in; one that the server lacks answers 404, which is
 * as good as empty. */
static const struct kube_resource builtin[] = {
    {"apps", "v1", "deployments", "Deployment", true},
    {"apps", "v1", "statefulsets", "StatefulSet", true},
    {"apps", "v1", "daemonsets", "DaemonSet", true},
    {"apps", "v1", "replicasets", "ReplicaSet", true},
    {"apps", "v1", "controllerrevisions", "ControllerRevision", true},
    {"batch", "v1", "cronjobs", "CronJob", true},
    {"batch", "v1", "jobs", "Job", true},
    {"autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true},
    {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true},
    {"networking.k8s.io", "v1", "ingresses", "Ingress", true},
    {"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true},
    {"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true},
    {"rbac.authorization.k8s.io", "v1", "roles", "Role", true},
    {"coordination.k8s.io", "v1", "leases", "Lease", true},
    {"", "v1", "services", "Service", true},
    {"", "v1", "pods", "Pod", true},
    {"", "v1", "endpoints", "Endpoints", true},
    {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true},
    {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true},
    {"", "v1", "limitranges", "LimitRange", true},
    {"", "v1", "resourcequotas", "ResourceQuota", true},
    {"", "v1", "configmaps", "ConfigMap", true},
    {"", "v1", "secrets", "Secret", true},
    {"", "v1", "serviceaccounts", "ServiceAccount", true},
    {"", "v1", "events", "Event", true},
};

static const char *served_version(const json_t *crd)
{
    json_t *version;
    size_t i;

    json_array_foreach(json_path_get(crd, "spec.versions"), i,
                       version) if (json_get_bool(version, "served",
                                                  false)) return json_get_string(version, "name");
    return NULL;
}

static void sweep(struct work *work)
{
    size_t cursor = 0;
    json_t *crd;

    for (size_t i = 0; i < ARRAY_LEN(builtin); i++) {
        /* Services of the core group have no collection delete in older servers: one by one. */
        if (strcmp(builtin[i].plural, "services") == 0) {
            size_t service_cursor = 0;
            json_t *service;

            while ((service = work_next(work, KUBE_RESOURCE_SERVICE, work->name, &service_cursor)))
                work_call_any(work, KUBE_DELETE, &builtin[i], work->name, kube_name(service), NULL,
                              NULL);
        } else {
            work_call_any(work, KUBE_DELETE, &builtin[i], work->name, NULL, NULL, NULL);
        }
    }
    while ((crd = work_next(work, KUBE_RESOURCE_CRD, NULL, &cursor))) {
        struct kube_resource resource = {json_path_string(crd, "spec.group"), served_version(crd),
                                         json_path_string(crd, "spec.names.plural"),
                                         json_path_string(crd, "spec.names.kind"), true};

        if (resource.group && resource.version && resource.plural && resource.kind &&
            json_path_is(crd, "spec.scope", "Namespaced"))
            work_call_any(work, KUBE_DELETE, &resource, work->name, NULL, NULL, NULL);
    }
}

static bool is_empty(struct work *work)
{
    static const enum kube_resource_id shown[] = {KUBE_RESOURCE_POD, KUBE_RESOURCE_SERVICE,
                                                  KUBE_RESOURCE_DEPLOYMENT,
                                                  KUBE_RESOURCE_REPLICA_SET};

    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        size_t cursor = 0;

        if (work_next(work, shown[i], work->name, &cursor))
            return false;
    }
    return true;
}

static void empty(struct work *work, const json_t *ns)
{
    json_t *body;

    if (work->phase == NAMESPACE_ALIVE) {
        work->phase = NAMESPACE_EMPTYING;
        sweep(work);
        work_again(work, 0);
    } else if (!is_empty(work) || work->left_behind) {
        work->left_behind = false;
        work->phase = NAMESPACE_EMPTYING;
        work_again(work, NAMESPACE_POLL_MS);
    } else if (work->phase == NAMESPACE_EMPTYING) {
        work->phase = NAMESPACE_SWEPT;
        sweep(work);
        work_again(work, 0);
    } else {
        body = json_deep_copy(ns);
        json_path_set(body, "spec.finalizers", json_array());
        work_call(work, KUBE_UPDATE, KUBE_RESOURCE_NAMESPACE, NULL, work->name, "finalize", body);
        work->phase = NAMESPACE_EMPTYING;
    }
}

static void furnish(struct work *work)
{
    const char *root_ca = work->controllers->root_ca;

    if (!work_get(work, KUBE_RESOURCE_SERVICE_ACCOUNT, work->name, "default"))
        work_call(work, KUBE_CREATE, KUBE_RESOURCE_SERVICE_ACCOUNT, work->name, NULL, NULL,
                  json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "v1", "kind", "ServiceAccount",
                            "metadata", "name", "default"));
    if (root_ca && !work_get(work, KUBE_RESOURCE_CONFIG_MAP, work->name, "kube-root-ca.crt"))
        work_call(work, KUBE_CREATE, KUBE_RESOURCE_CONFIG_MAP, work->name, NULL, NULL,
                  json_pack("{s:s,s:s,s:{s:s},s:{s:s}}", "apiVersion", "v1", "kind", "ConfigMap",
                            "metadata", "name", "kube-root-ca.crt", "data", "ca.crt", root_ca));
}

static void namespace_sync(struct work *work, json_t *ns)
{
    if (!ns)
        return;
    if (kube_is_deleting(ns))
        empty(work, ns);
    else
        furnish(work);
}

const struct work_kind work_namespace = {"namespace-controller", KUBE_RESOURCE_NAMESPACE,
                                         namespace_sync};
