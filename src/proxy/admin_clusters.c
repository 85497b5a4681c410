/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream status: per cluster its limits, per host its counters and health.
 */
#include "proxy/admin_clusters.h"

#include "proxy/server.h"

#include <stdio.h>

#include <inttypes.h>

#define COUNTER_OFFSET(field) offsetof(struct host_counters, field)

static const struct {
    const char *name;
    size_t offset;
    bool gauge;
} counters[] = {
    {"cx_active", COUNTER_OFFSET(cx_active), true},
    {"cx_connect_fail", COUNTER_OFFSET(cx_connect_fail), false},
    {"cx_total", COUNTER_OFFSET(cx_total), false},
    {"rq_active", COUNTER_OFFSET(rq_active), true},
    {"rq_error", COUNTER_OFFSET(rq_error), false},
    {"rq_success", COUNTER_OFFSET(rq_success), false},
    {"rq_timeout", COUNTER_OFFSET(rq_timeout), false},
    {"rq_total", COUNTER_OFFSET(rq_total), false},
};

static uint64_t sum(const struct host_shared *host, size_t offset)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < host->worker_count; i++)
        total += atomic_load_explicit(
            (const _Atomic uint64_t *)(const void *)((const char *)&host->workers[i] + offset),
            memory_order_relaxed);
    return total;
}

static const char *health_flags(const struct endpoint *endpoint)
{
    if (atomic_load_explicit(&endpoint->shared->ejected_until_ms, memory_order_relaxed) != 0)
        return "/failed_outlier_check";
    switch (endpoint->health) {
    case ENDPOINT_UNHEALTHY:
    case ENDPOINT_TIMEOUT:
        return "/failed_eds_health";
    case ENDPOINT_DRAINING:
        return "/eds_status_draining";
    case ENDPOINT_DEGRADED:
        return "/degraded_eds_health";
    default:
        return "healthy";
    }
}

static void print_limits(const struct cluster_conf *conf, struct buf *out)
{
    struct slice name = conf->name;

    buf_printf(out, "%.*s::observability_name::%.*s\n", SLICE_ARG(name),
               SLICE_ARG(conf->stat_name));
    buf_printf(out, "%.*s::default_priority::max_connections::%" PRIu64 "\n", SLICE_ARG(name),
               conf->limits.conns_max);
    buf_printf(out, "%.*s::default_priority::max_pending_requests::%" PRIu64 "\n", SLICE_ARG(name),
               conf->limits.pending_max);
    buf_printf(out, "%.*s::default_priority::max_requests::%" PRIu64 "\n", SLICE_ARG(name),
               conf->limits.requests_max);
    buf_printf(out, "%.*s::default_priority::max_retries::%" PRIu64 "\n", SLICE_ARG(name),
               conf->limits.retries_max);
    buf_printf(out, "%.*s::added_via_api::%s\n", SLICE_ARG(name),
               conf->added_by_api ? "true" : "false");
    if (conf->eds_name.len > 0)
        buf_printf(out, "%.*s::eds_service_name::%.*s\n", SLICE_ARG(name),
                   SLICE_ARG(conf->eds_name));
}

static void print_host(const struct cluster_conf *conf, const struct endpoint *endpoint,
                       struct buf *out)
{
    char addr[ADDR_TEXT_SIZE];
    struct slice name = conf->name;

    addr_format(&endpoint->addr, addr);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        buf_printf(out, "%.*s::%s::%s::%" PRIu64 "\n", SLICE_ARG(name), addr, counters[i].name,
                   sum(endpoint->shared, counters[i].offset));
    buf_printf(out, "%.*s::%s::hostname::%.*s\n", SLICE_ARG(name), addr,
               SLICE_ARG(endpoint->hostname));
    buf_printf(out, "%.*s::%s::health_flags::%s\n", SLICE_ARG(name), addr, health_flags(endpoint));
    buf_printf(out, "%.*s::%s::weight::%u\n", SLICE_ARG(name), addr, endpoint->weight);
    buf_printf(out, "%.*s::%s::region::%.*s\n", SLICE_ARG(name), addr, SLICE_ARG(endpoint->region));
    buf_printf(out, "%.*s::%s::zone::%.*s\n", SLICE_ARG(name), addr, SLICE_ARG(endpoint->zone));
    buf_printf(out, "%.*s::%s::sub_zone::%.*s\n", SLICE_ARG(name), addr,
               SLICE_ARG(endpoint->sub_zone));
    buf_printf(out, "%.*s::%s::canary::false\n", SLICE_ARG(name), addr);
    buf_printf(out, "%.*s::%s::priority::%u\n", SLICE_ARG(name), addr, endpoint->priority);
    buf_printf(out, "%.*s::%s::success_rate::-1\n", SLICE_ARG(name), addr);
    buf_printf(out, "%.*s::%s::local_origin_success_rate::-1\n", SLICE_ARG(name), addr);
}

void admin_clusters_print_text(struct server *server, struct buf *out)
{
    const struct config_store *store = &server->resources.store;

    for (size_t i = 0; i < store->clusters.count; i++) {
        const struct config_cluster *cluster = &store->clusters.items[i];

        if (cluster->conf == NULL)
            continue;
        print_limits(cluster->conf, out);
        for (size_t k = 0; cluster->endpoints != NULL && k < cluster->endpoints->count; k++)
            print_host(cluster->conf, &cluster->endpoints->endpoints[k], out);
    }
}

static json_t *stat_json(const char *name, bool gauge, uint64_t value)
{
    json_t *stat = json_object();
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, value);
    if (gauge)
        json_object_set_new(stat, "type", json_string("GAUGE"));
    if (value != 0)
        json_object_set_new(stat, "value", json_string(text));
    json_object_set_new(stat, "name", json_string(name));
    return stat;
}

static json_t *slice_json(struct slice text)
{
    return json_stringn(text.data ? text.data : "", text.len);
}

static json_t *host_json(const struct endpoint *endpoint)
{
    static const char *const healths[] = {"UNKNOWN",  "HEALTHY", "UNHEALTHY",
                                          "DRAINING", "TIMEOUT", "DEGRADED"};
    char ip[ADDR_TEXT_SIZE];
    json_t *host = json_object();
    json_t *address = json_object();
    json_t *socket = json_object();
    json_t *stats = json_array();
    json_t *health = json_object();
    json_t *locality = json_object();
    unsigned status = endpoint->health;

    json_object_set_new(socket, "address", json_string(addr_format_ip(&endpoint->addr, ip)));
    json_object_set_new(socket, "port_value", json_integer(addr_port(&endpoint->addr)));
    json_object_set_new(address, "socket_address", socket);
    json_object_set_new(host, "address", address);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        json_array_append_new(stats, stat_json(counters[i].name, counters[i].gauge,
                                               sum(endpoint->shared, counters[i].offset)));
    json_object_set_new(host, "stats", stats);
    /* Envoy calls an endpoint of unknown health healthy. */
    if (status == ENDPOINT_UNKNOWN || status >= ARRAY_LEN(healths))
        status = ENDPOINT_HEALTHY;
    json_object_set_new(health, "eds_health_status", json_string(healths[status]));
    if (atomic_load_explicit(&endpoint->shared->ejected_until_ms, memory_order_relaxed) != 0)
        json_object_set_new(health, "failed_outlier_check", json_true());
    json_object_set_new(host, "health_status", health);
    json_object_set_new(host, "weight", json_integer(endpoint->weight));
    if (endpoint->hostname.len > 0)
        json_object_set_new(host, "hostname", slice_json(endpoint->hostname));
    if (endpoint->priority > 0)
        json_object_set_new(host, "priority", json_integer(endpoint->priority));
    json_object_set_new(locality, "region", slice_json(endpoint->region));
    json_object_set_new(locality, "zone", slice_json(endpoint->zone));
    json_object_set_new(locality, "sub_zone", slice_json(endpoint->sub_zone));
    json_object_set_new(host, "locality", locality);
    return host;
}

static json_t *cluster_json(const struct config_cluster *cluster)
{
    json_t *status = json_object();
    json_t *hosts = json_array();

    json_object_set_new(status, "name", slice_json(cluster->conf->name));
    if (cluster->conf->added_by_api)
        json_object_set_new(status, "added_via_api", json_true());
    for (size_t k = 0; cluster->endpoints != NULL && k < cluster->endpoints->count; k++)
        json_array_append_new(hosts, host_json(&cluster->endpoints->endpoints[k]));
    json_object_set_new(status, "host_statuses", hosts);
    json_object_set_new(status, "observability_name", slice_json(cluster->conf->stat_name));
    if (cluster->conf->eds_name.len > 0)
        json_object_set_new(status, "eds_service_name", slice_json(cluster->conf->eds_name));
    return status;
}

void admin_clusters_print_json(struct server *server, struct buf *out)
{
    const struct config_store *store = &server->resources.store;
    json_t *root = json_object();
    json_t *list = json_array();

    for (size_t i = 0; i < store->clusters.count; i++)
        if (store->clusters.items[i].conf != NULL)
            json_array_append_new(list, cluster_json(&store->clusters.items[i]));
    json_object_set_new(root, "cluster_statuses", list);
    json_format(root, JSON_FORMAT_PRETTY, out);
    json_decref(root);
}
