/* SPDX-License-Identifier: Apache-2.0 */
/* Service entries: TCP ports without addresses, hosts with two protocols on one port.
 */
#include "analyze/all.h"

#include "wire/json.h"

#include <ctype.h>
#include <strings.h>

/* Whether proxies give each ServiceEntry an address of its own. */
static bool addresses_are_allocated(const struct analysis *analysis)
{
    static const char *const switches[] = {"ISTIO_META_DNS_AUTO_ALLOCATE",
                                           "PILOT_ENABLE_IP_AUTOALLOCATE"};
    const json_t *metadata = json_path_get(analysis->mesh_config, "defaultConfig.proxyMetadata");

    if (strcmp(json_path_string_or(metadata, "ISTIO_META_DNS_CAPTURE", ""), "true") != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(switches); i++)
        if (strcmp(json_path_string_or(metadata, switches[i], ""), "true") == 0)
            return true;
    return false;
}

static void entry_check(struct analysis *analysis, const struct analyze_object *entry)
{
    size_t i;
    json_t *port;

    if (json_array_size(json_object_get(entry->spec, "addresses")) > 0 ||
        json_array_size(json_path_get(entry->json, "status.addresses")) > 0)
        return;
    json_array_foreach(json_object_get(entry->spec, "ports"), i, port)
    {
        const char *protocol = json_path_string_or(port, "protocol", "");

        if (!protocol[0] || strcasecmp(protocol, "TCP") == 0)
            analysis_report(analysis, ANALYZE_ADDRESSES_REQUIRED, entry,
                            ANALYSIS_TEXT(analysis, "spec.ports[%zu].name", i), NULL);
    }
}

void analyze_service_entry(struct analysis *analysis)
{
    if (addresses_are_allocated(analysis))
        return;
    ANALYSIS_EACH(entry, analysis, SERVICE_ENTRY)
    entry_check(analysis, entry);
}

/* ---- protocols ---- */

/* One host and port of one entry, in one namespace ("*": in all). */
struct endpoint {
    const struct analyze_object *entry;
    const char *scope;
    const char *host;
    int64_t port;
    const char *protocol; /* upper case */
};
typedef VEC(struct endpoint) endpoint_vec;

static const char *upper(struct analysis *analysis, const char *text)
{
    char *out = arena_strdup(&analysis->arena, text);

    for (char *p = out; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return out;
}

static void endpoints_add(struct analysis *analysis, const struct analyze_object *entry,
                          const char *scope, endpoint_vec *out)
{
    size_t i, k;
    json_t *host, *port;

    json_array_foreach(json_object_get(entry->spec, "hosts"), i, host)
    {
        json_array_foreach(json_object_get(entry->spec, "ports"), k, port)
        {
            struct endpoint endpoint = {entry, scope, json_string_value(host),
                                        json_get_int(port, "number", 0),
                                        upper(analysis, json_path_string_or(port, "protocol", ""))};

            if (endpoint.host)
                VEC_PUSH(out, endpoint);
        }
    }
}

static endpoint_vec endpoints_collect(struct analysis *analysis)
{
    endpoint_vec out = {0};

    ANALYSIS_EACH(entry, analysis, SERVICE_ENTRY)
    {
        struct analyze_scopes scopes = analysis_scopes(analysis, entry);

        for (size_t i = 0; i < scopes.count; i++)
            endpoints_add(analysis, entry, scopes.items[i], &out);
    }
    return out;
}

static bool endpoints_meet(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0 &&
           (strcmp(a->scope, b->scope) == 0 || strcmp(b->scope, "*") == 0);
}

static size_t meeting_count_get(const endpoint_vec *all, const struct endpoint *endpoint)
{
    size_t count = 0;

    for (size_t i = 0; i < all->count; i++)
        count += endpoints_meet(endpoint, &all->items[i]);
    return count;
}

/* Adds a text that is not among the others yet. */
static size_t text_add(const char **texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0)
            return count;
    texts[count] = text;
    return count + 1;
}

static void endpoint_check(struct analysis *analysis, const endpoint_vec *all,
                           const struct endpoint *endpoint, struct map *told)
{
    size_t meeting_count = meeting_count_get(all, endpoint);
    const char **protocols;
    const char **names;
    const char *joined_names;
    const char *joined_protocols;
    size_t protocol_count = 0;
    size_t name_count = 0;

    if (meeting_count < 2)
        return;
    protocols = ARENA_ARRAY(&analysis->arena, const char *, meeting_count);
    names = ARENA_ARRAY(&analysis->arena, const char *, meeting_count);
    for (size_t i = 0; i < all->count; i++) {
        if (!endpoints_meet(endpoint, &all->items[i]))
            continue;
        protocol_count = text_add(protocols, protocol_count, all->items[i].protocol);
        name_count = text_add(names, name_count, all->items[i].entry->full);
    }
    if (protocol_count < 2)
        return;
    joined_names = analysis_join(analysis, names, name_count, ", ", true);
    joined_protocols = analysis_join(analysis, protocols, protocol_count, ", ", true);
    for (size_t i = 0; i < all->count; i++) {
        struct slice key = slice_str(all->items[i].entry->full);

        if (!endpoints_meet(endpoint, &all->items[i]) || map_get(told, key))
            continue;
        (void)map_put(told, key, (void *)all->items[i].entry, NULL);
        analysis_report(analysis, ANALYZE_CONFLICTING_SERVICE_ENTRIES, all->items[i].entry,
                        "metadata.name", joined_names, endpoint->host,
                        ANALYSIS_TEXT(analysis, "%lld", (long long)endpoint->port),
                        joined_protocols, NULL);
    }
}

void analyze_service_entry_protocols(struct analysis *analysis)
{
    endpoint_vec all = endpoints_collect(analysis);
    struct map told; /* each entry is told of once */

    map_init(&told, 0);
    for (size_t i = 0; i < all.count; i++)
        endpoint_check(analysis, &all, &all.items[i], &told);
    map_deinit(&told);
    VEC_DEINIT(&all);
}
