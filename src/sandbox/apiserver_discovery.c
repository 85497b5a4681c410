/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery, version and OpenAPI: what a client asks before it does anything.
 *
 *   /api, /apis                old lists, or the aggregated document when the client accepts it
 *   /api/v1, /apis/G, /apis/G/V
 *   /version, /openid/v1/jwks
 *   /openapi/v3[/...]          per group-version: a PATCH with fieldValidation for every kind, and
 *                              the schemas for kubectl explain (kube-api reference, section 1)
 *
 * /openapi/v2 is an empty document, in apiserver_http.c.
 *
 * Place   apiserver_http.c, for paths that are no resources
 */
#include "api/openapi.h"
#include "sandbox/apiserver_int.h"

#include <stdio.h>

/* --- old documents --- */

static void old_resource_add(json_t *list, const struct kind *kind, const char *name,
                             const char *kind_name, json_t *verbs)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "singularName",
                                          strchr(name, '/') ? "" : kind->singular, "namespaced",
                                          kind->namespaced, "kind", kind_name, "verbs", verbs));
}

static json_t *verbs_split(const char *verbs)
{
    json_t *list = json_array();
    struct slice rest = slice_str(verbs);
    struct slice piece;

    while (slice_split_next(&rest, ',', &piece))
        json_array_append_new(list, json_string_slice(piece));
    return list;
}

struct sub_list {
    const struct kind *kind;
    json_t *list;
};

static void old_on_sub(const char *name, const char *group, const char *version,
                       const char *kind_name, const char *verbs, void *ctx)
{
    struct sub_list *subs = ctx;
    char full[128];
    json_t *item;

    snprintf(full, sizeof full, "%s/%s", subs->kind->plural, name);
    old_resource_add(subs->list, subs->kind, full, kind_name, verbs_split(verbs));
    item = json_array_get(subs->list, json_array_size(subs->list) - 1);
    if (group != NULL) {
        json_set_string(item, "group", group);
        json_set_string(item, "version", version);
    }
}

static bool is_of(const struct kind *kind, struct slice group, struct slice version)
{
    return kind->served && slice_eq_str(group, kind->group) &&
           (version.len == 0 || slice_eq_str(version, kind->version));
}

/* Kinds that exist as subresources' bodies only. */
static bool is_listed(const struct kind *kind)
{
    static const char *const hidden[] = {"tokenrequests", "evictions", "bindings", "scales"};

    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        if (strcmp(kind->plural, hidden[i]) == 0)
            return false;
    }
    return kind->served;
}

static json_t *resource_list(struct sandbox_apiserver *server, struct slice group,
                             struct slice version)
{
    json_t *list = json_array();
    const char *api_version = NULL;

    for (size_t i = 0; i < server->kinds.items.count; i++) {
        struct kind *kind = server->kinds.items.items[i];
        struct sub_list subs = {kind, list};
        json_t *item;

        if (!is_of(kind, group, version))
            continue;
        api_version = kind->api_version;
        if (!is_listed(kind))
            continue;
        old_resource_add(list, kind, kind->plural, kind->kind, kinds_verbs(kind));
        item = json_array_get(list, json_array_size(list) - 1);
        json_object_set_new(item, "shortNames", kinds_short_names(kind));
        json_object_set_new(item, "categories", kinds_categories(kind));
        kinds_each_subresource(kind, old_on_sub, &subs);
    }
    if (api_version == NULL) {
        json_decref(list);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "kind", "APIResourceList", "apiVersion", "v1",
                     "groupVersion", api_version, "resources", list);
}

/* Calls on_group for each group's first kind and each further version's first kind. Kinds are
 * sorted by group and version. */
static bool starts_version(const struct sandbox_apiserver *server, size_t at, bool *ret_group)
{
    const struct kind *kind = server->kinds.items.items[at];
    const struct kind *before = NULL;

    if (!kind->served)
        return false;
    for (size_t i = at; i-- > 0 && before == NULL;) {
        if (server->kinds.items.items[i]->served)
            before = server->kinds.items.items[i];
    }
    *ret_group = before == NULL || strcmp(before->group, kind->group) != 0;
    return *ret_group || strcmp(before->version, kind->version) != 0;
}

/* All groups but core: fresh array of APIGroup. */
static json_t *groups_list(const struct sandbox_apiserver *server)
{
    json_t *groups = json_array();
    json_t *group = NULL;

    for (size_t i = 0; i < server->kinds.items.count; i++) {
        const struct kind *kind = server->kinds.items.items[i];
        bool is_group = false;
        json_t *version;

        if (kind->group[0] == '\0' || !starts_version(server, i, &is_group))
            continue;
        version =
            json_pack("{s:s, s:s}", "groupVersion", kind->api_version, "version", kind->version);
        if (is_group) {
            group = json_pack("{s:s, s:[], s:O}", "name", kind->group, "versions",
                              "preferredVersion", version);
            json_array_append_new(groups, group);
        }
        json_array_append_new(json_object_get(group, "versions"), version);
    }
    return groups;
}

static json_t *group_find(const struct sandbox_apiserver *server, struct slice name)
{
    json_t *groups = groups_list(server);
    json_t *found = NULL;
    size_t i;
    json_t *group;

    json_array_foreach(groups, i, group)
    {
        if (slice_eq_str(name, json_path_string_or(group, "name", "")))
            found = json_deep_copy(group);
    }
    json_decref(groups);
    if (found != NULL) {
        json_set_string(found, "kind", "APIGroup");
        json_set_string(found, "apiVersion", "v1");
    }
    return found;
}

/* --- the aggregated document --- */

static json_t *response_kind(const char *group, const char *version, const char *kind_name)
{
    return json_pack("{s:s, s:s, s:s}", "group", group, "version", version, "kind", kind_name);
}

static void aggregated_on_sub(const char *name, const char *group, const char *version,
                              const char *kind_name, const char *verbs, void *ctx)
{
    struct sub_list *subs = ctx;

    json_array_append_new(
        subs->list, json_pack("{s:s, s:o, s:o}", "subresource", name, "responseKind",
                              response_kind(group ? group : subs->kind->group,
                                            version ? version : subs->kind->version, kind_name),
                              "verbs", verbs_split(verbs)));
}

static json_t *aggregated_resource(const struct kind *kind)
{
    struct sub_list subs = {kind, json_array()};
    json_t *resource =
        json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o}", "resource", kind->plural, "responseKind",
                  response_kind(kind->group, kind->version, kind->kind), "scope",
                  kind->namespaced ? "Namespaced" : "Cluster", "singularResource", kind->singular,
                  "verbs", kinds_verbs(kind), "shortNames", kinds_short_names(kind), "categories",
                  kinds_categories(kind));

    kinds_each_subresource(kind, aggregated_on_sub, &subs);
    json_object_set_new(resource, "subresources", subs.list);
    return resource;
}

static json_t *aggregated_list(const struct sandbox_apiserver *server, bool core)
{
    json_t *items = json_array();
    json_t *group = NULL;
    json_t *version = NULL;

    for (size_t i = 0; i < server->kinds.items.count; i++) {
        const struct kind *kind = server->kinds.items.items[i];
        bool is_group = false;

        if ((kind->group[0] == '\0') != core)
            continue;
        if (starts_version(server, i, &is_group)) {
            version = json_pack("{s:s, s:[], s:s}", "version", kind->version, "resources",
                                "freshness", "Current");
            if (is_group) {
                group = json_pack("{s:{}, s:[]}", "metadata", "versions");
                if (!core)
                    json_path_set(group, "metadata.name", json_string(kind->group));
                json_array_append_new(items, group);
            }
            json_array_append_new(json_object_get(group, "versions"), version);
        }
        if (is_listed(kind))
            json_array_append_new(json_object_get(version, "resources"), aggregated_resource(kind));
    }
    return json_pack("{s:s, s:s, s:{}, s:o}", "kind", "APIGroupDiscoveryList", "apiVersion",
                     "apidiscovery.k8s.io/v2", "metadata", "items", items);
}

/* --- OpenAPI v3 --- */

static json_t *openapi_index(const struct sandbox_apiserver *server)
{
    json_t *paths = json_object();

    for (size_t i = 0; i < server->kinds.items.count; i++) {
        const struct kind *kind = server->kinds.items.items[i];
        bool is_group;
        char name[256];
        char url[300];

        if (!starts_version(server, i, &is_group))
            continue;
        snprintf(name, sizeof name, "%s/%s", kind->group[0] ? "apis" : "api", kind->api_version);
        snprintf(url, sizeof url, "/openapi/v3/%s?hash=%llu", name,
                 (unsigned long long)store_revision(server->store));
        json_object_set_new(paths, name, json_pack("{s:s}", "serverRelativeURL", url));
    }
    return json_pack("{s:o}", "paths", paths);
}

static json_t *openapi_document(const struct sandbox_apiserver *server, struct slice group,
                                struct slice version)
{
    json_t *paths = json_object();
    json_t *schemas = json_object();

    for (size_t i = 0; i < server->kinds.items.count; i++) {
        const struct kind *kind = server->kinds.items.items[i];
        char path[512];

        if (!is_of(kind, group, version))
            continue;
        if (kind->api != NULL)
            openapi_kind_add(schemas, kind->api, kind->version);
        else
            openapi_custom_add(schemas, kind->crd, kind->crd_version);
        if (kind->is_virtual)
            continue;
        snprintf(path, sizeof path, "/%s/%s%s/%s/{name}", kind->group[0] ? "apis" : "api",
                 kind->api_version, kind->namespaced ? "/namespaces/{namespace}" : "",
                 kind->plural);
        json_object_set_new(paths, path, openapi_path_new(kind->group, kind->version, kind->kind));
    }
    if (json_object_size(paths) == 0) {
        json_decref(paths);
        json_decref(schemas);
        return NULL;
    }
    return json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:o}}", "openapi", "3.0.0", "info", "title",
                     "Kubernetes", "version", "v1.34.4", "paths", paths, "components", "schemas",
                     schemas);
}

/* --- dispatch --- */

static json_t *version_document(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "major",
                     "1", "minor", "34", "emulationMajor", "1", "emulationMinor", "34",
                     "minCompatibilityMajor", "1", "minCompatibilityMinor", "33", "gitVersion",
                     "v1.34.4+weft", "gitCommit", "", "gitTreeState", "clean", "buildDate",
                     "2026-01-01T00:00:00Z", "goVersion", "none", "compiler", "gcc", "platform",
                     "linux/amd64");
}

enum { PATH_PARTS_MAX = 5 };

static size_t path_split(struct slice path, struct slice *parts)
{
    size_t count = 0;
    struct slice rest = slice_from(path, 1);
    struct slice piece;

    while (slice_split_next(&rest, '/', &piece)) {
        if (piece.len == 0)
            continue;
        if (count == PATH_PARTS_MAX)
            return PATH_PARTS_MAX + 1;
        parts[count++] = piece;
    }
    return count;
}

static json_t *api_document(struct apiserver_call *call, const struct slice *parts, size_t count,
                            bool aggregated)
{
    bool core = slice_eq_str(parts[0], "api");

    if (count == 1 && aggregated)
        return aggregated_list(call->server, core);
    if (count == 1 && core)
        return json_pack("{s:s, s:[s], s:[{s:s, s:s}]}", "kind", "APIVersions", "versions", "v1",
                         "serverAddressByClientCIDRs", "clientCIDR", "0.0.0.0/0", "serverAddress",
                         call->server->options.listen);
    if (count == 1)
        return json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups",
                         groups_list(call->server));
    if (count == 2 && core)
        return resource_list(call->server, SLICE(""), parts[1]);
    if (count == 2)
        return group_find(call->server, parts[1]);
    return count == 3 && !core ? resource_list(call->server, parts[1], parts[2]) : NULL;
}

static json_t *openapi_v3(struct apiserver_call *call, const struct slice *parts, size_t count)
{
    if (count == 2)
        return openapi_index(call->server);
    if (count == 4 && slice_eq_str(parts[2], "api"))
        return openapi_document(call->server, SLICE(""), parts[3]);
    if (count == 5 && slice_eq_str(parts[2], "apis"))
        return openapi_document(call->server, parts[3], parts[4]);
    return NULL;
}

/* A version that a known group lacks is answered by the API, an unknown group by nobody. */
static void unknown_version(struct apiserver_call *call, const struct slice *parts, size_t count)
{
    json_t *group =
        count == 3 && slice_eq_str(parts[0], "apis") ? group_find(call->server, parts[1]) : NULL;

    if (group != NULL)
        apiserver_fail(call, 404, "NotFound", "the server could not find the requested resource");
    json_decref(group);
}

bool apiserver_discovery_run(struct apiserver_call *call, struct slice path, bool aggregated)
{
    struct slice parts[PATH_PARTS_MAX];
    size_t count = path_split(path, parts);

    if (count == 0 || count > PATH_PARTS_MAX)
        return false;
    if (slice_eq_str(parts[0], "api") || slice_eq_str(parts[0], "apis"))
        call->result = api_document(call, parts, count, aggregated);
    else if (slice_eq_str(parts[0], "openapi") && count > 1 && slice_eq_str(parts[1], "v3"))
        call->result = openapi_v3(call, parts, count);
    else if (slice_eq_str(parts[0], "version") && count == 1)
        call->result = version_document();
    else if (slice_eq_str(path, "/openid/v1/jwks"))
        call->result = apiserver_auth_jwks(call->server->auth);
    else if (slice_eq_str(path, "/.well-known/openid-configuration"))
        call->result = json_pack("{s:s, s:s, s:[s], s:[s], s:[s]}", "issuer",
                                 "https://kubernetes.default.svc.cluster.local", "jwks_uri",
                                 "https://kubernetes.default.svc.cluster.local/openid/v1/jwks",
                                 "response_types_supported", "id_token", "subject_types_supported",
                                 "public", "id_token_signing_alg_values_supported", "RS256");
    if (call->result == NULL)
        unknown_version(call, parts, count);
    return call->result != NULL;
}
