/* SPDX-License-Identifier: Apache-2.0 */
/* The builder: objects in, dirty marks, snapshots out.
 *
 *   put/remove  replaces one node and marks what it touches:
 *                 Service, ServiceEntry      services, endpoints, problems
 *                 EndpointSlice              the set of its service
 *                 Pod, WorkloadEntry         workloads, the sets that may point to it
 *                 Node                       all sets
 *                 VirtualService, ...        rules, problems
 *   snapshot    rebuilds the marked parts and shares the others with the snapshot before
 *
 * Place   control's source of the mesh; tests
 * Owns    one node per object; one endpoint set per service; the newest snapshot
 * Threads one
 * Limits  MESH_OBJECTS_MAX objects
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/snapshot_int.h"

struct mesh_builder {
    char *domain;
    char *root_namespace;
    char *cluster_id;
    struct map objects[MESH_KIND_COUNT]; /* "namespace/name" -> struct mesh_node */
    struct map failures;                 /* "kind/namespace/name" -> struct failure */
    struct map slices;                   /* "namespace/service" -> struct slice_list */
    struct map sets;                     /* set_key -> struct mesh_endpoint_node */
    struct map dirty_sets;               /* "namespace/service" -> itself (any pointer) */
    bool dirty_services, dirty_workloads, dirty_rules, dirty_problems, dirty_all_sets;
    bool dirty_config;
    struct mesh_config_part *config;
    uint64_t version;
    struct mesh *current; /* the newest snapshot, or NULL */
};

/* An object that could not be read: told in problems until it is mended or removed. */
struct failure {
    enum mesh_kind kind;
    char *namespace;
    char *name;
    struct error err;
};

/* The slices of one service. */
struct slice_list {
    VEC(struct mesh_node *) nodes; /* no references: the objects map has them */
};

enum { KEY_SIZE = 640 };

static struct slice make_key(char *out, const char *namespace, const char *name)
{
    (void)snprintf(out, KEY_SIZE, "%s/%s", namespace, name);
    return slice_str(out);
}

/* Of a service's set: "namespace/service", or "namespace//host" for a host of a ServiceEntry. */
static struct slice set_key(char *out, const struct mesh_service *service)
{
    (void)snprintf(out, KEY_SIZE, "%s/%s%s", service->meta.namespace, service->entry ? "/" : "",
                   service->entry ? service->hostname : service->meta.name);
    return slice_str(out);
}

static struct slice failure_key(char *out, enum mesh_kind kind, const char *namespace,
                                const char *name)
{
    (void)snprintf(out, KEY_SIZE, "%d/%s/%s", (int)kind, namespace, name);
    return slice_str(out);
}

struct mesh_builder *mesh_builder_new(const struct mesh_options *options)
{
    static const struct mesh_options none;
    struct mesh_builder *builder = MEM_NEW(struct mesh_builder);

    options = options ? options : &none;
    builder->domain = mem_strdup(options->domain ? options->domain : "cluster.local");
    builder->root_namespace =
        mem_strdup(options->root_namespace ? options->root_namespace : "istio-system");
    builder->cluster_id = mem_strdup(options->cluster_id ? options->cluster_id : "Kubernetes");
    for (int i = 0; i < MESH_KIND_COUNT; i++)
        map_init(&builder->objects[i], MESH_OBJECTS_MAX);
    map_init(&builder->failures, MESH_OBJECTS_MAX);
    map_init(&builder->slices, 0);
    map_init(&builder->sets, 0);
    map_init(&builder->dirty_sets, 0);
    builder->config = mesh_config_read(NULL, NULL);
    builder->dirty_services = builder->dirty_workloads = true;
    builder->dirty_rules = builder->dirty_problems = true;
    return builder;
}

static void failure_free(struct failure *failure)
{
    if (!failure)
        return;
    mem_free(failure->namespace);
    mem_free(failure->name);
    mem_free(failure);
}

static void slice_list_free(struct slice_list *list)
{
    if (!list)
        return;
    VEC_DEINIT(&list->nodes);
    mem_free(list);
}

void mesh_builder_free(struct mesh_builder *builder)
{
    if (!builder)
        return;
    mesh_unref(builder->current);
    mesh_part_unref(&builder->config->part);
    for (int i = 0; i < MESH_KIND_COUNT; i++) {
        MAP_EACH (entry, &builder->objects[i])
            mesh_node_unref(entry->value);
        map_deinit(&builder->objects[i]);
    }
    MAP_EACH (entry, &builder->failures)
        failure_free(entry->value);
    MAP_EACH (entry, &builder->slices)
        slice_list_free(entry->value);
    MAP_EACH (entry, &builder->sets)
        mesh_endpoint_node_unref(entry->value);
    map_deinit(&builder->failures);
    map_deinit(&builder->slices);
    map_deinit(&builder->sets);
    map_deinit(&builder->dirty_sets);
    mem_free(builder->domain);
    mem_free(builder->root_namespace);
    mem_free(builder->cluster_id);
    mem_free(builder);
}

/* ---- what an object touches ---- */

static void mark_set(struct mesh_builder *builder, struct slice key)
{
    (void)map_put(&builder->dirty_sets, key, builder, NULL);
}

static void slice_link(struct mesh_builder *builder, struct mesh_node *node, bool link)
{
    char buffer[KEY_SIZE];
    struct slice key = make_key(buffer, node->meta.namespace, node->service_name);
    struct slice_list *list = map_get(&builder->slices, key);

    if (!node->service_name[0])
        return;
    mark_set(builder, key);
    if (!list) {
        list = MEM_NEW(struct slice_list);
        (void)map_put(&builder->slices, key, list, NULL);
    }
    if (link) {
        VEC_PUSH(&list->nodes, node);
        return;
    }
    for (size_t i = 0; i < list->nodes.count; i++) {
        if (list->nodes.items[i] == node) {
            list->nodes.items[i] = list->nodes.items[--list->nodes.count];
            break;
        }
    }
    if (list->nodes.count == 0) {
        (void)map_remove(&builder->slices, key);
        slice_list_free(list);
    }
}

/* A pod or a workload entry may be pointed to by any service of its namespace. */
static void mark_namespace(struct mesh_builder *builder, const char *namespace)
{
    char prefix[KEY_SIZE];
    struct slice key = make_key(prefix, namespace, "");

    MAP_EACH (entry, &builder->sets)
        if (slice_starts_with(entry->key, key))
            mark_set(builder, entry->key);
}

static void mark_entry(struct mesh_builder *builder, const struct mesh_node *node)
{
    char buffer[KEY_SIZE];

    builder->dirty_services = builder->dirty_problems = true;
    for (size_t i = 0; i < node->entry.count; i++)
        mark_set(builder, set_key(buffer, &node->entry.services[i]));
}

static void mark(struct mesh_builder *builder, struct mesh_node *node, bool is_new)
{
    char buffer[KEY_SIZE];

    switch (node->kind) {
    case MESH_SERVICE:
        builder->dirty_services = builder->dirty_problems = true;
        builder->dirty_rules = builder->dirty_rules || builder->objects[MESH_INGRESS].count > 0;
        mark_set(builder, make_key(buffer, node->meta.namespace, node->meta.name));
        break;
    case MESH_ENDPOINT_SLICE:
        slice_link(builder, node, is_new);
        break;
    case MESH_POD:
        builder->dirty_workloads = true;
        mark_namespace(builder, node->meta.namespace);
        break;
    case MESH_SERVICE_ENTRY:
        mark_entry(builder, node);
        break;
    case MESH_WORKLOAD_ENTRY:
        mark_namespace(builder, node->meta.namespace);
        break;
    case MESH_NODE:
        builder->dirty_all_sets = true;
        break;
    case MESH_VIRTUAL_SERVICE:
    case MESH_DESTINATION_RULE:
    case MESH_GATEWAY:
    case MESH_SIDECAR:
    case MESH_INGRESS:
    case MESH_INGRESS_CLASS:
        builder->dirty_rules = builder->dirty_problems = true;
        break;
    default:
        break;
    }
}

/* ---- put and remove ---- */

static void failure_set(struct mesh_builder *builder, enum mesh_kind kind, const json_t *object,
                        const struct error *err)
{
    const json_t *meta = json_object_get(object, "metadata");
    const char *namespace = mesh_text(json_string_value(json_object_get(meta, "namespace")));
    const char *name = mesh_text(json_string_value(json_object_get(meta, "name")));
    struct failure *failure = MEM_NEW(struct failure);
    void *old = NULL;
    char key[KEY_SIZE];

    failure->kind = kind;
    failure->namespace = mem_strdup(namespace);
    failure->name = mem_strdup(name);
    failure->err = *err;
    if (map_put(&builder->failures, failure_key(key, kind, namespace, name), failure, &old) < 0)
        failure_free(failure);
    failure_free(old);
    builder->dirty_problems = true;
}

static bool failure_clear(struct mesh_builder *builder, enum mesh_kind kind, const char *namespace,
                          const char *name)
{
    char key[KEY_SIZE];
    struct failure *failure =
        map_remove(&builder->failures, failure_key(key, kind, namespace, name));

    failure_free(failure);
    if (failure)
        builder->dirty_problems = true;
    return failure != NULL;
}

int mesh_builder_put(struct mesh_builder *builder, enum mesh_kind kind, const json_t *object,
                     struct error *err)
{
    struct error local = {0};
    struct mesh_node *node = NULL;
    struct mesh_node *old;
    void *replaced = NULL;
    char buffer[KEY_SIZE];
    struct slice key;
    int rc = mesh_node_read(kind, object, builder->domain, &node, &local);

    if (rc < 0) {
        failure_set(builder, kind, object, &local);
        return err_set_path(err, rc, local.path, "%s", local.reason);
    }
    key = make_key(buffer, node->meta.namespace, node->meta.name);
    old = map_get(&builder->objects[kind], key);
    rc = failure_clear(builder, kind, node->meta.namespace, node->meta.name) ? 1 : 0;
    if (old && old->fingerprint == node->fingerprint &&
        old->meta.created_ms == node->meta.created_ms) {
        mesh_node_unref(node);
        return rc;
    }
    if (map_put(&builder->objects[kind], key, node, &replaced) < 0) {
        mesh_node_unref(node);
        return err_set(err, ERR_LIMIT, "more than %d objects of kind %s", MESH_OBJECTS_MAX,
                       mesh_kind_name(kind));
    }
    if (old)
        mark(builder, old, false);
    mark(builder, node, true);
    mesh_node_unref(old);
    return 1;
}

int mesh_builder_remove(struct mesh_builder *builder, enum mesh_kind kind, const char *namespace,
                        const char *name)
{
    char buffer[KEY_SIZE];
    struct mesh_node *node = map_remove(&builder->objects[kind], make_key(buffer, namespace, name));
    bool was_failure = failure_clear(builder, kind, namespace, name);

    if (!node)
        return was_failure ? 1 : 0;
    mark(builder, node, false);
    mesh_node_unref(node);
    return 1;
}

void mesh_builder_each(struct mesh_builder *builder, enum mesh_kind kind,
                       void (*on_object)(const char *namespace, const char *name, void *ctx),
                       void *ctx)
{
    MAP_EACH (entry, &builder->objects[kind]) {
        struct mesh_node *node = mesh_node_ref(entry->value);

        on_object(node->meta.namespace, node->meta.name, ctx);
        mesh_node_unref(node);
    }
}

int mesh_builder_config(struct mesh_builder *builder, const json_t *config, struct error *err)
{
    struct mesh_config_part *part = mesh_config_read(config, err);

    if (!part)
        return err ? err->code : ERR_INVALID;
    if (mesh_config_equal(&part->config, &builder->config->config)) {
        mesh_part_unref(&part->part);
        return 0;
    }
    mesh_part_unref(&builder->config->part);
    builder->config = part;
    builder->dirty_config = builder->dirty_rules = builder->dirty_problems = true;
    return 1;
}

/* ---- parts ---- */

static int node_cmp(const void *a, const void *b)
{
    return mesh_meta_cmp(&(*(struct mesh_node *const *)a)->meta,
                         &(*(struct mesh_node *const *)b)->meta);
}

/* Takes all objects of a kind into a part, behind those that it has, by age. Returns the first. */
static struct mesh_node **part_take(struct mesh_part *part, const struct map *objects)
{
    struct mesh_node **nodes =
        ARENA_ARRAY(&part->arena, struct mesh_node *, part->node_count + objects->count + 1);
    size_t start = part->node_count;

    if (start)
        memcpy(nodes, part->nodes, start * sizeof(struct mesh_node *));
    part->nodes = nodes;
    MAP_EACH (entry, objects)
        nodes[part->node_count++] = mesh_node_ref(entry->value);
    qsort(nodes + start, part->node_count - start, sizeof(struct mesh_node *), node_cmp);
    return nodes + start;
}

static int age_cmp(const void *a, const void *b)
{
    const struct mesh_service *x = *(const struct mesh_service *const *)a;
    const struct mesh_service *y = *(const struct mesh_service *const *)b;
    int order = mesh_meta_cmp(&x->meta, &y->meta);

    if (order == 0)
        order = (x->entry != NULL) - (y->entry != NULL);
    return order ? order : strcmp(x->hostname, y->hostname);
}

/* By host and namespace; of those that share both, the one that counts is first: a Kubernetes
 * Service, else the oldest. */
static int host_cmp(const void *a, const void *b)
{
    const struct mesh_service *x = *(const struct mesh_service *const *)a;
    const struct mesh_service *y = *(const struct mesh_service *const *)b;
    int order = strcmp(x->hostname, y->hostname);

    if (order == 0)
        order = strcmp(x->meta.namespace, y->meta.namespace);
    if (order == 0)
        order = (x->entry != NULL) - (y->entry != NULL);
    return order ? order : mesh_meta_cmp(&x->meta, &y->meta);
}

static bool same_place(const struct mesh_service *a, const struct mesh_service *b)
{
    return strcmp(a->hostname, b->hostname) == 0 &&
           strcmp(a->meta.namespace, b->meta.namespace) == 0;
}

/* All services and hosts of service entries, by host; of equal ones only the first. */
static void services_collect(struct mesh_services_part *services)
{
    size_t total = 0;
    size_t kept = 0;

    for (size_t i = 0; i < services->part.node_count; i++) {
        const struct mesh_node *node = services->part.nodes[i];

        total += node->kind == MESH_SERVICE ? 1 : node->entry.count;
    }
    services->by_host = ARENA_ARRAY(&services->part.arena, const struct mesh_service *, total + 1);
    for (size_t i = 0; i < services->part.node_count; i++) {
        const struct mesh_node *node = services->part.nodes[i];

        if (node->kind == MESH_SERVICE)
            services->by_host[services->count++] = &node->service;
        for (size_t j = 0; node->kind != MESH_SERVICE && j < node->entry.count; j++)
            services->by_host[services->count++] = &node->entry.services[j];
    }
    qsort(services->by_host, services->count, sizeof(*services->by_host), host_cmp);
    for (size_t i = 0; i < services->count; i++)
        if (kept == 0 || !same_place(services->by_host[kept - 1], services->by_host[i]))
            services->by_host[kept++] = services->by_host[i];
    services->count = kept;
}

static struct mesh_services_part *build_services(struct mesh_builder *builder)
{
    struct mesh_services_part *services = MEM_NEW(struct mesh_services_part);

    mesh_part_init(&services->part);
    (void)part_take(&services->part, &builder->objects[MESH_SERVICE]);
    (void)part_take(&services->part, &builder->objects[MESH_SERVICE_ENTRY]);
    services_collect(services);
    services->by_age =
        ARENA_ARRAY(&services->part.arena, const struct mesh_service *, services->count + 1);
    if (services->count)
        memcpy(services->by_age, services->by_host, services->count * sizeof(*services->by_age));
    qsort(services->by_age, services->count, sizeof(*services->by_age), age_cmp);
    return services;
}

static int address_cmp(const void *a, const void *b)
{
    const struct mesh_address *x = a;
    const struct mesh_address *y = b;
    int order = strcmp(x->address, y->address);

    /* an address that was used again: the younger pod counts, so it comes first */
    return order ? order : mesh_meta_cmp(&y->workload->meta, &x->workload->meta);
}

static struct mesh_workloads_part *build_workloads(struct mesh_builder *builder)
{
    struct mesh_workloads_part *workloads = MEM_NEW(struct mesh_workloads_part);
    size_t count = 0;
    size_t kept = 0;

    mesh_part_init(&workloads->part);
    (void)part_take(&workloads->part, &builder->objects[MESH_POD]);
    for (size_t i = 0; i < workloads->part.node_count; i++)
        count += workloads->part.nodes[i]->workload.address_count;
    workloads->items = ARENA_ARRAY(&workloads->part.arena, struct mesh_address, count + 1);
    for (size_t i = 0; i < workloads->part.node_count; i++) {
        const struct mesh_workload *workload = &workloads->part.nodes[i]->workload;

        for (size_t j = 0; j < workload->address_count; j++) {
            workloads->items[workloads->count].address = workload->addresses[j];
            workloads->items[workloads->count++].workload = workload;
        }
    }
    qsort(workloads->items, workloads->count, sizeof(*workloads->items), address_cmp);
    for (size_t i = 0; i < workloads->count; i++)
        if (kept == 0 ||
            strcmp(workloads->items[kept - 1].address, workloads->items[i].address) != 0)
            workloads->items[kept++] = workloads->items[i];
    workloads->count = kept;
    return workloads;
}

static struct mesh_node *find_node(enum mesh_kind kind, const char *namespace, const char *name,
                                   void *ctx)
{
    struct mesh_builder *builder = ctx;
    char key[KEY_SIZE];

    return map_get(&builder->objects[kind], make_key(key, namespace, name));
}

static void add_ingresses(struct mesh_builder *builder, struct mesh_rules_part *rules)
{
    const struct mesh_ingress_source source = {.config = &builder->config->config,
                                               .root_namespace = builder->root_namespace,
                                               .domain = builder->domain,
                                               .find = find_node,
                                               .ctx = builder};
    struct mesh_node **nodes = part_take(&rules->part, &builder->objects[MESH_INGRESS]);

    mesh_ingresses_make(rules, nodes, builder->objects[MESH_INGRESS].count, &source);
}

static struct mesh_rules_part *build_rules(struct mesh_builder *builder)
{
    struct mesh_rules_part *rules = MEM_NEW(struct mesh_rules_part);
    struct arena *arena = &rules->part.arena;
    const struct map *objects = builder->objects;
    struct mesh_node **nodes;

    mesh_part_init(&rules->part);
    nodes = part_take(&rules->part, &objects[MESH_VIRTUAL_SERVICE]);
    rules->virtual_services = ARENA_ARRAY(arena, const struct mesh_virtual_service *,
                                          objects[MESH_VIRTUAL_SERVICE].count + 1);
    for (size_t i = 0; i < objects[MESH_VIRTUAL_SERVICE].count; i++) {
        const struct mesh_virtual_service *vs =
            mesh_virtual_service_merge(nodes[i], nodes, objects[MESH_VIRTUAL_SERVICE].count, arena);

        if (vs)
            rules->virtual_services[rules->virtual_service_count++] = vs;
    }
    nodes = part_take(&rules->part, &objects[MESH_DESTINATION_RULE]);
    mesh_destinations_merge(rules, nodes, objects[MESH_DESTINATION_RULE].count);
    nodes = part_take(&rules->part, &objects[MESH_GATEWAY]);
    rules->gateways = ARENA_ARRAY(arena, const struct mesh_gateway *,
                                  objects[MESH_GATEWAY].count + objects[MESH_INGRESS].count + 1);
    for (size_t i = 0; i < objects[MESH_GATEWAY].count; i++)
        rules->gateways[rules->gateway_count++] = &nodes[i]->gateway;
    nodes = part_take(&rules->part, &objects[MESH_SIDECAR]);
    rules->sidecars =
        ARENA_ARRAY(arena, const struct mesh_sidecar *, objects[MESH_SIDECAR].count + 1);
    for (size_t i = 0; i < objects[MESH_SIDECAR].count; i++)
        rules->sidecars[rules->sidecar_count++] = &nodes[i]->sidecar;
    add_ingresses(builder, rules);
    mesh_client_labels_find(rules);
    return rules;
}

/* The set of a service: the one that it has, or a new one when it is dirty. */
static struct mesh_endpoint_node *builder_set(struct mesh_builder *builder,
                                              const struct mesh_service *service)
{
    enum mesh_kind kind = service->entry ? MESH_SERVICE_ENTRY : MESH_SERVICE;
    char buffer[KEY_SIZE];
    struct slice key = set_key(buffer, service);
    struct mesh_endpoint_node *set = map_get(&builder->sets, key);
    const struct slice_list *list = service->entry ? NULL : map_get(&builder->slices, key);
    struct mesh_endpoint_source source = {
        .service = service,
        .owner = find_node(kind, service->meta.namespace, service->meta.name, builder),
        .workload_entries = &builder->objects[MESH_WORKLOAD_ENTRY],
        .pods = &builder->objects[MESH_POD],
        .find = find_node,
        .ctx = builder};

    if (set && !builder->dirty_all_sets && !map_get(&builder->dirty_sets, key))
        return set;
    if (list) {
        source.slices = list->nodes.items;
        source.slice_count = list->nodes.count;
    }
    mesh_endpoint_node_unref(set);
    set = mesh_endpoint_node_new(&source);
    (void)map_put(&builder->sets, key, set, NULL);
    return set;
}

static void set_add(struct mesh_builder *builder, struct mesh_part *part,
                    const struct mesh_service *service)
{
    part->sets[part->set_count++] = mesh_endpoint_node_ref(builder_set(builder, service));
}

/* Forgets sets of services that are gone: those that the part does not have. */
static void drop_sets(struct mesh_builder *builder, const struct mesh_part *part)
{
    struct map kept;

    if (builder->sets.count == part->set_count)
        return;
    map_init(&kept, 0);
    for (size_t i = 0; i < part->set_count; i++)
        (void)map_put(&kept, slice_make(&part->sets[i], sizeof(part->sets[i])), builder, NULL);
    MAP_EACH (entry, &builder->sets) {
        if (map_get(&kept, slice_make(&entry->value, sizeof(entry->value))))
            continue;
        mesh_endpoint_node_unref(entry->value);
        (void)map_remove(&builder->sets, entry->key);
    }
    map_deinit(&kept);
}

static struct mesh_part *build_endpoints(struct mesh_builder *builder,
                                         const struct mesh_services_part *services)
{
    struct mesh_part *part = MEM_NEW(struct mesh_part);

    mesh_part_init(part);
    part->sets = ARENA_ARRAY(&part->arena, struct mesh_endpoint_node *, services->count + 1);
    for (size_t i = 0; i < services->count; i++)
        set_add(builder, part, services->by_host[i]);
    drop_sets(builder, part);
    return part;
}

static struct mesh_problems_part *build_problems(struct mesh_builder *builder,
                                                 const struct mesh *mesh)
{
    struct mesh_problems_part *problems = MEM_NEW(struct mesh_problems_part);
    struct mesh_problem *items;

    mesh_part_init(&problems->part);
    MAP_EACH (entry, &builder->failures) {
        const struct failure *failure = entry->value;
        const struct mesh_meta meta = {.namespace = failure->namespace, .name = failure->name};
        char key[KEY_SIZE];
        bool has_former = map_get(&builder->objects[failure->kind],
                                  make_key(key, failure->namespace, failure->name)) != NULL;

        mesh_problem_add(problems, failure->kind, &meta, "IST0106", failure->err.path, "%s; %s",
                         failure->err.reason,
                         has_former ? "the last good version of the object stays in force"
                                    : "the object is not in force");
    }
    mesh_problems_find(problems, mesh);
    items = ARENA_ARRAY(&problems->part.arena, struct mesh_problem, problems->list.count + 1);
    if (problems->list.count)
        memcpy(items, problems->list.items, problems->list.count * sizeof(*items));
    mem_free(problems->list.items);
    problems->list.items = items;
    return problems;
}

#define SHARE(old, member) (mesh_part_ref(&(old)->member->part), (old)->member)

struct mesh *mesh_builder_snapshot(struct mesh_builder *builder)
{
    struct mesh *old = builder->current;
    bool dirty_endpoints =
        builder->dirty_services || builder->dirty_all_sets || builder->dirty_sets.count > 0;
    struct mesh *mesh;

    if (old && !dirty_endpoints && !builder->dirty_workloads && !builder->dirty_rules &&
        !builder->dirty_problems && !builder->dirty_config)
        return mesh_ref(old);
    mesh = MEM_NEW(struct mesh);
    atomic_init(&mesh->refs, 1);
    mesh->version = ++builder->version;
    mesh->domain = mem_strdup(builder->domain);
    mesh->root_namespace = mem_strdup(builder->root_namespace);
    mesh->cluster_id = mem_strdup(builder->cluster_id);
    mesh->config = builder->config;
    (void)mesh_part_ref(&builder->config->part);
    mesh->services = builder->dirty_services ? build_services(builder) : SHARE(old, services);
    mesh->workloads = builder->dirty_workloads ? build_workloads(builder) : SHARE(old, workloads);
    mesh->rules = builder->dirty_rules ? build_rules(builder) : SHARE(old, rules);
    mesh->endpoints =
        dirty_endpoints ? build_endpoints(builder, mesh->services) : mesh_part_ref(old->endpoints);
    mesh->problems = builder->dirty_problems ? build_problems(builder, mesh) : SHARE(old, problems);
    builder->dirty_services = builder->dirty_workloads = builder->dirty_rules = false;
    builder->dirty_problems = builder->dirty_all_sets = builder->dirty_config = false;
    map_clear(&builder->dirty_sets);
    mesh_unref(old);
    builder->current = mesh;
    return mesh_ref(mesh);
}
