/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that traffic may be sent to, and the destinations that virtual services name.
 */
#include "analyze/analysis_int.h"

#include "wire/json.h"

enum { HOST_SIZE = 512 };

const char *analysis_host(struct analysis *analysis, const char *ns, const char *host)
{
    char full[HOST_SIZE];

    if (!mesh_host_resolve(host, ns, "cluster.local", full, sizeof full))
        return host;
    return arena_strdup(&analysis->arena, full);
}

bool analysis_exports_to_all(const json_t *export_to)
{
    return json_array_size(export_to) == 0 || json_array_has(export_to, "*");
}

const char *analysis_scope(const json_t *item, const char *ns)
{
    const char *text = json_is_string(item) ? json_string_value(item) : "";

    return strcmp(text, ".") == 0 ? ns : text;
}

struct analyze_scopes analysis_scopes(struct analysis *analysis,
                                      const struct analyze_object *object)
{
    static const char *const everywhere[] = {"*"};
    const json_t *export_to = json_object_get(object->spec, "exportTo");
    const char **items;
    size_t i;
    json_t *item;

    if (analysis_exports_to_all(export_to))
        return (struct analyze_scopes){everywhere, 1};
    items = ARENA_ARRAY(&analysis->arena, const char *, json_array_size(export_to));
    json_array_foreach(export_to, i, item)
    {
        items[i] = analysis_scope(item, object->ns);
    }
    return (struct analyze_scopes){items, json_array_size(export_to)};
}

bool analysis_hosts_meet(const char *a, const char *b)
{
    struct slice x = slice_str(a[0] == '*' ? a + 1 : a);
    struct slice y = slice_str(b[0] == '*' ? b + 1 : b);

    if (a[0] == '*' && b[0] == '*')
        return x.len < y.len ? slice_ends_with(y, x) : slice_ends_with(x, y);
    if (a[0] == '*')
        return slice_ends_with(y, x);
    return b[0] == '*' ? slice_ends_with(x, y) : slice_eq(x, y);
}

static void host_add(struct analyze_hosts *hosts, struct analysis *analysis, const char *scope,
                     const struct analyze_host *host)
{
    const char *key = ANALYSIS_TEXT(analysis, "%s/%s", scope, host->host);

    (void)map_put(&hosts->by_scope, slice_str(key), (void *)host, NULL);
}

static struct analyze_host *host_make(struct analysis *analysis, const struct analyze_object *of,
                                      const char *name, const char *number_name)
{
    struct analyze_host *host = ARENA_NEW(&analysis->arena, struct analyze_host);

    host->host = analysis_host(analysis, of->ns, name);
    host->ports = json_object_get(of->spec, "ports");
    host->selector = json_path_get(of->spec, "workloadSelector.labels");
    host->number_name = number_name;
    return host;
}

static void entry_add(struct analyze_hosts *hosts, struct analysis *analysis,
                      const struct analyze_object *entry)
{
    struct analyze_scopes scopes = analysis_scopes(analysis, entry);
    size_t i;
    json_t *name;

    json_array_foreach(json_object_get(entry->spec, "hosts"), i, name)
    {
        struct analyze_host *host;

        if (!json_is_string(name))
            continue;
        host = host_make(analysis, entry, json_string_value(name), "number");
        for (size_t k = 0; k < scopes.count; k++)
            host_add(hosts, analysis, scopes.items[k], host);
    }
}

static void service_add(struct analyze_hosts *hosts, struct analysis *analysis,
                        const struct analyze_object *service)
{
    struct slice scopes =
        slice_str(mesh_label_get(&service->annotations, "networking.istio.io/exportTo"));
    struct analyze_host *host = host_make(analysis, service, service->name, "port");
    struct slice scope;

    host->selector = NULL;
    if (scopes.len == 0)
        scopes = SLICE("*");
    while (scopes.len > 0 && slice_split_next(&scopes, ',', &scope)) {
        const char *text = arena_slice_str(&analysis->arena, slice_trim(scope));

        host_add(hosts, analysis, strcmp(text, ".") == 0 ? service->ns : text, host);
    }
}

void analyze_hosts_init(struct analyze_hosts *hosts, struct analysis *analysis)
{
    map_init(&hosts->by_scope, 0);
    ANALYSIS_EACH(entry, analysis, SERVICE_ENTRY)
    entry_add(hosts, analysis, entry);
    ANALYSIS_EACH(service, analysis, SERVICE)
    service_add(hosts, analysis, service);
}

void analyze_hosts_deinit(struct analyze_hosts *hosts)
{
    map_deinit(&hosts->by_scope);
}

static const struct analyze_host *scoped_find(const struct analyze_hosts *hosts,
                                              struct analysis *analysis, const char *scope,
                                              const char *full)
{
    return map_get_str(&hosts->by_scope, ANALYSIS_TEXT(analysis, "%s/%s", scope, full));
}

static const struct analyze_host *wildcard_find(const struct analyze_hosts *hosts, const char *ns,
                                                const char *full)
{
    MAP_EACH (entry, &hosts->by_scope) {
        const struct analyze_host *host = entry->value;
        const char *slash = strchr(entry->key.data, '/');
        struct slice scope = slice_head(entry->key, (size_t)(slash - entry->key.data));

        if (host->host[0] == '*' && (slice_eq_str(scope, "*") || slice_eq_str(scope, ns)) &&
            mesh_host_covers(host->host, full))
            return host;
    }
    return NULL;
}

const struct analyze_host *analyze_hosts_find(const struct analyze_hosts *hosts,
                                              struct analysis *analysis, const char *ns,
                                              const json_t *export_to, const char *host)
{
    const char *full = analysis_host(analysis, ns, host);
    const struct analyze_host *found = scoped_find(hosts, analysis, "*", full);
    size_t i;
    json_t *scope;

    if (!found && json_array_size(export_to) == 0)
        found = scoped_find(hosts, analysis, ns, full);
    json_array_foreach(export_to, i, scope)
    {
        if (!found)
            found = scoped_find(hosts, analysis, analysis_scope(scope, ns), full);
    }
    return found ? found : wildcard_find(hosts, ns, full);
}

/* ---- destinations ---- */

static void routes_collect(struct analysis *analysis, const struct analyze_object *object,
                           const char *section, analyze_destination_vec *out)
{
    size_t i, k;
    json_t *rule, *route;

    json_array_foreach(json_object_get(object->spec, section), i, rule)
    {
        json_array_foreach(json_object_get(rule, "route"), k, route)
        {
            struct analyze_destination found = {
                .path =
                    ANALYSIS_TEXT(analysis, "spec.%s[%zu].route[%zu].destination", section, i, k),
                .json = json_object_get(route, "destination"),
            };

            VEC_PUSH(out, found);
        }
    }
}

static void mirrors_collect(struct analysis *analysis, const struct analyze_object *object,
                            analyze_destination_vec *out)
{
    size_t i, k;
    json_t *rule, *mirror;

    json_array_foreach(json_object_get(object->spec, "http"), i, rule)
    {
        struct analyze_destination found = {
            .path = ANALYSIS_TEXT(analysis, "spec.http[%zu].mirror", i),
            .json = json_object_get(rule, "mirror"),
            .is_mirror = true,
        };

        if (found.json)
            VEC_PUSH(out, found);
        json_array_foreach(json_object_get(rule, "mirrors"), k, mirror)
        {
            found.path = ANALYSIS_TEXT(analysis, "spec.http[%zu].mirrors[%zu].destination", i, k);
            found.json = json_object_get(mirror, "destination");
            VEC_PUSH(out, found);
        }
    }
}

analyze_destination_vec analysis_destinations(struct analysis *analysis,
                                              const struct analyze_object *virtual_service)
{
    static const char *const sections[] = {"tcp", "tls", "http"};
    analyze_destination_vec out = {0};

    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        routes_collect(analysis, virtual_service, sections[i], &out);
    mirrors_collect(analysis, virtual_service, &out);
    return out;
}
