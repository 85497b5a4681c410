/* SPDX-License-Identifier: Apache-2.0 */
/* One gathering of resources, and the documents that are read off it. See discovery.h.
 *
 *   groups  [{metadata: {name}, versions: [{version, resources: [{resource, responseKind,
 *             subresources: [{subresource, responseKind, verbs}], ...}]}]}]
 *
 * The core group has no name.
 */
#include "kube/objects/discovery.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const char *group_name(const json_t *group)
{
    return json_path_string_or(group, "metadata.name", "");
}

static json_t *group_find(const json_t *groups, const char *name)
{
    size_t i;
    json_t *group;

    json_array_foreach(groups, i, group)
    {
        if (strcmp(group_name(group), name) == 0)
            return group;
    }
    return NULL;
}

static json_t *version_find(const json_t *groups, const char *group, const char *version)
{
    return json_array_find(json_object_get(group_find(groups, group), "versions"), "version",
                           version);
}

bool kube_discovery_has(const json_t *groups, const char *group, const char *version)
{
    return version[0] ? version_find(groups, group, version) != NULL
                      : group_find(groups, group) != NULL;
}

/* --- gathering --- */

static json_t *version_add(json_t *groups, const char *name, const char *version)
{
    json_t *group = group_find(groups, name);
    json_t *added =
        json_pack("{s:s, s:[], s:s}", "version", version, "resources", "freshness", "Current");

    if (group == NULL) {
        group = json_pack("{s:{}, s:[]}", "metadata", "versions");
        if (name[0])
            json_path_set(group, "metadata.name", json_string(name));
        json_array_append_new(groups, group);
    }
    json_array_append_new(json_object_get(group, "versions"), added);
    return added;
}

static json_t *response_kind(const char *group, const char *version, const char *kind)
{
    return json_pack("{s:s, s:s, s:s}", "group", group, "version", version, "kind", kind);
}

json_t *kube_discovery_add(json_t *groups, const struct kube_discovery_resource *resource)
{
    json_t *version = version_find(groups, resource->group, resource->version);
    json_t *added =
        json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:[]}", "resource", resource->plural,
                  "responseKind", response_kind(resource->group, resource->version, resource->kind),
                  "scope", resource->namespaced ? "Namespaced" : "Cluster", "singularResource",
                  resource->singular, "verbs", resource->verbs, "shortNames", resource->short_names,
                  "categories", resource->categories, "subresources");

    if (version == NULL)
        version = version_add(groups, resource->group, resource->version);
    json_array_append_new(json_object_get(version, "resources"), added);
    return added;
}

void kube_discovery_add_sub(json_t *resource, const char *name, const char *group,
                            const char *version, const char *kind, const char *verbs)
{
    json_t *list = json_array();
    struct slice rest = slice_str(verbs);
    struct slice verb;

    while (slice_split_next(&rest, ',', &verb))
        json_array_append_new(list, json_string_slice(verb));
    json_array_append_new(json_object_get(resource, "subresources"),
                          json_pack("{s:s, s:o, s:o}", "subresource", name, "responseKind",
                                    response_kind(group, version, kind), "verbs", list));
}

/* --- a version: APIResourceList --- */

static json_t *old_resource(const json_t *resource, const char *name, const char *singular,
                            const json_t *source)
{
    return json_pack(
        "{s:s, s:s, s:b, s:O, s:O}", "name", name, "singularName", singular, "namespaced",
        strcmp(json_path_string_or(resource, "scope", ""), "Namespaced") == 0, "kind",
        json_path_get(source, "responseKind.kind"), "verbs", json_object_get(source, "verbs"));
}

/* Says of which group and version the body is, when it is another one's. */
static json_t *old_subresource(const json_t *resource, const json_t *sub)
{
    static const char *const members[] = {"group", "version"};
    const json_t *own = json_object_get(resource, "responseKind");
    const json_t *body = json_object_get(sub, "responseKind");
    char *name = mem_printf("%s/%s", json_path_string_or(resource, "resource", ""),
                            json_path_string_or(sub, "subresource", ""));
    json_t *item = old_resource(resource, name, "", sub);

    mem_free(name);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (!json_equal(json_object_get(own, "group"), json_object_get(body, "group")))
            json_object_set(item, members[i], json_object_get(body, members[i]));
    }
    return item;
}

static char *group_version(const char *group, const char *version)
{
    return mem_printf("%s%s%s", group, group[0] ? "/" : "", version);
}

static json_t *version_document(const json_t *version, const struct kube_path *path)
{
    char *name = group_version(path->group, path->version);
    json_t *list = json_array();
    size_t i, j;
    json_t *resource, *sub;
    json_t *document;

    json_array_foreach(json_object_get(version, "resources"), i, resource)
    {
        json_t *item =
            old_resource(resource, json_path_string_or(resource, "resource", ""),
                         json_path_string_or(resource, "singularResource", ""), resource);

        json_object_set(item, "shortNames", json_object_get(resource, "shortNames"));
        json_object_set(item, "categories", json_object_get(resource, "categories"));
        json_array_append_new(list, item);
        json_array_foreach(json_object_get(resource, "subresources"), j, sub)
            json_array_append_new(list, old_subresource(resource, sub));
    }
    document = json_pack("{s:s, s:s, s:s, s:o}", "kind", "APIResourceList", "apiVersion", "v1",
                         "groupVersion", name, "resources", list);
    mem_free(name);
    return document;
}

/* --- groups --- */

static json_t *group_entry(const json_t *group)
{
    json_t *versions = json_array();
    size_t i;
    json_t *version;

    json_array_foreach(json_object_get(group, "versions"), i, version)
    {
        const char *number = json_path_string_or(version, "version", "");
        char *name = group_version(group_name(group), number);

        json_array_append_new(versions,
                              json_pack("{s:s, s:s}", "groupVersion", name, "version", number));
        mem_free(name);
    }
    return json_pack("{s:s, s:O, s:o}", "name", group_name(group), "preferredVersion",
                     json_array_get(versions, 0), "versions", versions);
}

static json_t *group_document(const json_t *group)
{
    json_t *document = group_entry(group);

    json_set_string(document, "kind", "APIGroup");
    json_set_string(document, "apiVersion", "v1");
    return document;
}

static json_t *groups_document(const json_t *groups, bool is_core, bool is_aggregated)
{
    json_t *list = json_array();
    size_t i;
    json_t *group;

    json_array_foreach(groups, i, group)
    {
        if ((group_name(group)[0] == '\0') == is_core)
            json_array_append_new(list, is_aggregated ? json_incref(group) : group_entry(group));
    }
    return is_aggregated
               ? json_pack("{s:s, s:s, s:{}, s:o}", "kind", "APIGroupDiscoveryList", "apiVersion",
                           "apidiscovery.k8s.io/v2", "metadata", "items", list)
               : json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups",
                           list);
}

bool kube_discovery_is_aggregated(const struct kube_path *path, struct slice accept)
{
    return path != NULL && !path->group[0] && !path->version[0] &&
           slice_find(accept, slice_str(KUBE_DISCOVERY_AGGREGATED)) >= 0;
}

json_t *kube_discovery_document(const json_t *groups, const struct kube_path *path,
                                bool is_aggregated, const char *address)
{
    const json_t *group = group_find(groups, path->group);
    const json_t *version = version_find(groups, path->group, path->version);

    if (path->plural[0])
        return NULL;
    if (path->version[0])
        return version ? version_document(version, path) : NULL;
    if (path->group[0])
        return group ? group_document(group) : NULL;
    if (path->is_core && !is_aggregated)
        return json_pack("{s:s, s:[s], s:[{s:s, s:s}]}", "kind", "APIVersions", "versions", "v1",
                         "serverAddressByClientCIDRs", "clientCIDR", "0.0.0.0/0", "serverAddress",
                         address);
    return groups_document(groups, path->is_core, is_aggregated);
}

json_t *kube_discovery_version(unsigned minor, const char *git_version)
{
    return json_pack("{s:s, s:o, s:s, s:o, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "major",
                     "1", "minor", json_sprintf("%u", minor), "emulationMajor", "1",
                     "emulationMinor", json_sprintf("%u", minor), "minCompatibilityMajor", "1",
                     "minCompatibilityMinor", json_sprintf("%u", minor - 1), "gitVersion",
                     git_version, "gitCommit", "", "gitTreeState", "clean", "buildDate",
                     "2026-01-01T00:00:00Z", "goVersion", "none", "compiler", "gcc", "platform",
                     "linux/amd64");
}

json_t *kube_discovery_openapi_index(const json_t *groups, uint64_t hash)
{
    json_t *paths = json_object();
    size_t i, j;
    json_t *group, *version;

    json_array_foreach(groups, i, group)
    {
        const char *prefix = group_name(group)[0] ? "apis" : "api";

        json_array_foreach(json_object_get(group, "versions"), j, version)
        {
            char *name =
                group_version(group_name(group), json_path_string_or(version, "version", ""));
            char *path = mem_printf("%s/%s", prefix, name);
            char *url = mem_printf("/openapi/v3/%s?hash=%llu", path, (unsigned long long)hash);

            json_object_set_new(paths, path, json_pack("{s:s}", "serverRelativeURL", url));
            mem_free(url);
            mem_free(path);
            mem_free(name);
        }
    }
    return json_pack("{s:o}", "paths", paths);
}
