/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of snapshot and builder, for this folder only.
 *
 *   struct mesh -- services part   mesh_service, by age and by host name
 *               -- endpoints part  one endpoint set a service, in order of host name
 *               -- workloads part  by address
 *               -- rules part      virtual services, destinations, gateways
 *               -- problems part
 *
 * A part is immutable and counted; a snapshot shares the parts of the one before that did not
 * change. A node is one watched object, decoded, or one endpoint set.
 */
#ifndef WEFT_MODEL_MESH_INT_H
#define WEFT_MODEL_MESH_INT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "model/mesh.h"

enum { MESH_HOST_SIZE = 320 };

/* One watched object as it was read; texts and structs lie in its arena. */
struct mesh_node {
    atomic_uint refs;
    struct arena arena;
    enum mesh_kind kind;
    struct mesh_meta meta;
    uint64_t fingerprint; /* of all that matters of the object */
    struct mesh_labels labels;
    union {
        struct mesh_service service;
        struct mesh_workload workload;               /* MESH_POD, MESH_WORKLOAD_ENTRY */
        struct mesh_virtual_service virtual_service; /* before delegation */
        struct mesh_gateway gateway;
        struct mesh_sidecar sidecar;
        struct {
            const struct api_ingress_spec *spec;
            const char *class_annotation; /* NULL: none */
        } ingress;
        struct {
            bool is_ours; /* of Istio's controller */
        } ingress_class;
        struct {
            const struct api_service_entry_spec *spec;
            const struct mesh_service *services; /* one a host */
            size_t count;
        } entry;
        struct {
            const struct api_endpoint_slice *slice;
            const char *service_name; /* "" when it belongs to none */
        };
        struct {
            const char *region, *zone, *subzone;
        } place; /* MESH_NODE */
        struct {
            const struct api_destination_rule_spec *spec;
            const char *host;            /* full */
            struct mesh_labels selector; /* of client workloads; none: all */
            const char *const *export_to;
            size_t export_to_count;
        } rule;
    };
};

/* The endpoints of one service; refs to the nodes that its items point into. */
struct mesh_endpoint_node {
    atomic_uint refs;
    struct arena arena;
    struct mesh_endpoint_set set;
    struct mesh_node **nodes;
    size_t node_count;
};

/* The head of every part: what it keeps alive. */
struct mesh_part {
    atomic_uint refs;
    struct arena arena;
    struct mesh_node **nodes; /* in the arena */
    size_t node_count;
    struct mesh_endpoint_node **sets; /* of the endpoints part; else none */
    size_t set_count;
};

struct mesh_services_part {
    struct mesh_part part;
    const struct mesh_service **by_age;
    const struct mesh_service **by_host; /* then by namespace: several may have a host */
    size_t count;
};

struct mesh_address {
    const char *address;
    const struct mesh_workload *workload;
};

struct mesh_workloads_part {
    struct mesh_part part;
    struct mesh_address *items; /* sorted by address */
    size_t count;
};

struct mesh_rules_part {
    struct mesh_part part;
    const struct mesh_virtual_service **virtual_services; /* by age */
    size_t virtual_service_count;
    struct mesh_destination *destinations; /* by namespace, host, age */
    size_t destination_count;
    const struct mesh_gateway **gateways; /* by age */
    size_t gateway_count;
    const struct mesh_sidecar **sidecars; /* by age */
    size_t sidecar_count;
    const char **client_labels; /* keys that rules choose clients by, sorted */
    size_t client_label_count;
    const struct mesh_meta **ingresses; /* that are carried out, by age */
    size_t ingress_count;
};

struct mesh_config_part {
    struct mesh_part part;
    struct mesh_config config;
};

typedef VEC(struct mesh_problem) mesh_problem_vec;

struct mesh_problems_part {
    struct mesh_part part;
    mesh_problem_vec list; /* texts in the arena; moved into it when complete */
};

struct mesh {
    atomic_uint refs;
    uint64_t version;
    char *domain;
    char *root_namespace;
    char *cluster_id;
    struct mesh_services_part *services;
    struct mesh_part *endpoints; /* sets in order of services->by_host */
    struct mesh_workloads_part *workloads;
    struct mesh_rules_part *rules;
    struct mesh_problems_part *problems;
    struct mesh_config_part *config;
};

/* node.c */
struct mesh_node *mesh_node_ref(struct mesh_node *node);
void mesh_node_unref(struct mesh_node *node);
/* Decodes an object. *ret is a new reference. */
MUST_USE int mesh_node_read(enum mesh_kind kind, const json_t *object, const char *domain,
                            struct mesh_node **ret, struct error *err);
/* By age: creation time, name, namespace. */
int mesh_meta_cmp(const struct mesh_meta *a, const struct mesh_meta *b);
/* A sorted copy in the arena. */
struct mesh_labels mesh_labels_read(struct arena *arena, const struct api_string_entry *entries,
                                    size_t count);
/* Never NULL: the text, or "". */
const char *mesh_text(const char *text);

/* config.c: a new part with what the tree says, defaults for the rest; NULL with err set. */
struct mesh_config_part *mesh_config_read(const json_t *config, struct error *err);
bool mesh_config_equal(const struct mesh_config *a, const struct mesh_config *b);

/* service.c */
void mesh_service_read(struct mesh_node *node, const struct api_service *object,
                       const char *domain);

/* workload.c */
void mesh_workload_read(struct mesh_node *node, const struct api_pod *object);
/* Region, zone and subzone of a Node. */
void mesh_place_read(struct mesh_node *node);
/* What the set of a service is made of: its slices, how pods and nodes are found, and what a
 * selector chooses from ("namespace/name" -> struct mesh_node). */
struct mesh_endpoint_source {
    const struct mesh_service *service;
    struct mesh_node *owner; /* of the service: the set keeps it */
    const struct map *workload_entries, *pods;
    struct mesh_node *const *slices;
    size_t slice_count;
    struct mesh_node *(*find)(enum mesh_kind kind, const char *namespace, const char *name,
                              void *ctx);
    void *ctx;
};
struct mesh_endpoint_node *mesh_endpoint_node_new(const struct mesh_endpoint_source *source);
struct mesh_endpoint_node *mesh_endpoint_node_ref(struct mesh_endpoint_node *node);
void mesh_endpoint_node_unref(struct mesh_endpoint_node *node);

/* entry.c */
void mesh_service_entry_read(struct mesh_node *node, const struct api_service_entry *object);
void mesh_workload_entry_read(struct mesh_node *node, const struct api_workload_entry *object);

/* sidecar.c */
void mesh_sidecar_read(struct mesh_node *node, const struct api_sidecar *object);

/* ingress.c */
void mesh_ingress_read(struct mesh_node *node, const struct api_ingress *object);
void mesh_ingress_class_read(struct mesh_node *node, const struct api_ingress_class *object);
/* What Ingresses are read with. */
struct mesh_ingress_source {
    const struct mesh_config *config;
    const char *root_namespace, *domain;
    struct mesh_node *(*find)(enum mesh_kind kind, const char *namespace, const char *name,
                              void *ctx);
    void *ctx;
};
/* Adds gateways (there is room for `count`) and virtual services of the Ingresses that count to the
 * part. */
void mesh_ingresses_make(struct mesh_rules_part *rules, struct mesh_node *const *nodes,
                         size_t count, const struct mesh_ingress_source *source);

/* client.c: fills client_labels out of the part's virtual services and destinations */
void mesh_client_labels_find(struct mesh_rules_part *rules);

/* virtual.c */
void mesh_virtual_service_read(struct mesh_node *node, const struct api_virtual_service *object,
                               const char *domain);
/* The delegate of a root's route, if it exists and is exported to the root's namespace. Nodes of
 * other kinds among the sources are passed over. */
const struct mesh_virtual_service *
mesh_virtual_service_delegate(const struct mesh_node *root, const struct api_delegate *delegate,
                              struct mesh_node *const *sources, size_t source_count);
/* A root's http routes with its delegates' in place; NULL when `root` is itself a delegate.
 * `sources` are all virtual services by age. New memory lies in `arena`. */
const struct mesh_virtual_service *mesh_virtual_service_merge(const struct mesh_node *root,
                                                              struct mesh_node *const *sources,
                                                              size_t source_count,
                                                              struct arena *arena);

/* destination.c */
void mesh_destination_read(struct mesh_node *node, const struct api_destination_rule *object,
                           const char *domain);
/* Merges all rules (nodes by age) into part->destinations. */
void mesh_destinations_merge(struct mesh_rules_part *part, struct mesh_node *const *rules,
                             size_t rule_count);

/* problem.c */
/* Whether the list of export_to covers `namespace`, seen from an object of own_namespace. */
bool mesh_export_covers(const char *const *items, size_t count, const char *own_namespace,
                        const char *namespace);
void mesh_problem_add(struct mesh_problems_part *part, enum mesh_kind kind,
                      const struct mesh_meta *meta, const char *code, const char *field,
                      const char *fmt, ...) PRINTF_LIKE(6, 7);
/* All that does not resolve in `mesh` (its other parts are set). */
void mesh_problems_find(struct mesh_problems_part *part, const struct mesh *mesh);

/* unsupported.c: adds what is valid but not carried out yet. */
void mesh_unsupported_find(struct mesh_problems_part *part, const struct mesh *mesh);

#endif
