/* SPDX-License-Identifier: Apache-2.0 */
/* xDS into resources. See discovery.h for the order of change.
 */
#include "proxy/discovery.h"

#include "base/log.h"
#include "base/mem.h"
#include "xds/ads.h"

enum { HOLD_MAX_MS = 3000, REMOVE_AFTER_MS = 5000, REMOVE_POLL_MS = 500, NAMES_LIMIT = 100000 };

/* A name that was subscribed to. */
struct wanted {
    bool answered;
    bool marked; /* while sweeping */
};

struct discovery {
    struct server *server;
    struct resources *resources;
    struct ads *ads;
    struct map names[XDS_TYPE_COUNT]; /* EDS, RDS: name -> wanted */
    size_t unanswered;
    struct loop_timer hold_timer;
    bool hold_expired; /* until a new name is asked for, what is unanswered holds nothing up */
    struct map doomed; /* clusters to remove: name -> time, as uintptr_t */
    struct loop_timer doom_timer;
    bool got_clusters;
    bool got_listeners;
    bool ready;
    void (*on_ready)(void *ctx);
    void *ctx;
};

static struct loop *loop_of(const struct discovery *discovery)
{
    return discovery->server->loop;
}

/* --- holding --- */

bool discovery_holds(const struct discovery *discovery)
{
    if (!discovery->ready && !(discovery->got_clusters && discovery->got_listeners))
        return true;
    return discovery->unanswered > 0 && !discovery->hold_expired;
}

static void publish_if_whole(struct discovery *discovery)
{
    if (discovery_holds(discovery))
        return;
    loop_timer_stop(loop_of(discovery), &discovery->hold_timer);
    loop_task_add(loop_of(discovery), &discovery->resources->change);
    if (!discovery->ready) {
        discovery->ready = true;
        discovery->on_ready(discovery->ctx);
    }
}

static void on_hold_expired(void *ctx)
{
    struct discovery *discovery = ctx;

    log_warn(xds, "%zu resources were asked for and not answered: going on without",
             discovery->unanswered);
    discovery->hold_expired = true;
    publish_if_whole(discovery);
}

/* --- names --- */

static void want(struct discovery *discovery, enum xds_type type, struct slice name)
{
    struct wanted *wanted = map_get(&discovery->names[type], name);

    if (wanted != NULL) {
        wanted->marked = true;
        return;
    }
    wanted = MEM_NEW(struct wanted);
    wanted->marked = true;
    if (map_put(&discovery->names[type], name, wanted, NULL) < 0 ||
        xds_client_subscribe(ads_client(discovery->ads), type, name) < 0) {
        log_error(xds, "too many names: %.*s is not subscribed to", SLICE_ARG(name));
        wanted->answered = true;
        return;
    }
    discovery->unanswered++;
    discovery->hold_expired = false;
    if (!loop_timer_is_armed(&discovery->hold_timer))
        loop_timer_start(loop_of(discovery), &discovery->hold_timer, HOLD_MAX_MS);
}

static void answer(struct discovery *discovery, enum xds_type type, struct slice name)
{
    struct wanted *wanted = map_get(&discovery->names[type], name);

    if (wanted == NULL || wanted->answered)
        return;
    wanted->answered = true;
    discovery->unanswered--;
}

/* Drops the names of a type that were not marked since the last sweep. */
static void sweep(struct discovery *discovery, enum xds_type type)
{
    MAP_EACH (entry, &discovery->names[type]) {
        struct wanted *wanted = entry->value;

        if (wanted->marked) {
            wanted->marked = false;
            continue;
        }
        if (!wanted->answered)
            discovery->unanswered--;
        xds_client_unsubscribe(ads_client(discovery->ads), type, entry->key);
        if (type == XDS_TYPE_ROUTE)
            resources_remove_route(discovery->resources, entry->key);
        else
            resources_remove_endpoints(discovery->resources, entry->key);
        (void)map_remove(&discovery->names[type], entry->key);
        mem_free(wanted);
    }
}

static void want_endpoints(struct discovery *discovery)
{
    const struct config_store *store = &discovery->resources->store;

    for (size_t i = 0; i < store->clusters.count; i++) {
        const struct cluster_conf *conf = store->clusters.items[i].conf;

        if (conf != NULL && conf->type == CLUSTER_EDS && conf->added_by_api)
            want(discovery, XDS_TYPE_ENDPOINT, conf->eds_name);
    }
    sweep(discovery, XDS_TYPE_ENDPOINT);
}

static void want_route(struct discovery *discovery, const struct chain_conf *chain)
{
    if (chain->kind == CHAIN_HTTP && chain->hcm->routes == NULL)
        want(discovery, XDS_TYPE_ROUTE, chain->hcm->route_name);
}

static void want_routes(struct discovery *discovery)
{
    MAP_EACH (entry, &discovery->resources->store.listeners) {
        const struct listener_conf *conf = entry->value;

        for (size_t i = 0; i < conf->chain_count; i++)
            want_route(discovery, &conf->chains[i]);
        if (conf->default_chain != NULL)
            want_route(discovery, conf->default_chain);
    }
    sweep(discovery, XDS_TYPE_ROUTE);
}

/* --- removals --- */

static void on_doom(void *ctx)
{
    struct discovery *discovery = ctx;
    uint64_t now_ms = loop_now_ms(loop_of(discovery));

    MAP_EACH (entry, &discovery->doomed) {
        if ((uintptr_t)entry->value > now_ms)
            continue;
        resources_remove_cluster(discovery->resources, entry->key);
        (void)map_remove(&discovery->doomed, entry->key);
    }
    want_endpoints(discovery);
    ads_flush(discovery->ads);
    if (discovery->doomed.count > 0)
        loop_timer_start(loop_of(discovery), &discovery->doom_timer, REMOVE_POLL_MS);
}

static void doom(struct discovery *discovery, struct slice name)
{
    uintptr_t at = (uintptr_t)(loop_now_ms(loop_of(discovery)) + REMOVE_AFTER_MS);

    if (map_put(&discovery->doomed, name, (void *)at, NULL) < 0)
        resources_remove_cluster(discovery->resources, name);
    if (!loop_timer_is_armed(&discovery->doom_timer))
        loop_timer_start(loop_of(discovery), &discovery->doom_timer, REMOVE_POLL_MS);
}

/* --- updates --- */

static int put(struct discovery *discovery, enum xds_type type, const void *message,
               const struct xds_item *item, struct error *err)
{
    struct resources *resources = discovery->resources;
    char *version = mem_slice_dup(item->version);
    int rc = 0;

    switch (type) {
    case XDS_TYPE_CLUSTER:
        (void)map_remove(&discovery->doomed, item->name);
        rc = resources_put_cluster(resources, message, item->bytes, version, true, err);
        break;
    case XDS_TYPE_ENDPOINT:
        rc = resources_put_endpoints(resources, message, item->bytes, version, err);
        break;
    case XDS_TYPE_LISTENER:
        rc = resources_put_listener(resources, message, item->bytes, version, true, err);
        break;
    case XDS_TYPE_ROUTE:
        rc = resources_put_route(resources, message, item->bytes, version, true, err);
        break;
    default:
        break;
    }
    mem_free(version);
    return rc;
}

static int take_item(struct discovery *discovery, enum xds_type type, struct xds_item *item,
                     struct error *err)
{
    struct proto_report report = {0};
    struct arena arena;
    void *message;
    int rc;

    arena_init(&arena, 16384);
    rc = proto_decode(xds_type_desc(type), item->bytes, NULL, &arena, &message, &report, err);
    if (rc == 0) {
        for (size_t i = 0; i < report.path_count; i++)
            compile_unsupported(&discovery->resources->compiler, "xds fields we do not know");
        rc = put(discovery, type, message, item, err);
    }
    arena_deinit(&arena);
    answer(discovery, type, item->name);
    if (rc < 0) {
        item->rejected = true;
        err_prefix(err, "%.*s", SLICE_ARG(item->name));
    }
    return rc;
}

static void take_removed(struct discovery *discovery, const struct xds_update *update)
{
    for (size_t i = 0; i < update->removed_count; i++) {
        struct slice name = update->removed[i];

        if (update->type == XDS_TYPE_CLUSTER)
            doom(discovery, name);
        else if (update->type == XDS_TYPE_LISTENER)
            resources_remove_listener(discovery->resources, name);
        else
            answer(discovery, update->type, name); /* it is not there: nothing to wait for */
    }
}

static int on_update(const struct xds_update *update, struct error *err, void *ctx)
{
    struct discovery *discovery = ctx;
    struct error first = {0};
    int rc = 0;

    for (size_t i = 0; i < update->item_count; i++) {
        struct error one = {0};

        if (update->items[i].unchanged) {
            if (update->type == XDS_TYPE_CLUSTER)
                (void)map_remove(&discovery->doomed, update->items[i].name);
            answer(discovery, update->type, update->items[i].name);
            continue;
        }
        if (take_item(discovery, update->type, &update->items[i], &one) < 0 && rc == 0) {
            rc = one.code;
            first = one;
        }
    }
    take_removed(discovery, update);
    if (update->type == XDS_TYPE_CLUSTER) {
        discovery->got_clusters = true;
        want_endpoints(discovery);
    } else if (update->type == XDS_TYPE_LISTENER) {
        discovery->got_listeners = true;
        want_routes(discovery);
    }
    if ((size_t)update->type < ARRAY_LEN(discovery->server->update_success)) {
        if (rc < 0)
            discovery->server->update_rejected[update->type]++;
        else
            discovery->server->update_success[update->type]++;
    }
    publish_if_whole(discovery);
    if (rc < 0 && err != NULL)
        *err = first;
    return rc;
}

static void on_state(bool connected, const char *reason, void *ctx)
{
    (void)ctx;
    if (connected)
        log_info(xds, "connected to the control plane");
    else
        log_warn(xds, "no control plane (%s): going on with what is in force",
                 reason ? reason : "closed");
}

/* --- life --- */

int discovery_open(const struct discovery_options *options, struct discovery **ret,
                   struct error *err)
{
    static const struct xds_client_events events = {.on_update = on_update};
    struct discovery *discovery = MEM_NEW(struct discovery);
    struct ads_options ads = {
        .client = {.node = options->node,
                   .state_of_the_world = options->state_of_the_world,
                   .events = &events,
                   .ctx = discovery},
        .host = options->host,
        .port = options->port,
        .authority = options->authority,
        .resolver = options->resolver,
        .seed = rng_system_u64(),
        .on_state = on_state,
    };
    int rc;

    discovery->server = options->server;
    discovery->resources = &options->server->resources;
    discovery->on_ready = options->on_ready;
    discovery->ctx = options->ctx;
    for (size_t i = 0; i < XDS_TYPE_COUNT; i++)
        map_init(&discovery->names[i], NAMES_LIMIT);
    map_init(&discovery->doomed, NAMES_LIMIT);
    loop_timer_init(&discovery->hold_timer, on_hold_expired, discovery);
    loop_timer_init(&discovery->doom_timer, on_doom, discovery);
    rc = ads_open(options->server->loop, &ads, &discovery->ads, err);
    if (rc < 0) {
        discovery_free(discovery);
        return rc;
    }
    xds_client_watch(ads_client(discovery->ads), XDS_TYPE_CLUSTER);
    xds_client_watch(ads_client(discovery->ads), XDS_TYPE_LISTENER);
    ads_flush(discovery->ads);
    *ret = discovery;
    return 0;
}

bool discovery_is_connected(const struct discovery *discovery)
{
    return ads_is_connected(discovery->ads);
}

void discovery_free(struct discovery *discovery)
{
    if (discovery == NULL)
        return;
    loop_timer_stop(loop_of(discovery), &discovery->hold_timer);
    loop_timer_stop(loop_of(discovery), &discovery->doom_timer);
    ads_free(discovery->ads);
    for (size_t i = 0; i < XDS_TYPE_COUNT; i++) {
        MAP_EACH (entry, &discovery->names[i])
            mem_free(entry->value);
        map_deinit(&discovery->names[i]);
    }
    map_deinit(&discovery->doomed);
    mem_free(discovery);
}
