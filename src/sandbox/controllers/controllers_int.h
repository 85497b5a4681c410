/* SPDX-License-Identifier: Apache-2.0 */
/* What the controllers of the sandbox share beside their frame, kube/work.h.
 *
 * Place   only for this folder
 */
#ifndef WEFT_SANDBOX_CONTROLLERS_INT_H
#define WEFT_SANDBOX_CONTROLLERS_INT_H

#include "base/map.h"
#include "kube/work.h"
#include "sandbox/controllers/controllers.h"

/* The resources that are watched, in this order; X(KUBE_RESOURCE_...). */
#define CONTROLLERS_WATCHED_MAP(X)                                                                 \
    X(NAMESPACE)                                                                                   \
    X(NODE)                                                                                        \
    X(SERVICE_ACCOUNT)                                                                             \
    X(CONFIG_MAP)                                                                                  \
    X(SERVICE)                                                                                     \
    X(ENDPOINTS) X(ENDPOINT_SLICE) X(DEPLOYMENT) X(REPLICA_SET) X(POD) X(CRD) X(HPA) X(PDB)

/* The ctx of the queue. */
struct sandbox_controllers {
    struct kube_client *client;
    struct work_queue *queue;
    char *node_name; /* NULL: the first Node */
    char *lb_cidr;
    char *root_ca;
    struct map lb_owners; /* address -> "ns/name" of the Service that has it */
    struct map
        deleted_uids; /* of objects that were seen going: an owner among them is surely gone */
};

static inline struct sandbox_controllers *controllers_of(const struct work *work)
{
    return work_queue_ctx(work->queue);
}

extern const struct work_kind controller_deployment;
extern const struct work_kind controller_replicaset;
extern const struct work_kind controller_endpoints;
extern const struct work_kind controller_balancer;
extern const struct work_kind controller_namespace;
extern const struct work_kind controller_schedule;
extern const struct work_kind controller_autoscale;
extern const struct work_kind controller_disruption;

/* Garbage collection (gc.c): makes the items dirty that a change may concern: the object, and its
 * dependents when it goes. */
void gc_mark(struct sandbox_controllers *controllers, enum kube_resource_id resource,
             enum kube_change change, const json_t *object);

#endif
