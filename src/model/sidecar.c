/* SPDX-License-Identifier: Apache-2.0 */
/* Sidecar objects: which of them counts for a proxy, and what it lets the proxy see.
 *
 * Place   node.c for each Sidecar; translate looks up
 * Owns    nothing; all lies in the node's arena
 * Spec    Istio's precedence: the oldest of the own namespace that selects the workload, the own
 *         namespace's without selector, the root namespace's without selector
 */
#include <string.h>

#include "model/mesh_int.h"

/* "namespace/host", "~namespace/host" to leave out. */
static struct mesh_egress_host read_host(const char *text, struct arena *arena)
{
    const char *slash = strchr(text, '/');
    struct mesh_egress_host out = {.namespace = "*", .host = slash ? slash + 1 : text};

    if (!slash)
        return out;
    out.excludes = text[0] == '~' && slash > text + 1;
    text += out.excludes ? 1 : 0;
    out.namespace = arena_slice_str(arena, slice_make(text, (size_t)(slash - text)));
    return out;
}

void mesh_sidecar_read(struct mesh_node *node, const struct api_sidecar *object)
{
    static const struct api_sidecar_spec empty;
    const struct api_sidecar_spec *spec = object->spec ? object->spec : &empty;
    struct mesh_sidecar *sidecar = &node->sidecar;
    struct arena *arena = &node->arena;
    struct mesh_egress *egress = ARENA_ARRAY(arena, struct mesh_egress, spec->egress_count + 1);

    sidecar->meta = node->meta;
    sidecar->spec = spec;
    if (spec->workload_selector)
        sidecar->selector = mesh_labels_read(arena, spec->workload_selector->labels,
                                             spec->workload_selector->labels_count);
    for (size_t i = 0; i < spec->egress_count; i++) {
        const struct api_sidecar_egress *from = &spec->egress[i];
        struct mesh_egress_host *hosts =
            ARENA_ARRAY(arena, struct mesh_egress_host, from->hosts_count + 1);

        for (size_t j = 0; j < from->hosts_count; j++)
            hosts[j] = read_host(from->hosts[j], arena);
        egress[i].spec = from;
        egress[i].port = from->port ? from->port->number : 0;
        egress[i].hosts = hosts;
        egress[i].host_count = from->hosts_count;
    }
    sidecar->egress = egress;
    sidecar->egress_count = spec->egress_count;
}

const struct mesh_sidecar *mesh_sidecar_find(const struct mesh *mesh, const char *namespace,
                                             const struct mesh_labels *labels)
{
    const struct mesh_rules_part *rules = mesh->rules;
    const struct mesh_sidecar *own = NULL;
    const struct mesh_sidecar *root = NULL;

    for (size_t i = 0; i < rules->sidecar_count; i++) {
        const struct mesh_sidecar *sidecar = rules->sidecars[i];
        bool is_own = strcmp(sidecar->meta.namespace, namespace) == 0;
        bool is_root = strcmp(sidecar->meta.namespace, mesh->root_namespace) == 0;
        bool is_general = sidecar->selector.count == 0;

        if (is_own && !is_general && mesh_labels_match(&sidecar->selector, labels))
            return sidecar;
        if (is_own && is_general && !own)
            own = sidecar;
        if (is_root && is_general && !root)
            root = sidecar;
    }
    return own ? own : root;
}

static bool namespace_matches(const struct mesh_egress_host *host, const char *client_namespace,
                              const char *namespace)
{
    if (strcmp(host->namespace, "*") == 0)
        return true;
    return strcmp(namespace,
                  strcmp(host->namespace, ".") == 0 ? client_namespace : host->namespace) == 0;
}

bool mesh_egress_covers(const struct mesh_egress *egress, const char *client_namespace,
                        const char *namespace, const char *host)
{
    bool found = false;

    for (size_t i = 0; i < egress->host_count; i++) {
        const struct mesh_egress_host *item = &egress->hosts[i];

        if (!namespace_matches(item, client_namespace, namespace) ||
            !mesh_host_covers(item->host, host))
            continue;
        if (item->excludes)
            return false;
        found = true;
    }
    return found;
}
