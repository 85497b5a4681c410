/* SPDX-License-Identifier: Apache-2.0 */
/* The store of current resources and its published generations. See config.h.
 */
#include "proxy/config.h"

#include "base/mem.h"

enum { LISTENERS_MAX = 100000, ADDR_KEY_SIZE = 19 };

void config_store_init(struct config_store *store)
{
    memset(store, 0, sizeof *store);
    map_init(&store->listeners, LISTENERS_MAX);
}

void config_store_deinit(struct config_store *store)
{
    for (size_t i = 0; i < store->clusters.count; i++) {
        config_store_cluster(store, (uint32_t)i, NULL);
        config_store_endpoints(store, (uint32_t)i, NULL);
    }
    for (size_t i = 0; i < store->routes.count; i++)
        config_store_route(store, (uint32_t)i, NULL);
    MAP_EACH (entry, &store->listeners)
        resource_unref(entry->value);
    map_deinit(&store->listeners);
    VEC_DEINIT(&store->clusters);
    VEC_DEINIT(&store->routes);
    if (store->current != NULL)
        resource_unref(&store->current->resource);
    store->current = NULL;
}

static struct config_cluster *cluster_slot(struct config_store *store, uint32_t slot)
{
    while (store->clusters.count <= slot) {
        struct config_cluster none = {NULL, NULL};

        VEC_PUSH(&store->clusters, none);
    }
    return &store->clusters.items[slot];
}

void config_store_cluster(struct config_store *store, uint32_t slot, struct cluster_conf *conf)
{
    struct config_cluster *cluster = cluster_slot(store, slot);

    if (cluster->conf != NULL)
        resource_unref(&cluster->conf->resource);
    cluster->conf = conf;
}

void config_store_endpoints(struct config_store *store, uint32_t slot, struct endpoint_set *set)
{
    struct config_cluster *cluster = cluster_slot(store, slot);

    if (cluster->endpoints != NULL)
        resource_unref(&cluster->endpoints->resource);
    cluster->endpoints = set;
}

void config_store_route(struct config_store *store, uint32_t slot, struct route_table *table)
{
    while (store->routes.count <= slot)
        VEC_PUSH(&store->routes, NULL);
    if (store->routes.items[slot] != NULL)
        resource_unref(&store->routes.items[slot]->resource);
    store->routes.items[slot] = table;
}

void config_store_listener(struct config_store *store, struct slice name,
                           struct listener_conf *conf)
{
    void *old = NULL;

    if (conf == NULL)
        old = map_remove(&store->listeners, name);
    else
        ASSERT(map_put(&store->listeners, name, conf, &old) == 0);
    resource_unref(old);
}

struct config_cluster config_store_get_cluster(const struct config_store *store, uint32_t slot)
{
    static const struct config_cluster none = {NULL, NULL};

    return slot < store->clusters.count ? store->clusters.items[slot] : none;
}

/* family, IP bytes, port: the same for 1.2.3.4 and ::ffff:1.2.3.4. */
static struct slice addr_key(const struct addr *addr, bool any, char *key)
{
    const uint8_t *bytes;
    size_t len = addr_ip_bytes(addr, &bytes);
    unsigned port = addr_port(addr);

    key[0] = (char)len;
    key[1] = (char)(port >> 8);
    key[2] = (char)port;
    if (any)
        memset(key + 3, 0, len);
    else if (len > 0)
        memcpy(key + 3, bytes, len);
    return slice_make(key, len + 3);
}

static void drop_config(void *object)
{
    struct config *config = object;

    for (size_t i = 0; i < config->cluster_count; i++) {
        if (config->clusters[i].conf != NULL)
            resource_unref(&config->clusters[i].conf->resource);
        if (config->clusters[i].endpoints != NULL)
            resource_unref(&config->clusters[i].endpoints->resource);
    }
    for (size_t i = 0; i < config->route_count; i++)
        if (config->routes[i] != NULL)
            resource_unref(&config->routes[i]->resource);
    for (size_t i = 0; i < config->listener_count; i++)
        resource_unref(&config->listeners[i]->resource);
    map_deinit(&config->by_addr);
}

static void add_listener(struct config *config, struct listener_conf *conf)
{
    config->listeners[config->listener_count++] = conf;
    resource_ref(&conf->resource);
    for (size_t i = 0; i < conf->addr_count; i++) {
        char key[ADDR_KEY_SIZE];
        struct slice text = addr_key(&conf->addrs[i], false, key);

        /* The first listener of an address keeps it. */
        if (!conf->hand_over && map_get(&config->by_addr, text) == NULL)
            (void)map_put(&config->by_addr, text, conf, NULL);
    }
}

struct config *config_store_publish(struct config_store *store)
{
    struct config *config = resource_new(sizeof *config, 4096);
    struct arena *arena = &config->resource.arena;

    config->generation = ++store->generation;
    config->cluster_count = store->clusters.count;
    config->clusters = ARENA_ARRAY(arena, struct config_cluster, config->cluster_count + 1);
    for (size_t i = 0; i < config->cluster_count; i++) {
        config->clusters[i] = store->clusters.items[i];
        if (config->clusters[i].conf != NULL)
            resource_ref(&config->clusters[i].conf->resource);
        if (config->clusters[i].endpoints != NULL)
            resource_ref(&config->clusters[i].endpoints->resource);
    }
    config->route_count = store->routes.count;
    config->routes = ARENA_ARRAY(arena, struct route_table *, config->route_count + 1);
    for (size_t i = 0; i < config->route_count; i++) {
        config->routes[i] = store->routes.items[i];
        if (config->routes[i] != NULL)
            resource_ref(&config->routes[i]->resource);
    }
    map_init(&config->by_addr, 0);
    config->listeners = ARENA_ARRAY(arena, struct listener_conf *, store->listeners.count + 1);
    MAP_EACH (entry, &store->listeners)
        add_listener(config, entry->value);
    resource_defer(&config->resource, drop_config, config);
    if (store->current != NULL)
        resource_unref(&store->current->resource);
    store->current = config;
    return config;
}

struct listener_conf *config_listener_of(const struct config *config, const struct addr *addr)
{
    char key[ADDR_KEY_SIZE];
    struct listener_conf *found = map_get(&config->by_addr, addr_key(addr, false, key));

    return found ? found : map_get(&config->by_addr, addr_key(addr, true, key));
}
