/* SPDX-License-Identifier: Apache-2.0 */
/* Pods as workloads, and the endpoint sets of services out of EndpointSlices, Pods and Nodes.
 *
 * Place   node.c, for each Pod and Node; builder.c, for each service whose endpoints are dirty
 * Owns    an endpoint set holds references to the nodes that its items point into
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/endpoint_int.h"

/* The controller's name: a ReplicaSet "reviews-v1-5c4b" of a Deployment is "reviews-v1". */
static const char *controller_name(const struct api_pod *pod, const struct mesh_node *node,
                                   struct arena *arena)
{
    const char *hash = mesh_label_get(&node->labels, "pod-template-hash");

    for (size_t i = 0; i < pod->metadata->owner_references_count; i++) {
        const struct api_owner_reference *owner = &pod->metadata->owner_references[i];
        struct slice name = slice_str(owner->name);

        if (!owner->controller || !owner->name)
            continue;
        if (owner->kind && strcmp(owner->kind, "ReplicaSet") == 0 && hash &&
            name.len > strlen(hash) + 1 && slice_ends_with(name, slice_str(hash)))
            return arena_slice_str(arena, slice_head(name, name.len - strlen(hash) - 1));
        return owner->name;
    }
    return node->meta.name;
}

/* The first of these labels that is there, or the fallback. */
static const char *first_label(const struct mesh_labels *labels, const char *const *keys,
                               const char *fallback)
{
    for (size_t i = 0; keys[i]; i++) {
        const char *value = mesh_label_get(labels, keys[i]);

        if (value && value[0])
            return value;
    }
    return fallback;
}

static void read_addresses(struct mesh_workload *workload, const struct api_pod *pod,
                           struct arena *arena)
{
    const struct api_pod_status *status = pod->status;
    const char *phase = status ? mesh_text(status->phase) : "";
    bool is_over = strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
    const char **addresses;

    if (!status || is_over)
        return;
    addresses = ARENA_ARRAY(arena, const char *, status->pod_ips_count + 1);
    for (size_t i = 0; i < status->pod_ips_count; i++)
        if (status->pod_ips[i].ip)
            addresses[workload->address_count++] = status->pod_ips[i].ip;
    if (workload->address_count == 0 && status->pod_ip && status->pod_ip[0])
        addresses[workload->address_count++] = status->pod_ip;
    workload->addresses = addresses;
}

static void read_ports(struct mesh_workload *workload, const struct api_pod_spec *spec,
                       struct arena *arena)
{
    struct mesh_port *ports;
    size_t count = 0;

    for (size_t i = 0; i < spec->containers_count; i++)
        count += spec->containers[i].ports_count;
    ports = ARENA_ARRAY(arena, struct mesh_port, count + 1);
    for (size_t i = 0; i < spec->containers_count; i++) {
        for (size_t j = 0; j < spec->containers[i].ports_count; j++) {
            const struct api_container_port *from = &spec->containers[i].ports[j];
            struct mesh_port *port = &ports[workload->port_count++];

            port->name = mesh_text(from->name);
            port->number = (uint32_t)from->container_port;
            port->target_name = "";
        }
    }
    workload->ports = ports;
}

void mesh_locality_split(const char *text, const char **out[3], struct arena *arena)
{
    struct slice rest = slice_str(text);
    struct slice piece;
    char separator = strchr(text, '/') ? '/' : '.';

    for (size_t i = 0; i < 3 && slice_split_next(&rest, separator, &piece); i++)
        *out[i] = arena_slice_str(arena, piece);
}

void mesh_workload_name(struct mesh_workload *workload)
{
    static const char *const name_keys[] = {"service.istio.io/canonical-name",
                                            "app.kubernetes.io/name", "app", NULL};
    static const char *const revision_keys[] = {"service.istio.io/canonical-revision",
                                                "app.kubernetes.io/version", "version", NULL};

    workload->canonical_name = first_label(&workload->labels, name_keys, workload->workload);
    workload->canonical_revision = first_label(&workload->labels, revision_keys, "latest");
}

void mesh_workload_read(struct mesh_node *node, const struct api_pod *object)
{
    static const char *const locality_keys[] = {"topology.istio.io/locality", "istio-locality",
                                                NULL};
    static const struct api_pod_spec empty;
    const struct api_pod_spec *spec = object->spec ? object->spec : &empty;
    struct mesh_workload *workload = &node->workload;
    const char **locality[3] = {&workload->region, &workload->zone, &workload->subzone};

    workload->meta = node->meta;
    workload->labels = node->labels;
    workload->service_account = spec->service_account_name ? spec->service_account_name : "default";
    workload->node = mesh_text(spec->node_name);
    workload->workload = controller_name(object, node, &node->arena);
    mesh_workload_name(workload);
    workload->mtls_capable =
        strcmp(mesh_text(mesh_label_get(&node->labels, "security.istio.io/tlsMode")), "istio") == 0;
    workload->region = workload->zone = workload->subzone = "";
    mesh_locality_split(first_label(&node->labels, locality_keys, ""), locality, &node->arena);
    read_addresses(workload, object, &node->arena);
    if (spec->host_network)
        workload->address_count = 0; /* the node's address names no single pod */
    read_ports(workload, spec, &node->arena);
}

void mesh_place_read(struct mesh_node *node)
{
    node->place.region = mesh_text(mesh_label_get(&node->labels, "topology.kubernetes.io/region"));
    node->place.zone = mesh_text(mesh_label_get(&node->labels, "topology.kubernetes.io/zone"));
    node->place.subzone = mesh_text(mesh_label_get(&node->labels, "topology.istio.io/subzone"));
}

static const struct mesh_endpoint_port *copy_ports(const struct api_endpoint_slice *slice,
                                                   struct arena *arena, size_t *ret_count)
{
    struct mesh_endpoint_port *ports =
        ARENA_ARRAY(arena, struct mesh_endpoint_port, slice->ports_count + 1);
    size_t count = 0;

    for (size_t i = 0; i < slice->ports_count; i++) {
        const struct api_discovery_endpoint_port *from = &slice->ports[i];

        if (!from->has_port || (from->protocol && strcmp(from->protocol, "TCP") != 0))
            continue;
        ports[count].name = arena_strdup(arena, mesh_text(from->name));
        ports[count++].number = (uint32_t)from->port;
    }
    *ret_count = count;
    return ports;
}

void mesh_endpoint_keep(struct endpoint_builder *builder, struct mesh_node *node)
{
    VEC_PUSH(&builder->nodes, mesh_node_ref(node));
}

/* The pod that an endpoint stands for; its reference is kept by the set. */
static const struct mesh_workload *find_workload(struct endpoint_builder *builder,
                                                 const struct mesh_endpoint_source *source,
                                                 const struct mesh_node *slice,
                                                 const struct api_endpoint *from)
{
    struct mesh_node *pod;

    if (!from->target_ref || !from->target_ref->name ||
        strcmp(mesh_text(from->target_ref->kind), "Pod") != 0)
        return NULL;
    pod = source->find(MESH_POD, slice->meta.namespace, from->target_ref->name, source->ctx);
    if (!pod)
        return NULL;
    mesh_endpoint_keep(builder, pod);
    return &pod->workload;
}

static void set_place(struct mesh_endpoint *endpoint, const struct mesh_endpoint_source *source,
                      const struct api_endpoint *from, struct arena *arena)
{
    const struct mesh_node *place =
        endpoint->node[0] ? source->find(MESH_NODE, "", endpoint->node, source->ctx) : NULL;

    endpoint->region = arena_strdup(arena, place ? place->place.region : "");
    endpoint->zone = arena_strdup(arena, place ? place->place.zone : mesh_text(from->zone));
    endpoint->subzone = arena_strdup(arena, place ? place->place.subzone : "");
    if (endpoint->workload && endpoint->workload->region[0]) {
        endpoint->region = endpoint->workload->region;
        endpoint->zone = endpoint->workload->zone;
        endpoint->subzone = endpoint->workload->subzone;
    }
}

static void read_endpoint(struct mesh_endpoint *endpoint, const struct api_endpoint *from,
                          struct arena *arena)
{
    static const struct api_endpoint_conditions unknown;
    const struct api_endpoint_conditions *conditions =
        from->conditions ? from->conditions : &unknown;

    endpoint->hostname = arena_strdup(arena, mesh_text(from->hostname));
    endpoint->node = arena_strdup(arena, mesh_text(from->node_name));
    endpoint->ready = !conditions->has_ready || conditions->ready;
    endpoint->serving = conditions->has_serving ? conditions->serving : endpoint->ready;
    endpoint->terminating = conditions->terminating;
}

static int endpoint_cmp(const void *a, const void *b)
{
    return strcmp(((const struct mesh_endpoint *)a)->address,
                  ((const struct mesh_endpoint *)b)->address);
}

static bool is_address(const char *text)
{
    struct in6_addr scratch;

    return inet_pton(AF_INET, text, &scratch) == 1 || inet_pton(AF_INET6, text, &scratch) == 1;
}

bool mesh_endpoint_fits(const struct mesh_service *service, const char *address)
{
    bool is_dns = service->resolution == MESH_RESOLUTION_DNS ||
                  service->resolution == MESH_RESOLUTION_DNS_ROUND_ROBIN;

    return is_address(address) || (is_dns && !strchr(address, '/') && !strchr(address, '*'));
}

static void add_slice(struct endpoint_builder *builder, const struct mesh_endpoint_source *source,
                      const struct mesh_node *slice)
{
    struct arena *arena = &builder->node->arena;
    size_t port_count;
    const struct mesh_endpoint_port *ports = copy_ports(slice->slice, arena, &port_count);

    for (size_t i = 0; i < slice->slice->endpoints_count; i++) {
        const struct api_endpoint *from = &slice->slice->endpoints[i];
        struct mesh_endpoint endpoint = {.ports = ports, .port_count = port_count};

        if (from->addresses_count == 0)
            continue;
        read_endpoint(&endpoint, from, arena);
        endpoint.workload = find_workload(builder, source, slice, from);
        if (endpoint.workload)
            endpoint.labels = endpoint.workload->labels;
        set_place(&endpoint, source, from, arena);
        for (size_t j = 0; j < from->addresses_count; j++) {
            if (!is_address(from->addresses[j]))
                continue; /* a slice of names: such endpoints have no place in discovery */
            endpoint.address = arena_strdup(arena, from->addresses[j]);
            VEC_PUSH(&builder->items, endpoint);
        }
    }
}

/* A copy of a vector's items in the arena; the vector is gone. */
#define MOVE_INTO(arena, vec, type, ret_items, ret_count)                                          \
    do {                                                                                           \
        type *moved = ARENA_ARRAY(arena, type, (vec)->count + 1);                                  \
        if ((vec)->count)                                                                          \
            memcpy(moved, (vec)->items, (vec)->count * sizeof(type));                              \
        (ret_items) = moved;                                                                       \
        (ret_count) = (vec)->count;                                                                \
        VEC_DEINIT(vec);                                                                           \
    } while (0)

struct mesh_endpoint_node *mesh_endpoint_node_new(const struct mesh_endpoint_source *source)
{
    struct mesh_endpoint_node *node = MEM_NEW(struct mesh_endpoint_node);
    struct endpoint_builder builder = {.node = node, .service = source->service};

    atomic_init(&node->refs, 1);
    arena_init(&node->arena, 512);
    if (source->owner)
        mesh_endpoint_keep(&builder, source->owner);
    for (size_t i = 0; i < source->slice_count; i++)
        add_slice(&builder, source, source->slices[i]);
    mesh_entry_endpoints_add(&builder, source);
    if (builder.items.count)
        qsort(builder.items.items, builder.items.count, sizeof(*builder.items.items), endpoint_cmp);
    MOVE_INTO(&node->arena, &builder.items, struct mesh_endpoint, node->set.items, node->set.count);
    MOVE_INTO(&node->arena, &builder.nodes, struct mesh_node *, node->nodes, node->node_count);
    return node;
}

struct mesh_endpoint_node *mesh_endpoint_node_ref(struct mesh_endpoint_node *node)
{
    atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed); /* as mesh_node_ref */
    return node;
}

void mesh_endpoint_node_unref(struct mesh_endpoint_node *node)
{
    if (!node || atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) != 1)
        return; /* acq_rel: as mesh_node_unref */
    for (size_t i = 0; i < node->node_count; i++)
        mesh_node_unref(node->nodes[i]);
    arena_deinit(&node->arena);
    mem_free(node);
}
