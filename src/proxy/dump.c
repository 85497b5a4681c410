/* SPDX-License-Identifier: Apache-2.0 */
/* Resources in their bytes, and as JSON in Envoy's admin form. See dump.h.
 */
#include "proxy/dump.h"

#include "base/clock.h"
#include "base/mem.h"
#include "xds/pb/cluster.h"
#include "xds/pb/endpoint.h"
#include "xds/pb/listener.h"
#include "xds/pb/registry.h"
#include "xds/pb/route.h"

#include <stdio.h>

enum { DUMP_MAX = 100000 };

static const struct kind {
    const struct proto_message *desc;
    const char *type; /* of the dump object */
    const char *fixed_list;
    const char *dynamic_list;
    const char *warming_list; /* NULL: none */
    const char *member;
} kinds[DUMP_KIND_COUNT] = {
    [DUMP_CLUSTER] = {&pb_cluster_desc, "ClustersConfigDump", "static_clusters",
                      "dynamic_active_clusters", "dynamic_warming_clusters", "cluster"},
    [DUMP_ENDPOINTS] = {&pb_cluster_load_assignment_desc, "EndpointsConfigDump",
                        "static_endpoint_configs", "dynamic_endpoint_configs", NULL,
                        "endpoint_config"},
    [DUMP_LISTENER] = {&pb_listener_desc, "ListenersConfigDump", "static_listeners",
                       "dynamic_listeners", NULL, "listener"},
    [DUMP_ROUTE] = {&pb_route_configuration_desc, "RoutesConfigDump", "static_route_configs",
                    "dynamic_route_configs", NULL, "route_config"},
};

void dump_init(struct dump *dump)
{
    for (size_t i = 0; i < DUMP_KIND_COUNT; i++)
        map_init(&dump->kinds[i], DUMP_MAX);
}

static void entry_free(struct dump_entry *entry)
{
    if (entry == NULL)
        return;
    mem_free((void *)(uintptr_t)entry->bytes.data);
    mem_free(entry->version);
    mem_free(entry->error);
    mem_free(entry);
}

void dump_deinit(struct dump *dump)
{
    for (size_t i = 0; i < DUMP_KIND_COUNT; i++) {
        MAP_EACH (entry, &dump->kinds[i])
            entry_free(entry->value);
        map_deinit(&dump->kinds[i]);
    }
}

void dump_put(struct dump *dump, enum dump_kind kind, struct slice name, struct slice bytes,
              const char *version, bool dynamic)
{
    struct dump_entry *entry = MEM_NEW(struct dump_entry);
    void *old = NULL;

    entry->bytes = slice_make(mem_slice_dup(bytes), bytes.len);
    entry->version = mem_strdup(version ? version : "");
    entry->updated_ms = clock_realtime_ms();
    entry->dynamic = dynamic;
    if (map_put(&dump->kinds[kind], name, entry, &old) < 0)
        entry_free(entry);
    entry_free(old);
}

void dump_set_warming(struct dump *dump, enum dump_kind kind, struct slice name, bool warming)
{
    struct dump_entry *entry = map_get(&dump->kinds[kind], name);

    if (entry != NULL)
        entry->warming = warming;
}

void dump_set_error(struct dump *dump, enum dump_kind kind, struct slice name, const char *error)
{
    struct dump_entry *entry = map_get(&dump->kinds[kind], name);

    if (entry == NULL)
        return;
    mem_free(entry->error);
    entry->error = mem_strdup(error);
}

void dump_remove(struct dump *dump, enum dump_kind kind, struct slice name)
{
    entry_free(map_remove(&dump->kinds[kind], name));
}

struct slice dump_bytes(const struct dump *dump, enum dump_kind kind, struct slice name)
{
    const struct dump_entry *entry = map_get(&dump->kinds[kind], name);

    return entry ? entry->bytes : slice_make(NULL, 0);
}

static json_t *decode(const struct kind *kind, const struct dump_entry *entry)
{
    struct arena arena;
    void *message;
    json_t *json = NULL;
    char type[160];

    arena_init(&arena, 0);
    if (proto_decode(kind->desc, entry->bytes, NULL, &arena, &message, NULL, NULL) == 0) {
        json_t *fields = proto_to_json_names(kind->desc, message, &pb_registry);

        snprintf(type, sizeof type, "type.googleapis.com/%s", kind->desc->name);
        json = json_object();
        json_object_set_new(json, "@type", json_string(type));
        json_object_update(json, fields);
        json_decref(fields);
    }
    arena_deinit(&arena);
    return json ? json : json_object();
}

static json_t *print_entry(const struct kind *kind, struct slice name,
                           const struct dump_entry *entry)
{
    char time[CLOCK_RFC3339_SIZE];
    json_t *state = json_object();
    json_t *outer;

    if (entry->dynamic)
        json_object_set_new(state, "version_info", json_string(entry->version));
    json_object_set_new(state, kind->member, decode(kind, entry));
    json_object_set_new(state, "last_updated",
                        json_string(clock_format_rfc3339(entry->updated_ms, true, time)));
    if (entry->error != NULL) {
        json_t *error = json_object();

        json_object_set_new(error, "details", json_string(entry->error));
        json_object_set_new(state, "error_state", error);
    }
    if (kind != &kinds[DUMP_LISTENER] || !entry->dynamic)
        return state;
    outer = json_object();
    json_object_set_new(outer, "name", json_stringn(name.data, name.len));
    json_object_set_new(outer, "active_state", state);
    return outer;
}

json_t *dump_print(const struct dump *dump, enum dump_kind kind)
{
    const struct kind *info = &kinds[kind];
    json_t *object = json_object();
    char type[96];

    snprintf(type, sizeof type, "type.googleapis.com/envoy.admin.v3.%s", info->type);
    json_object_set_new(object, "@type", json_string(type));
    MAP_EACH (item, &dump->kinds[kind]) {
        const struct dump_entry *entry = item->value;
        const char *list = !entry->dynamic                        ? info->fixed_list
                           : entry->warming && info->warming_list ? info->warming_list
                                                                  : info->dynamic_list;

        json_array_append_new(json_member_array(object, list), print_entry(info, item->key, entry));
    }
    return object;
}
