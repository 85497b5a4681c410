/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers' start and end, and which change touches which item beside its own. See
 * controllers.h. */
#include "sandbox/controllers/controllers.h"

#include "base/log.h"
#include "base/mem.h"
#include "kube/objects/object.h"
#include "kube/objects/selector.h"
#include "sandbox/controllers/controllers_int.h"
#include "wire/json.h"

/* --- which change touches which item --- */

static void mark_services_of(struct work_queue *queue, const json_t *pod)
{
    json_t *labels = json_path_get(pod, "metadata.labels");
    size_t cursor = 0;
    json_t *service;

    while ((service = work_next(queue, KUBE_RESOURCE_SERVICE, kube_namespace(pod), &cursor))) {
        json_t *selector = json_path_get(service, "spec.selector");

        if (json_object_size(selector) && kube_selector_match_map(selector, labels))
            work_mark(queue, &controller_endpoints, kube_namespace(service), kube_name(service));
    }
}

static void mark_pod(struct work_queue *queue, const json_t *pod, const json_t *old)
{
    if (kube_is_deleting(pod))
        work_mark(queue, &controller_namespace, NULL, kube_namespace(pod));
    mark_services_of(queue, pod);
    work_mark_all(queue, &controller_disruption, kube_namespace(pod));
    if (old &&
        !json_equal(json_path_get(pod, "metadata.labels"), json_path_get(old, "metadata.labels")))
        mark_services_of(queue, old);
}

static void mark_service_of(struct work_queue *queue, const json_t *slice)
{
    const char *service = kube_label(slice, "kubernetes.io/service-name");

    work_mark(queue, &controller_endpoints, kube_namespace(slice),
              service ? service : kube_name(slice));
}

static void on_change(enum kube_change change, enum kube_resource_id resource, json_t *object,
                      json_t *old, void *ctx)
{
    struct sandbox_controllers *controllers = ctx;
    struct work_queue *queue = controllers->queue;

    switch (resource) {
    case KUBE_RESOURCE_POD:
        mark_pod(queue, object, old);
        break;
    case KUBE_RESOURCE_ENDPOINT_SLICE:
    case KUBE_RESOURCE_ENDPOINTS:
        mark_service_of(queue, object);
        break;
    case KUBE_RESOURCE_NODE:
        work_mark_all(queue, &controller_schedule, NULL);
        break;
    case KUBE_RESOURCE_SERVICE_ACCOUNT:
    case KUBE_RESOURCE_CONFIG_MAP: /* the account and the root certificate of the namespace */
        work_mark(queue, &controller_namespace, NULL, kube_namespace(object));
        break;
    default:
        break;
    }
    gc_mark(controllers, resource, change, object);
}

/* --- life --- */

static int queue_open(struct sandbox_controllers *controllers)
{
    static const struct work_kind *const kinds[] = {
        &controller_namespace,  &controller_schedule,   &controller_endpoints,
        &controller_balancer,   &controller_deployment, &controller_replicaset,
        &controller_disruption, &controller_autoscale,
    };
    static const enum kube_resource_id resources[] = {
#define WATCHED(name) KUBE_RESOURCE_##name,
        CONTROLLERS_WATCHED_MAP(WATCHED)
#undef WATCHED
    };
    const struct work_options options = {.kinds = kinds,
                                         .kind_count = ARRAY_LEN(kinds),
                                         .resources = resources,
                                         .resource_count = ARRAY_LEN(resources),
                                         .on_change = on_change,
                                         .ctx = controllers};

    return work_queue_new(controllers->client, &options, &controllers->queue);
}

int sandbox_controllers_start(struct loop *loop, const struct sandbox_controllers_options *options,
                              struct sandbox_controllers **ret, struct error *err)
{
    SCOPED(kube_config_deinit) struct kube_config config = {0};
    struct sandbox_controllers *controllers;
    int rc = kube_config_load(options->kubeconfig, NULL, &config, err);

    if (rc < 0)
        return rc;
    controllers = MEM_NEW(struct sandbox_controllers);
    map_init(&controllers->lb_owners, 0);
    map_init(&controllers->deleted_uids, 0);
    controllers->node_name = mem_strdup(options->node_name);
    controllers->lb_cidr = mem_strdup(options->lb_cidr);
    controllers->root_ca = mem_strdup(options->root_ca ? options->root_ca : config.ca_pem);
    rc = kube_client_new(loop, &config, "kube-controller-manager", &controllers->client, err);
    if (rc == 0) {
        rc = queue_open(controllers);
        if (rc < 0)
            err_set(err, rc, "cannot watch the API server: %s", err_text(rc));
    }
    if (rc < 0) {
        sandbox_controllers_free(controllers);
        return rc;
    }
    *ret = controllers;
    return 0;
}

void sandbox_controllers_free(struct sandbox_controllers *controllers)
{
    if (!controllers)
        return;
    work_queue_free(controllers->queue);
    kube_client_free(controllers->client);
    MAP_EACH (entry, &controllers->lb_owners)
        mem_free(entry->value);
    map_deinit(&controllers->lb_owners);
    map_deinit(&controllers->deleted_uids);
    mem_free(controllers->node_name);
    mem_free(controllers->lb_cidr);
    mem_free(controllers->root_ca);
    mem_free(controllers);
}

int sandbox_controllers_run(const struct sandbox_controllers_options *options, struct error *err)
{
    struct sandbox_controllers *controllers = NULL;
    struct loop *loop = NULL;
    int rc = loop_new(&loop);

    if (rc < 0)
        return err_set(err, rc, "cannot make a loop: %s", err_text(rc));
    rc = loop_signals_stop(loop);
    if (rc == 0)
        rc = sandbox_controllers_start(loop, options, &controllers, err);
    if (rc == 0) {
        log_info(controller, "controllers run");
        loop_run(loop);
    }
    sandbox_controllers_free(controllers);
    loop_free(loop);
    return rc;
}
