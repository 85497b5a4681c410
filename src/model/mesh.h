/* SPDX-License-Identifier: Apache-2.0 */
/* The mesh as pure data: an immutable snapshot, and the builder that makes one after the other.
 *
 *   watched objects --> mesh_builder_put/remove --> builder (one thread; knows what is dirty)
 *                                                     | mesh_builder_snapshot
 *                                                     v
 *                       struct mesh v41   struct mesh v42   ...   (immutable, ref-counted)
 *                            \--- share unchanged services, endpoint sets, rules ---/
 *
 * Place   control feeds it and pushes what translate makes of it; analyze and the CLI read it
 * Owns    a snapshot holds references to its nodes; a node owns its decoded object and texts
 * Threads a builder belongs to one thread; snapshots may be read by any (refs are atomic)
 * Limits  MESH_OBJECTS_MAX objects in a builder; MESH_PROBLEMS_MAX problems in a snapshot
 * Spec    Istio's rules of host names, precedence, visibility and merging; docs/differences.md
 */
#ifndef WEFT_MODEL_MESH_H
#define WEFT_MODEL_MESH_H

#include <jansson.h>

#include "api/kinds.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

enum { MESH_OBJECTS_MAX = 500000, MESH_PROBLEMS_MAX = 1000 };

/* The kinds that a builder takes. */
enum mesh_kind {
    MESH_SERVICE,
    MESH_ENDPOINT_SLICE,
    MESH_POD,
    MESH_NODE,
    MESH_NAMESPACE,
    MESH_VIRTUAL_SERVICE,
    MESH_DESTINATION_RULE,
    MESH_GATEWAY,
    MESH_SERVICE_ENTRY,
    MESH_WORKLOAD_ENTRY,
    MESH_SIDECAR,
    MESH_INGRESS,
    MESH_INGRESS_CLASS,
    MESH_KIND_COUNT,
};

enum mesh_protocol {
    MESH_PROTOCOL_AUTO, /* sniffed */
    MESH_PROTOCOL_HTTP,
    MESH_PROTOCOL_HTTP2,
    MESH_PROTOCOL_GRPC,
    MESH_PROTOCOL_GRPC_WEB,
    MESH_PROTOCOL_HTTP_PROXY,
    MESH_PROTOCOL_TCP,
    MESH_PROTOCOL_TLS,
    MESH_PROTOCOL_HTTPS,
    MESH_PROTOCOL_MONGO, /* this and the next two are carried as TCP */
    MESH_PROTOCOL_REDIS,
    MESH_PROTOCOL_MYSQL,
    MESH_PROTOCOL_UDP, /* outside of the mesh */
};

enum mesh_resolution {
    MESH_RESOLUTION_EDS,             /* a Service with a cluster address; listed addresses */
    MESH_RESOLUTION_PASSTHROUGH,     /* headless, NONE: the client's choice of address is kept */
    MESH_RESOLUTION_ALIAS,           /* ExternalName: another name for a service */
    MESH_RESOLUTION_DNS,             /* each address of the endpoints' names */
    MESH_RESOLUTION_DNS_ROUND_ROBIN, /* the first address of one name */
};

/* ---- nodes of a snapshot; all are immutable, all texts terminated and never NULL unless said ----
 */

struct mesh_label {
    const char *key;
    const char *value;
};

struct mesh_labels {
    const struct mesh_label *items; /* sorted by key */
    size_t count;
};

/* Who an object is and when it came: the universal tie-breaker (oldest, then name, then ns). */
struct mesh_meta {
    const char *namespace;
    const char *name;
    const char *resource_version; /* "" when unknown */
    int64_t generation;
    int64_t created_ms; /* 1970 UTC */
};

struct mesh_port {
    const char *name; /* "" when unnamed */
    uint32_t number;
    uint32_t target_number;  /* 0: by name */
    const char *target_name; /* "" unless by name */
    enum mesh_protocol protocol;
};

/* A Kubernetes Service, or one host of a ServiceEntry. */
struct mesh_service {
    struct mesh_meta meta;
    const struct api_service_entry_spec *entry; /* NULL: a Kubernetes Service */
    const char *hostname;                       /* reviews.bookinfo.svc.cluster.local */
    enum mesh_resolution resolution;
    bool is_external;             /* outside of the mesh */
    const char *const *addresses; /* cluster IPs, none when headless; a ServiceEntry's also CIDRs */
    size_t address_count;
    const char *external_name; /* MESH_RESOLUTION_ALIAS: the target; else "" */
    const struct mesh_port *ports;
    size_t port_count;
    struct mesh_labels selector;
    struct mesh_labels labels;
    const char *const *export_to; /* as annotated; none: everybody */
    size_t export_to_count;
    bool node_local; /* internalTrafficPolicy Local */
    bool publishes_not_ready;
};

/* A pod or a WorkloadEntry, as far as the mesh cares. */
struct mesh_workload {
    struct mesh_meta meta;
    const char *const *addresses; /* pod IPs, first is the primary */
    size_t address_count;
    struct mesh_labels labels;
    const char *service_account;
    const char *node;               /* "" before scheduling */
    const char *workload;           /* of its controller: "reviews-v1" */
    const char *canonical_name;     /* service.istio.io/canonical-name, app.kubernetes.io/name, app,
                                       or the workload */
    const char *canonical_revision; /* ..., version, or "latest" */
    const char *region, *zone, *subzone; /* of its node, "" when unknown */
    bool mtls_capable;                   /* label security.istio.io/tlsMode: istio */
    uint32_t weight;                     /* of a WorkloadEntry; 0: 1 */
    const struct mesh_port *ports;       /* named container ports: name and number */
    size_t port_count;
};

struct mesh_endpoint_port {
    const char *name; /* of the service's port, "" when unnamed */
    uint32_t number;
};

struct mesh_endpoint {
    const char *address;  /* a name, when the service's resolution is DNS */
    const char *hostname; /* "" or the pod's, for headless services */
    const char *node;
    const char *region, *zone, *subzone;
    bool ready, serving, terminating;
    struct mesh_labels labels;            /* that subsets choose by */
    uint32_t weight;                      /* 0: 1 */
    const struct mesh_workload *workload; /* NULL when the address is no known pod */
    const struct mesh_endpoint_port *ports;
    size_t port_count;
};

/* The endpoints of one service, sorted by address. */
struct mesh_endpoint_set {
    const struct mesh_endpoint *items;
    size_t count;
};

/* A virtual service after delegation; names are full. */
struct mesh_virtual_service {
    struct mesh_meta meta;
    const char *const *hosts; /* lower case, short names made full */
    size_t host_count;
    const char *const *gateways; /* "mesh" or "ns/name"; at least one */
    size_t gateway_count;
    const struct api_http_route *const *http; /* delegates' routes are in place, merged */
    const char *const *http_namespaces;       /* where short names in http[i] resolve */
    size_t http_count;
    const struct api_virtual_service_spec *spec; /* tls and tcp routes, export_to */
    bool is_ingress;                             /* made of Ingresses: a prefix ends at a '/' */
};

struct mesh_subset {
    const char *name;
    const struct api_subset *spec;
    struct mesh_labels labels;
};

/* All destination rules of one host that count for a client, merged. */
struct mesh_destination {
    struct mesh_meta meta;                           /* of the oldest rule */
    const char *host;                                /* full, may start with "*." */
    struct mesh_labels selector;                     /* of client workloads; none: all */
    const struct api_traffic_policy *traffic_policy; /* NULL: none */
    const struct mesh_subset *subsets;
    size_t subset_count;
    const char *const *export_to;
    size_t export_to_count;
};

struct mesh_gateway {
    struct mesh_meta meta;
    struct mesh_labels selector; /* none: every gateway proxy */
    const struct api_gateway_spec *spec;
};

/* "namespace/host" of an egress listener; the namespace may be "*" or ".", "~" is none. */
struct mesh_egress_host {
    const char *namespace;
    const char *host;
    bool excludes; /* "~namespace/host": left out, whatever else takes it in */
};

struct mesh_egress {
    uint32_t port; /* 0: all that no other listener has */
    const struct mesh_egress_host *hosts;
    size_t host_count;
    const struct api_sidecar_egress *spec;
};

struct mesh_sidecar {
    struct mesh_meta meta;
    struct mesh_labels selector; /* none: all workloads of the namespace */
    const struct mesh_egress *egress;
    size_t egress_count;
    const struct api_sidecar_spec *spec;
};

/* Something a person should mend. */
struct mesh_problem {
    enum mesh_kind kind;
    const char *namespace;
    const char *name;
    int64_t generation;
    const char *code;   /* the analyzer's, "IST0101", or "" */
    const char *field;  /* "spec.http[0].route[1].destination.subset" */
    const char *reason; /* `subset "v9" is not defined for host "reviews..."; requests of this route
                           are answered 503` */
};

enum mesh_ingress_mode {
    MESH_INGRESS_STRICT,  /* Ingresses of the class */
    MESH_INGRESS_DEFAULT, /* and those without one */
    MESH_INGRESS_OFF,
};

/* What is set for the whole mesh (Istio's meshConfig). */
struct mesh_config {
    enum mesh_ingress_mode ingress_mode;
    const char *ingress_class;          /* "istio" */
    const char *ingress_selector;       /* of gateway pods: the value of their label "istio" */
    const char *ingress_service;        /* whose address an Ingress gets: "istio-ingressgateway" */
    const char *access_log_path;        /* "": no access log */
    const char *access_log_format;      /* "": Istio's default line */
    bool access_log_json;               /* Istio\'s default fields as a JSON object a line */
    bool registry_only;                 /* outbound traffic to unknown hosts is refused */
    int64_t connect_timeout_ns;         /* to endpoints */
    const struct api_http_retry *retry; /* of routes that say nothing; NULL: Istio's default */
};

struct mesh;

/* ---- builder ---- */

struct mesh_options {
    const char *domain;         /* NULL: "cluster.local" */
    const char *root_namespace; /* NULL: "istio-system" */
    const char *cluster_id;     /* NULL: "Kubernetes" */
};

struct mesh_builder;

/* Copies the options; NULL gives the defaults. */
struct mesh_builder *mesh_builder_new(const struct mesh_options *options);
/* NULL is fine. Snapshots live on. */
void mesh_builder_free(struct mesh_builder *builder);

/* The kind of an object by its apiVersion and kind ("networking.istio.io/v1beta1",
 * "VirtualService"); -1 when the mesh takes none such. */
int mesh_kind_find(const char *api_version, const char *kind);
/* "VirtualService" ... */
const char *mesh_kind_name(enum mesh_kind kind);

/* Told of a field that is valid but not carried out: its path, and "not supported: ...". */
typedef void mesh_on_unsupported(const char *field, const char *reason, void *ctx);
/* What of an object weft does not carry out yet, without taking it in. ERR_INVALID as with
 * mesh_builder_put. */
int mesh_unsupported(enum mesh_kind kind, const json_t *object, mesh_on_unsupported *on_field,
                     void *ctx, struct error *err);

/* Takes in an object, new or changed (borrows the tree). 1 when it changes the mesh, 0 when it is
 * as before in all that matters (a pod's status, say). ERR_INVALID when it cannot be decoded or
 * breaks a rule of its kind (api_validate): error names the field, the object's former version
 * stays in force, and the next snapshot has a problem for it. ERR_LIMIT past MESH_OBJECTS_MAX. */
int mesh_builder_put(struct mesh_builder *builder, enum mesh_kind kind, const json_t *object,
                     struct error *err);
/* Forgets an object. 1 when it was there, else 0. namespace is "" for nodes and namespaces. */
int mesh_builder_remove(struct mesh_builder *builder, enum mesh_kind kind, const char *namespace,
                        const char *name);
/* Names of all objects of a kind, for a source that lists again and must drop what is gone:
 * calls on_object for each; removing the visited one inside is allowed. */
void mesh_builder_each(struct mesh_builder *builder, enum mesh_kind kind,
                       void (*on_object)(const char *namespace, const char *name, void *ctx),
                       void *ctx);
/* Takes in Istio's meshConfig (the parsed key `mesh` of ConfigMap istio; borrows it). 1 when it
 * changes the mesh, 0 when not. A value that cannot be used leaves the former settings in force and
 * is ERR_INVALID or ERR_UNSUPPORTED with its name. */
int mesh_builder_config(struct mesh_builder *builder, const json_t *config, struct error *err);
/* The mesh as it is now; the same snapshot again when nothing changed. A new reference. */
struct mesh *mesh_builder_snapshot(struct mesh_builder *builder);

/* ---- snapshot ---- */

struct mesh *mesh_ref(struct mesh *mesh);
/* NULL is fine. */
void mesh_unref(struct mesh *mesh);
/* Counts up with each snapshot of a builder; 1 is the first. */
uint64_t mesh_version(const struct mesh *mesh);
const char *mesh_domain(const struct mesh *mesh);
const char *mesh_root_namespace(const struct mesh *mesh);
const char *mesh_cluster_id(const struct mesh *mesh);
const struct mesh_config *mesh_config_get(const struct mesh *mesh);

/* Oldest first. */
const struct mesh_service *const *mesh_services(const struct mesh *mesh, size_t *ret_count);
/* By full host name; NULL when unknown. When several namespaces have it, that of the first. */
const struct mesh_service *mesh_service_find(const struct mesh *mesh, const char *hostname);
/* That which proxies of `namespace` take for the host: their own namespace's, else the first that
 * they may see; NULL when there is none. */
const struct mesh_service *mesh_service_find_for(const struct mesh *mesh, const char *hostname,
                                                 const char *namespace);
/* The port of that number, or NULL. */
const struct mesh_port *mesh_service_port(const struct mesh_service *service, uint32_t number);
/* Whether proxies of `namespace` may see it (exportTo). */
bool mesh_service_visible(const struct mesh_service *service, const char *namespace);
/* Never NULL. */
const struct mesh_endpoint_set *mesh_endpoints(const struct mesh *mesh,
                                               const struct mesh_service *service);
/* The pod of that address, or NULL. */
const struct mesh_workload *mesh_workload_find(const struct mesh *mesh, const char *address);

/* Oldest first. */
const struct mesh_virtual_service *const *mesh_virtual_services(const struct mesh *mesh,
                                                                size_t *ret_count);
/* Whether it counts for proxies of `namespace` (exportTo). */
bool mesh_virtual_service_visible(const struct mesh_virtual_service *vs, const char *namespace);
/* Whether it is bound to "mesh" or "ns/name". */
bool mesh_virtual_service_bound(const struct mesh_virtual_service *vs, const char *gateway);

/* What destination rules say about a host to clients in client_namespace: own namespace first, then
 * the service's, then the root; in each the most specific host, and of that host a rule that
 * selects workloads of those labels (NULL: any) before one that is for all. NULL when there is
 * none. */
const struct mesh_destination *mesh_destination_find(const struct mesh *mesh,
                                                     const char *client_namespace,
                                                     const struct mesh_labels *client_labels,
                                                     const struct mesh_service *service);
const struct mesh_subset *mesh_destination_subset(const struct mesh_destination *destination,
                                                  const char *name);

/* Keys of labels by which rules choose client workloads: sourceLabels of routes, selectors of
 * destination rules. Sorted. */
const char *const *mesh_client_labels(const struct mesh *mesh, size_t *ret_count);

/* Oldest first. */
const struct mesh_gateway *const *mesh_gateways(const struct mesh *mesh, size_t *ret_count);

/* The Sidecar that counts for a workload, or NULL. */
const struct mesh_sidecar *mesh_sidecar_find(const struct mesh *mesh, const char *namespace,
                                             const struct mesh_labels *labels);
/* Whether an egress listener of a proxy of client_namespace takes in a host of `namespace`. */
bool mesh_egress_covers(const struct mesh_egress *egress, const char *client_namespace,
                        const char *namespace, const char *host);

/* Whether an Ingress is Istio's to carry out: its class is. */
bool mesh_ingress_served(const struct mesh *mesh, const char *namespace, const char *name);

/* What does not resolve or is shadowed; sorted by kind, namespace, name. */
const struct mesh_problem *mesh_problems(const struct mesh *mesh, size_t *ret_count);

/* ---- names and labels ---- */

/* Every pair of `selector` is in `labels`. An empty selector matches. */
bool mesh_labels_match(const struct mesh_labels *selector, const struct mesh_labels *labels);
/* The value, or NULL. */
const char *mesh_label_get(const struct mesh_labels *labels, const char *key);
/* A short name in full: "reviews" in "bookinfo" is "reviews.bookinfo.svc.<domain>"; names with a
 * dot, wildcards and addresses stay as they are. Lower case. Into `out`, terminated; false when it
 * does not fit. */
bool mesh_host_resolve(const char *host, const char *namespace, const char *domain, char *out,
                       size_t out_size);
/* Exact, or `pattern` is "*" or "*.suffix" and `host` (itself perhaps a wildcard) lies under it. */
bool mesh_host_covers(const char *pattern, const char *host);
/* How the port's appProtocol or name says it is to be read. app_protocol may be NULL. */
enum mesh_protocol mesh_protocol_parse(const char *app_protocol, const char *port_name,
                                       uint32_t port_number, bool udp);
/* By its name alone ("HTTPS", "tcp"), as a ServiceEntry gives it; AUTO when unknown. */
enum mesh_protocol mesh_protocol_named(const char *name);
bool mesh_protocol_is_http(enum mesh_protocol protocol);
bool mesh_protocol_is_http2(enum mesh_protocol protocol);
/* Passed on as it is, told apart by the server name alone. */
bool mesh_protocol_is_tls(enum mesh_protocol protocol);

#endif
