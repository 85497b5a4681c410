/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the state of one translation, and who makes what.
 */
#ifndef WEFT_TRANSLATE_TRANSLATE_INT_H
#define WEFT_TRANSLATE_TRANSLATE_INT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "translate/translate.h"
#include "wire/proto.h"

struct pb_cluster_load_assignment;
struct pb_filter_chain;
struct pb_listener;
struct pb_metadata;
struct pb_route;
struct pb_route_configuration;
struct pb_virtual_host;

typedef VEC(struct translate_resource) translate_vec;

/* One run. Messages are built in `scratch` and copied out when encoded. */
struct translator {
    const struct mesh *mesh;
    const struct mesh_config *config; /* of the mesh */
    const struct translate_scope *scope;
    const struct translate_output *shared; /* what stands already; NULL when that is being made */
    struct arena *scratch;
    struct arena *out; /* of the output: names and bytes */
    translate_vec resources[TRANSLATE_TYPE_COUNT];
    struct map names[TRANSLATE_TYPE_COUNT]; /* of resources made so far */
    const struct mesh_sidecar *sidecar;     /* NULL: none counts for the proxy */
    struct map hosts;                       /* host -> the service that counts for the proxy */
    struct map pulled;                      /* those there only as a route's destination */
    const struct mesh_service **services;   /* that the proxy sees, oldest first, no aliases */
    size_t service_count;
    struct inbound_port *inbound; /* what the workload serves */
    size_t inbound_count;
    const struct mesh_virtual_service **virtual_services; /* of the mesh, seen; oldest first */
    size_t virtual_service_count;
    struct map virtual_hosts; /* exact host -> the oldest virtual service of the mesh that has it */
    const struct mesh_virtual_service **virtual_wildcards; /* those with a wildcard, oldest first */
    size_t virtual_wildcard_count;
    const struct mesh_service **aliases; /* visible ExternalName services */
    size_t alias_count;
    const char *outside; /* the cluster of connections to hosts outside of the mesh */
    bool is_blocked;     /* such connections are refused */
    struct buf bytes;    /* encoder's scratch */
    struct error *err;
    int rc; /* the first failure; further resources are dropped */
};

/* A port that the proxy's workload serves. */
struct inbound_port {
    uint32_t number;                           /* it listens there */
    const struct mesh_service *service;        /* NULL: a Sidecar alone names the port */
    const struct mesh_port *port;              /* of the service, or as the Sidecar says */
    const struct api_sidecar_ingress *ingress; /* NULL: no Sidecar names it */
};

/* What applies to one port of one service, or to a subset of it; NULL where nothing is said. */
struct policy {
    const struct api_load_balancer_settings *load_balancer;
    const struct api_connection_pool_settings *pool;
    const struct api_outlier_detection *outlier;
    const struct api_client_tls_settings *tls;
};

/* translate.c: encodes a message as the next resource of a type; a second one of a name is
 * dropped. */
void translate_add(struct translator *translator, enum translate_type type, const char *name,
                   const struct proto_message *desc, const void *message);
bool translate_has(const struct translator *translator, enum translate_type type, const char *name);
/* "0.0.0.0", or "::" for a proxy that has IPv6 addresses only. */
const char *translate_wildcard(const struct translator *translator);
/* The proxy has addresses of both families, so wildcard listeners need "::" as well. */
bool translate_is_dual(const struct translator *translator);

/* scope.c: fills sidecar, hosts, services, virtual services, aliases, outside */
void scope_find(struct translator *translator);
void scope_drop(struct translator *translator);
/* The service, perhaps an alias, that the proxy takes for a host, or NULL. */
const struct mesh_service *scope_service(const struct translator *translator, const char *hostname);
/* Whether the proxy may send to that port of a service; whether it has a listener for it. */
bool scope_has_port(const struct translator *translator, const struct mesh_service *service,
                    const struct mesh_port *port);
bool scope_listens(const struct translator *translator, const struct mesh_service *service,
                   const struct mesh_port *port);
/* The Sidecar's egress listener of that port, or NULL. */
const struct mesh_egress *scope_listener(const struct translator *translator, uint32_t port);

/* policy.c */
struct policy policy_find(const struct mesh_destination *destination,
                          const struct mesh_subset *subset, uint32_t port);

/* cluster.c, endpoint.c: add the resources of their type that are shared */
void clusters_make(struct translator *translator);
/* cluster.c: adds those to the workload itself */
void clusters_make_inbound(struct translator *translator);
void endpoints_make(struct translator *translator);
/* The endpoints of a service's port, or of a subset there, by locality. */
void endpoints_fill(struct translator *translator, const struct mesh_service *service,
                    const struct mesh_port *port, const struct mesh_subset *subset,
                    struct pb_cluster_load_assignment *ret);
/* "outbound|9080|v1|reviews.bookinfo.svc.cluster.local" */
const char *cluster_name(struct arena *arena, uint32_t port, const char *subset, const char *host);
enum cluster_source {
    CLUSTER_EDS,      /* endpoint discovery */
    CLUSTER_ORIGINAL, /* the original destination */
    CLUSTER_DNS,      /* each address of its endpoints' names */
    CLUSTER_ONE_NAME, /* the first address of the name of its one endpoint */
    CLUSTER_NOTHING,  /* none: what the policy asks for cannot be done, so nothing is sent */
};
/* Where a cluster has its endpoints from. */
enum cluster_source cluster_source(const struct translator *translator,
                                   const struct mesh_service *service, const struct policy *policy);

/* listener.c, inbound.c, gateway.c */
void listeners_make(struct translator *translator);
void inbound_make(struct translator *translator);
void gateway_make(struct translator *translator);
/* inbound.c: finds the ports that the workload serves: its Sidecar's, else its services' */
void inbound_find(struct translator *translator);
/* The port that the pod listens on behind a port of that number of one of its services; 0 when no
 * service has it. */
uint32_t inbound_target(const struct translator *translator, uint32_t number);

/* route.c: the virtual service that counts for a host in this sidecar, or NULL: the oldest that
 * names it, else that of the longest wildcard over it */
const struct mesh_virtual_service *route_virtual_service(const struct translator *translator,
                                                         const char *hostname);
/* The route configuration of an HTTP port of a sidecar; of one sniffed port of a service. */
void route_port_make(struct translator *translator, uint32_t port);
void route_service_make(struct translator *translator, const struct mesh_service *service,
                        const struct mesh_port *port);

/* An empty route configuration with istiod's settings. */
struct pb_route_configuration *route_config_new(struct arena *arena, const char *name);
/* A virtual host "name:port" without domains and routes. */
struct pb_virtual_host *route_host_new(struct arena *arena, const char *hostname, uint32_t port);

/* Where a virtual service's routes are to run. */
struct route_context {
    uint32_t port;       /* of the listener */
    const char *gateway; /* "mesh" or "ns/name" */
    const struct mesh_virtual_service *vs;
};
/* http.c: appends the routes of a virtual service to a host. True when the last one takes all
 * requests, so that no route behind it can match. */
bool http_routes_add(struct translator *translator, const struct route_context *context,
                     struct pb_virtual_host *host);
/* The route of a service's port without a virtual service. */
struct pb_route *http_route_default(struct translator *translator,
                                    const struct mesh_service *service, uint32_t port);
/* Whether a route matches every request. */
bool http_route_is_catch_all(const struct pb_route *route);
/* match.c: whether the proxy is meant by what a match says of sources, gateways and the port. */
bool match_applies(const struct translator *translator, const struct route_context *context,
                   const struct api_http_match_request *match);
/* separates: a prefix takes whole segments of a path only ("/a" takes "/a/b", not "/ab"). */
void match_fill(struct arena *arena, const struct api_http_match_request *match, bool separates,
                struct pb_route *route);
/* A destination's service, aliases followed, or NULL; its full name in *ret_host either way. */
const struct mesh_service *http_destination_resolve(struct translator *translator,
                                                    const struct api_destination *destination,
                                                    const char *namespace, const char **ret_host);
/* The cluster of a destination: its port is the one given, the service's only one, or the
 * listener's. */
const char *http_destination_cluster(struct translator *translator,
                                     const struct api_destination *destination,
                                     const char *namespace, uint32_t listener_port);

#endif
