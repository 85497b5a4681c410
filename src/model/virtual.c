/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual services: full names, and delegation.
 *
 * A root's http route that names a delegate is replaced by the delegate's routes. Each of them
 * matches what both the root's and its own match say; one that contradicts the root is dropped.
 * What it leaves unset it inherits from the root's route.
 *
 * Place   node.c for each VirtualService; builder.c merges
 * Owns    nothing; merged routes lie in the rules part's arena
 * Limits  one level of delegation, as Istio; DELEGATED_MAX routes of one root
 */
#include <stdio.h>

#include "model/mesh_int.h"

enum { DELEGATED_MAX = 10000 };

static const char *resolve_gateway(const char *gateway, const char *namespace, struct arena *arena)
{
    if (strcmp(gateway, "mesh") == 0 || strchr(gateway, '/'))
        return gateway;
    return arena_printf(arena, "%s/%s", namespace, gateway);
}

void mesh_virtual_service_read(struct mesh_node *node, const struct api_virtual_service *object,
                               const char *domain)
{
    static const struct api_virtual_service_spec empty;
    const struct api_virtual_service_spec *spec = object->spec ? object->spec : &empty;
    struct mesh_virtual_service *vs = &node->virtual_service;
    struct arena *arena = &node->arena;
    const char **hosts = ARENA_ARRAY(arena, const char *, spec->hosts_count + 1);
    const char **gateways = ARENA_ARRAY(arena, const char *, spec->gateways_count + 1);
    const struct api_http_route **http =
        ARENA_ARRAY(arena, const struct api_http_route *, spec->http_count + 1);
    const char **namespaces = ARENA_ARRAY(arena, const char *, spec->http_count + 1);
    char host[MESH_HOST_SIZE];

    vs->meta = node->meta;
    vs->spec = spec;
    for (size_t i = 0; i < spec->hosts_count; i++)
        if (mesh_host_resolve(spec->hosts[i], node->meta.namespace, domain, host, sizeof(host)))
            hosts[vs->host_count++] = arena_strdup(arena, host);
    for (size_t i = 0; i < spec->gateways_count; i++)
        gateways[vs->gateway_count++] =
            resolve_gateway(spec->gateways[i], node->meta.namespace, arena);
    if (vs->gateway_count == 0)
        gateways[vs->gateway_count++] = "mesh";
    for (size_t i = 0; i < spec->http_count; i++) {
        http[i] = &spec->http[i];
        namespaces[i] = node->meta.namespace;
    }
    vs->hosts = hosts;
    vs->gateways = gateways;
    vs->http = http;
    vs->http_namespaces = namespaces;
    vs->http_count = spec->http_count;
}

/* ---- matches ---- */

static bool starts_with(const char *text, const char *prefix)
{
    return slice_starts_with(slice_str(text), slice_str(prefix));
}

/* Whether a leaf's string match cannot lie under the root's. */
static bool string_conflict(const struct api_string_match *root,
                            const struct api_string_match *leaf)
{
    if (!root || !leaf)
        return false;
    if (root->regex || leaf->regex)
        return true;
    if (root->exact)
        return !leaf->exact || strcmp(root->exact, leaf->exact) != 0;
    if (root->prefix)
        return !starts_with(mesh_text(leaf->exact ? leaf->exact : leaf->prefix), root->prefix);
    return false;
}

static bool maps_conflict(const struct api_string_match_entry *root, size_t root_count,
                          const struct api_string_match_entry *leaf, size_t leaf_count)
{
    for (size_t i = 0; i < root_count; i++)
        for (size_t j = 0; j < leaf_count; j++)
            if (strcmp(root[i].key, leaf[j].key) == 0 &&
                string_conflict(&root[i].value, &leaf[j].value))
                return true;
    return false;
}

static bool sources_conflict(const struct api_http_match_request *root,
                             const struct api_http_match_request *leaf)
{
    if (root->source_namespace && leaf->source_namespace &&
        strcmp(root->source_namespace, leaf->source_namespace) != 0)
        return true;
    for (size_t i = 0; i < root->source_labels_count; i++)
        for (size_t j = 0; j < leaf->source_labels_count; j++)
            if (strcmp(root->source_labels[i].key, leaf->source_labels[j].key) == 0 &&
                strcmp(root->source_labels[i].value, leaf->source_labels[j].value) != 0)
                return true;
    return false;
}

static bool gateways_conflict(const struct api_http_match_request *root,
                              const struct api_http_match_request *leaf)
{
    for (size_t j = 0; j < leaf->gateways_count && root->gateways_count; j++) {
        bool found = false;

        for (size_t i = 0; i < root->gateways_count; i++)
            found = found || strcmp(root->gateways[i], leaf->gateways[j]) == 0;
        if (!found)
            return true;
    }
    return false;
}

static bool pseudo_conflict(const struct api_http_match_request *root,
                            const struct api_http_match_request *leaf)
{
    return string_conflict(root->uri, leaf->uri) || string_conflict(root->scheme, leaf->scheme) ||
           string_conflict(root->method, leaf->method) ||
           string_conflict(root->authority, leaf->authority);
}

static bool match_conflict(const struct api_http_match_request *root,
                           const struct api_http_match_request *leaf)
{
    if (pseudo_conflict(root, leaf))
        return true;
    if (root->uri && leaf->uri && root->ignore_uri_case != leaf->ignore_uri_case)
        return true;
    if (root->port && leaf->port && root->port != leaf->port)
        return true;
    return maps_conflict(root->headers, root->headers_count, leaf->headers, leaf->headers_count) ||
           maps_conflict(root->without_headers, root->without_headers_count, leaf->without_headers,
                         leaf->without_headers_count) ||
           maps_conflict(root->query_params, root->query_params_count, leaf->query_params,
                         leaf->query_params_count) ||
           sources_conflict(root, leaf) || gateways_conflict(root, leaf);
}

/* The leaf's entries and those of the root that it lacks. */
static struct api_string_match_entry *
merge_maps(struct arena *arena, const struct api_string_match_entry *root, size_t root_count,
           const struct api_string_match_entry *leaf, size_t leaf_count, size_t *ret_count)
{
    struct api_string_match_entry *out =
        ARENA_ARRAY(arena, struct api_string_match_entry, root_count + leaf_count + 1);
    size_t count = leaf_count;

    if (leaf_count)
        memcpy(out, leaf, leaf_count * sizeof(*out));
    for (size_t i = 0; i < root_count; i++) {
        bool found = false;

        for (size_t j = 0; j < leaf_count; j++)
            found = found || strcmp(root[i].key, leaf[j].key) == 0;
        if (!found)
            out[count++] = root[i];
    }
    *ret_count = count;
    return out;
}

static const char *join_names(struct arena *arena, const char *root, const char *leaf)
{
    if (!root || !root[0])
        return leaf;
    if (!leaf || !leaf[0])
        return root;
    return arena_printf(arena, "%s-%s", root, leaf);
}

#define INHERIT(out, root, field)                                                                  \
    do {                                                                                           \
        if (!(out)->field)                                                                         \
            (out)->field = (root)->field;                                                          \
    } while (0)

static void merge_match(struct api_http_match_request *out,
                        const struct api_http_match_request *root,
                        const struct api_http_match_request *leaf, struct arena *arena)
{
    *out = *leaf;
    out->name = join_names(arena, root->name, leaf->name);
    if (!leaf->uri) {
        out->uri = root->uri;
        out->ignore_uri_case = root->ignore_uri_case;
    }
    INHERIT(out, root, scheme);
    INHERIT(out, root, method);
    INHERIT(out, root, authority);
    INHERIT(out, root, source_namespace);
    INHERIT(out, root, stat_prefix);
    if (!leaf->port) {
        out->port = root->port;
        out->has_port = root->has_port;
    }
    out->headers = merge_maps(arena, root->headers, root->headers_count, leaf->headers,
                              leaf->headers_count, &out->headers_count);
    out->without_headers =
        merge_maps(arena, root->without_headers, root->without_headers_count, leaf->without_headers,
                   leaf->without_headers_count, &out->without_headers_count);
    out->query_params =
        merge_maps(arena, root->query_params, root->query_params_count, leaf->query_params,
                   leaf->query_params_count, &out->query_params_count);
    if (leaf->gateways_count == 0) {
        out->gateways = root->gateways;
        out->gateways_count = root->gateways_count;
    }
    if (leaf->source_labels_count == 0) {
        out->source_labels = root->source_labels;
        out->source_labels_count = root->source_labels_count;
    }
}

/* False when the leaf has matches and none of them lies under any of the root's. */
static bool merge_matches(struct api_http_route *out, const struct api_http_route *root,
                          const struct api_http_route *leaf, struct arena *arena)
{
    struct api_http_match_request *matches;
    size_t count = 0;

    if (root->match_count == 0)
        return true; /* out has the leaf's */
    if (leaf->match_count == 0) {
        out->match = root->match;
        out->match_count = root->match_count;
        return true;
    }
    matches =
        ARENA_ARRAY(arena, struct api_http_match_request, root->match_count * leaf->match_count);
    for (size_t j = 0; j < leaf->match_count; j++)
        for (size_t i = 0; i < root->match_count; i++)
            if (!match_conflict(&root->match[i], &leaf->match[j]))
                merge_match(&matches[count++], &root->match[i], &leaf->match[j], arena);
    out->match = matches;
    out->match_count = count;
    return count > 0;
}

/* A delegate's route below a root's; NULL when they contradict each other. */
static const struct api_http_route *merge_route(const struct api_http_route *root,
                                                const struct api_http_route *leaf,
                                                struct arena *arena)
{
    struct api_http_route *out = ARENA_NEW(arena, struct api_http_route);

    *out = *leaf;
    out->name = join_names(arena, root->name, leaf->name);
    if (!merge_matches(out, root, leaf, arena))
        return NULL;
    INHERIT(out, root, rewrite);
    INHERIT(out, root, direct_response);
    INHERIT(out, root, retries);
    INHERIT(out, root, fault);
    INHERIT(out, root, mirror);
    INHERIT(out, root, mirror_percentage);
    INHERIT(out, root, cors_policy);
    INHERIT(out, root, headers);
    if (!leaf->has_timeout) {
        out->has_timeout = root->has_timeout;
        out->timeout_ns = root->timeout_ns;
    }
    if (leaf->mirrors_count == 0) {
        out->mirrors = root->mirrors;
        out->mirrors_count = root->mirrors_count;
    }
    return out;
}

/* ---- services ---- */

const struct mesh_virtual_service *
mesh_virtual_service_delegate(const struct mesh_node *root, const struct api_delegate *delegate,
                              struct mesh_node *const *sources, size_t source_count)
{
    const char *namespace =
        delegate->namespace && delegate->namespace[0] ? delegate->namespace : root->meta.namespace;

    for (size_t i = 0; i < source_count; i++) {
        const struct mesh_virtual_service *vs = &sources[i]->virtual_service;

        if (sources[i]->kind == MESH_VIRTUAL_SERVICE && vs->host_count == 0 &&
            strcmp(vs->meta.name, mesh_text(delegate->name)) == 0 &&
            strcmp(vs->meta.namespace, namespace) == 0)
            return mesh_virtual_service_visible(vs, root->meta.namespace) ? vs : NULL;
    }
    return NULL;
}

static size_t count_routes(const struct mesh_node *root, struct mesh_node *const *sources,
                           size_t source_count, bool *ret_delegates)
{
    size_t count = 0;

    *ret_delegates = false;
    for (size_t i = 0; i < root->virtual_service.http_count; i++) {
        const struct api_delegate *delegate = root->virtual_service.http[i]->delegate;
        const struct mesh_virtual_service *leaf =
            delegate ? mesh_virtual_service_delegate(root, delegate, sources, source_count) : NULL;

        *ret_delegates = *ret_delegates || delegate;
        count += leaf ? leaf->http_count : 1;
    }
    return count;
}

const struct mesh_virtual_service *mesh_virtual_service_merge(const struct mesh_node *root,
                                                              struct mesh_node *const *sources,
                                                              size_t source_count,
                                                              struct arena *arena)
{
    const struct mesh_virtual_service *from = &root->virtual_service;
    struct mesh_virtual_service *out;
    const struct api_http_route **http;
    const char **namespaces;
    bool delegates;
    size_t count = count_routes(root, sources, source_count, &delegates);

    if (from->host_count == 0)
        return NULL;
    if (!delegates || count > DELEGATED_MAX)
        return from;
    out = ARENA_NEW(arena, struct mesh_virtual_service);
    *out = *from;
    http = ARENA_ARRAY(arena, const struct api_http_route *, count + 1);
    namespaces = ARENA_ARRAY(arena, const char *, count + 1);
    out->http_count = 0;
    for (size_t i = 0; i < from->http_count; i++) {
        const struct api_delegate *delegate = from->http[i]->delegate;
        const struct mesh_virtual_service *leaf =
            delegate ? mesh_virtual_service_delegate(root, delegate, sources, source_count) : NULL;

        for (size_t j = 0; leaf && j < leaf->http_count; j++) {
            const struct api_http_route *merged = merge_route(from->http[i], leaf->http[j], arena);

            if (!merged)
                continue;
            namespaces[out->http_count] = leaf->meta.namespace;
            http[out->http_count++] = merged;
        }
        if (!delegate) {
            namespaces[out->http_count] = from->meta.namespace;
            http[out->http_count++] = from->http[i];
        }
    }
    out->http = http;
    out->http_namespaces = namespaces;
    return out;
}
