/* SPDX-License-Identifier: Apache-2.0 */
/* One watched object: decoding by kind, its fingerprint, names and labels.
 *
 * Place   builder.c makes a node of each object it is given
 * Owns    a node owns an arena with its structs and texts
 */
#include "model/mesh_int.h"

#include <stdlib.h>

#include "api/check.h"
#include "api/decode.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/json.h"

/* By kind: its name, its group, and the parts of an object whose change changes the mesh. */
static const struct {
    const char *group;
    const char *name;
    const struct api_schema *schema;
    const char *paths[10];
} kinds[MESH_KIND_COUNT] = {
    [MESH_SERVICE] = {"",
                      "Service",
                      &api_service_schema,
                      {"metadata.labels", "metadata.annotations", "spec", "status.loadBalancer"}},
    [MESH_ENDPOINT_SLICE] = {"discovery.k8s.io",
                             "EndpointSlice",
                             &api_endpoint_slice_schema,
                             {"metadata.labels", "addressType", "endpoints", "ports"}},
    [MESH_POD] = {"",
                  "Pod",
                  &api_pod_schema,
                  {"metadata.labels", "metadata.ownerReferences", "spec.nodeName",
                   "spec.serviceAccountName", "spec.hostNetwork", "spec.containers", "status.phase",
                   "status.podIP", "status.podIPs"}},
    [MESH_NODE] = {"", "Node", &api_node_schema, {"metadata.labels"}},
    [MESH_NAMESPACE] = {"", "Namespace", &api_namespace_schema, {"metadata.labels"}},
    [MESH_VIRTUAL_SERVICE] = {"networking.istio.io",
                              "VirtualService",
                              &api_virtual_service_schema,
                              {"spec"}},
    [MESH_DESTINATION_RULE] = {"networking.istio.io",
                               "DestinationRule",
                               &api_destination_rule_schema,
                               {"spec"}},
    [MESH_GATEWAY] = {"networking.istio.io", "Gateway", &api_gateway_schema, {"spec"}},
    [MESH_SERVICE_ENTRY] = {"networking.istio.io",
                            "ServiceEntry",
                            &api_service_entry_schema,
                            {"metadata.labels", "spec"}},
    [MESH_WORKLOAD_ENTRY] = {"networking.istio.io",
                             "WorkloadEntry",
                             &api_workload_entry_schema,
                             {"metadata.labels", "spec"}},
    [MESH_INGRESS] = {"networking.k8s.io",
                      "Ingress",
                      &api_ingress_schema,
                      {"metadata.annotations", "spec"}},
    [MESH_INGRESS_CLASS] = {"networking.k8s.io",
                            "IngressClass",
                            &api_ingress_class_schema,
                            {"spec"}},
    [MESH_SIDECAR] = {"networking.istio.io", "Sidecar", &api_sidecar_schema, {"spec"}},
};

int mesh_kind_find(const char *api_version, const char *kind)
{
    const char *slash = strchr(api_version, '/');
    struct slice group = slice_make(api_version, slash ? (size_t)(slash - api_version) : 0);

    for (int i = 0; i < MESH_KIND_COUNT; i++)
        if (slice_eq_str(group, kinds[i].group) && strcmp(kinds[i].name, kind) == 0)
            return i;
    return -1;
}

const char *mesh_kind_name(enum mesh_kind kind)
{
    return kinds[kind].name;
}

const char *mesh_text(const char *text)
{
    return text ? text : "";
}

static uint64_t fingerprint(enum mesh_kind kind, const json_t *object)
{
    struct buf text;
    uint64_t hash;

    buf_init(&text, 0);
    for (size_t i = 0; i < ARRAY_LEN(kinds[kind].paths) && kinds[kind].paths[i]; i++) {
        const json_t *part = json_path_get(object, kinds[kind].paths[i]);

        buf_append_char(&text, ';');
        if (part)
            (void)json_format(part, JSON_FORMAT_COMPACT | JSON_FORMAT_SORTED, &text);
    }
    hash = slice_hash(buf_slice(&text));
    buf_deinit(&text);
    return hash;
}

static int label_cmp(const void *a, const void *b)
{
    return strcmp(((const struct mesh_label *)a)->key, ((const struct mesh_label *)b)->key);
}

struct mesh_labels mesh_labels_read(struct arena *arena, const struct api_string_entry *entries,
                                    size_t count)
{
    struct mesh_label *items = ARENA_ARRAY(arena, struct mesh_label, count ? count : 1);

    for (size_t i = 0; i < count; i++) {
        items[i].key = entries[i].key;
        items[i].value = mesh_text(entries[i].value);
    }
    qsort(items, count, sizeof(*items), label_cmp);
    return (struct mesh_labels){items, count};
}

static void meta_read(struct mesh_node *node, const struct api_object_meta *meta)
{
    node->meta.namespace = mesh_text(meta->namespace);
    node->meta.name = mesh_text(meta->name);
    node->meta.resource_version = mesh_text(meta->resource_version);
    node->meta.generation = meta->generation;
    if (!meta->creation_timestamp ||
        clock_parse_rfc3339(slice_str(meta->creation_timestamp), &node->meta.created_ms) < 0)
        node->meta.created_ms = 0;
    node->labels = mesh_labels_read(&node->arena, meta->labels, meta->labels_count);
}

static void slice_read(struct mesh_node *node, const struct api_endpoint_slice *object)
{
    node->slice = object;
    node->service_name = mesh_text(mesh_label_get(&node->labels, "kubernetes.io/service-name"));
}

static void gateway_read(struct mesh_node *node, const struct api_gateway *object)
{
    static const struct api_gateway_spec empty;

    node->gateway.meta = node->meta;
    node->gateway.spec = object->spec ? object->spec : &empty;
    node->gateway.selector = mesh_labels_read(&node->arena, node->gateway.spec->selector,
                                              node->gateway.spec->selector_count);
}

/* Turns the decoded struct into what the mesh keeps of it. */
static void kind_read(struct mesh_node *node, const void *object, const char *domain)
{
    switch (node->kind) {
    case MESH_SERVICE:
        mesh_service_read(node, object, domain);
        break;
    case MESH_ENDPOINT_SLICE:
        slice_read(node, object);
        break;
    case MESH_POD:
        mesh_workload_read(node, object);
        break;
    case MESH_NODE:
        mesh_place_read(node);
        break;
    case MESH_VIRTUAL_SERVICE:
        mesh_virtual_service_read(node, object, domain);
        break;
    case MESH_DESTINATION_RULE:
        mesh_destination_read(node, object, domain);
        break;
    case MESH_GATEWAY:
        gateway_read(node, object);
        break;
    case MESH_SERVICE_ENTRY:
        mesh_service_entry_read(node, object);
        break;
    case MESH_WORKLOAD_ENTRY:
        mesh_workload_entry_read(node, object);
        break;
    case MESH_SIDECAR:
        mesh_sidecar_read(node, object);
        break;
    case MESH_INGRESS:
        mesh_ingress_read(node, object);
        break;
    case MESH_INGRESS_CLASS:
        mesh_ingress_class_read(node, object);
        break;
    default:
        break;
    }
}

/* Every kind's struct has its metadata; find it by the table instead of by eight types. */
static const struct api_object_meta *meta_of(const struct api_schema *schema, const char *object)
{
    const struct api_field *field = api_field_find(schema, SLICE("metadata"));
    const struct api_object_meta *meta;

    memcpy(&meta, object + field->offset, sizeof(meta));
    return meta;
}

/* Istio's rules hold here too: whatever way an object came, one that breaks them must not make a
 * proxy refuse what all others share. */
static int validate(enum mesh_kind kind, const json_t *object, struct error *err)
{
    const struct api_kind *found;

    if (strcmp(kinds[kind].group, "networking.istio.io") != 0)
        return 0;
    found = api_kind_find(kinds[kind].group, "", kinds[kind].name);
    ASSERT(found);
    return api_validate(found, object, NULL, NULL, err);
}

int mesh_node_read(enum mesh_kind kind, const json_t *object, const char *domain,
                   struct mesh_node **ret, struct error *err)
{
    const struct api_schema *schema = kinds[kind].schema;
    struct mesh_node *node = MEM_NEW(struct mesh_node);
    const struct api_object_meta *meta;
    char *decoded;
    int rc;

    atomic_init(&node->refs, 1);
    node->kind = kind;
    arena_init(&node->arena, 1024);
    decoded = arena_alloc(&node->arena, schema->struct_size);
    rc = validate(kind, object, err);
    if (rc == 0)
        rc = api_decode(schema, object, &node->arena, decoded, err);
    meta = rc == 0 ? meta_of(schema, decoded) : NULL;
    if (rc == 0 && (!meta || !meta->name))
        rc = err_set_path(err, ERR_INVALID, "metadata.name", "required value");
    if (rc < 0) {
        mesh_node_unref(node);
        return rc;
    }
    meta_read(node, meta);
    node->fingerprint = fingerprint(kind, object);
    kind_read(node, decoded, domain);
    *ret = node;
    return 0;
}

struct mesh_node *mesh_node_ref(struct mesh_node *node)
{
    /* relaxed: whoever refs holds one already */
    atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
    return node;
}

void mesh_node_unref(struct mesh_node *node)
{
    /* acq_rel: the last one must see all uses before it frees */
    if (!node || atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_deinit(&node->arena);
    mem_free(node);
}

int mesh_meta_cmp(const struct mesh_meta *a, const struct mesh_meta *b)
{
    int order;

    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms ? -1 : 1;
    order = strcmp(a->name, b->name);
    return order ? order : strcmp(a->namespace, b->namespace);
}

const char *mesh_label_get(const struct mesh_labels *labels, const char *key)
{
    struct mesh_label wanted = {.key = key};
    const struct mesh_label *found;

    if (labels->count == 0)
        return NULL;
    found = bsearch(&wanted, labels->items, labels->count, sizeof(wanted), label_cmp);
    return found ? found->value : NULL;
}

bool mesh_labels_match(const struct mesh_labels *selector, const struct mesh_labels *labels)
{
    for (size_t i = 0; i < selector->count; i++) {
        const char *value = mesh_label_get(labels, selector->items[i].key);

        if (!value || strcmp(value, selector->items[i].value) != 0)
            return false;
    }
    return true;
}
