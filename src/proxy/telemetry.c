/* SPDX-License-Identifier: Apache-2.0 */
/* Series of Istio's standard metrics. See telemetry.h.
 */
#include "proxy/telemetry.h"

#include "base/mem.h"
#include "proxy/flags.h"
#include "proxy/stats.h"

#include <inttypes.h>
#include <stdlib.h>

/* Envoy's default buckets, which Istio keeps. */
static const double bounds[] = {0.5,   1,      5,      10,      25,     50,    100,
                                250,   500,    1000,   2500,    5000,   10000, 30000,
                                60000, 300000, 600000, 1800000, 3600000};

enum { BUCKETS = 20 };

struct histogram {
    _Atomic uint64_t buckets[BUCKETS]; /* not cumulative; the last is +Inf */
    _Atomic uint64_t sum;
};

struct telemetry_series {
    struct telemetry_series *next;
    char *labels; /* printed form, without braces */
    bool tcp;
    _Atomic uint64_t requests; /* or connections closed */
    _Atomic uint64_t sent;     /* TCP only */
    _Atomic uint64_t received;
    struct histogram duration;
    struct histogram request_bytes;
    struct histogram response_bytes;
};

void telemetry_init(struct telemetry *telemetry, const struct telemetry_node *node)
{
    memset(telemetry, 0, sizeof *telemetry);
    telemetry->node = node;
    map_init(&telemetry->series, TELEMETRY_SERIES_MAX);
}

void telemetry_deinit(struct telemetry *telemetry)
{
    struct telemetry_series *series = atomic_load(&telemetry->head);

    while (series != NULL) {
        struct telemetry_series *next = series->next;

        mem_free(series->labels);
        mem_free(series);
        series = next;
    }
    map_deinit(&telemetry->series);
}

static void add(_Atomic uint64_t *cell, uint64_t amount)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + amount,
                          memory_order_relaxed);
}

static void observe(struct histogram *histogram, uint64_t value)
{
    size_t i = 0;

    while (i < ARRAY_LEN(bounds) && (double)value > bounds[i])
        i++;
    add(&histogram->buckets[i], 1);
    add(&histogram->sum, value);
}

/* --- labels --- */

static void label(struct buf *out, const char *name, struct slice value)
{
    if (out->len > 0)
        buf_append_char(out, ',');
    buf_append_str(out, name);
    buf_append_str(out, "=\"");
    stats_print_label(value.len ? value : SLICE("unknown"), out);
    buf_append_char(out, '"');
}

static void label_str(struct buf *out, const char *name, const char *value)
{
    label(out, name, slice_str(value));
}

/* Piece `number` of "workload;namespace;name;revision;cluster". */
static struct slice piece(struct slice workload, size_t number)
{
    struct slice rest = workload;
    struct slice part = SLICE("");

    if (workload.data == NULL)
        return part;
    for (size_t i = 0; i <= number; i++)
        if (!slice_split_next(&rest, ';', &part))
            return SLICE("");
    return part;
}

struct party {
    struct slice workload;
    struct slice namespace;
    struct slice app;
    struct slice version;
    struct slice service; /* canonical */
    struct slice revision;
    struct slice cluster;
};

static struct party self_party(const struct telemetry_node *node)
{
    return (struct party){slice_str(node->workload),
                          slice_str(node->namespace),
                          slice_str(node->app),
                          slice_str(node->version),
                          slice_str(node->canonical_service),
                          slice_str(node->canonical_revision),
                          slice_str(node->cluster)};
}

static struct party peer_party(struct slice workload)
{
    struct party party = {piece(workload, 0), piece(workload, 1), piece(workload, 2),
                          piece(workload, 3), piece(workload, 2), piece(workload, 3),
                          piece(workload, 4)};

    if (party.revision.len == 0 && party.service.len > 0)
        party.revision = SLICE("latest");
    return party;
}

/* The called service: from the cluster's metadata; Istio's catch-all clusters are called by their
 * names; else the Host header says. */
static void called_service(const struct cluster_conf *cluster, const struct info *info,
                           struct slice *ret_host, struct slice *ret_name)
{
    static const char *const catch_all[] = {"PassthroughCluster", "BlackHoleCluster",
                                            "InboundPassthroughCluster"};

    *ret_host = *ret_name = info->request ? info->request->authority : SLICE("");
    if (cluster == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(catch_all); i++)
        if (slice_eq_str(cluster->name, catch_all[i]))
            *ret_host = *ret_name = cluster->name;
    if (cluster->service_host.len > 0) {
        *ret_host = cluster->service_host;
        *ret_name = cluster->service_name;
    }
}

/* In Istio's order of labels. */
static void print_labels(const struct telemetry *telemetry, bool inbound,
                         const struct cluster_conf *cluster, struct slice workload,
                         const struct info *info, struct buf *out)
{
    struct party self = self_party(telemetry->node);
    struct party peer = peer_party(workload);
    struct party unknown = {0};
    const struct party *source = inbound ? &unknown : &self;
    const struct party *destination = inbound ? &self : &peer;
    struct slice namespace = cluster ? cluster->service_namespace : SLICE("");
    struct slice host;
    struct slice name;

    called_service(cluster, info, &host, &name);
    label_str(out, "reporter", inbound ? "destination" : "source");
    label(out, "source_workload", source->workload);
    label(out, "source_canonical_service", source->service);
    label(out, "source_canonical_revision", source->revision);
    label(out, "source_workload_namespace", source->namespace);
    label_str(out, "source_principal", "unknown");
    label(out, "source_app", source->app);
    label(out, "source_version", source->version);
    label(out, "source_cluster", source->cluster);
    label(out, "destination_workload", destination->workload);
    label(out, "destination_workload_namespace", destination->namespace);
    label_str(out, "destination_principal", "unknown");
    label(out, "destination_app", destination->app);
    label(out, "destination_version", destination->version);
    label(out, "destination_service", host);
    label(out, "destination_canonical_service", destination->service);
    label(out, "destination_canonical_revision", destination->revision);
    label(out, "destination_service_name", name);
    label(out, "destination_service_namespace", namespace.len ? namespace : destination->namespace);
    label(out, "destination_cluster", destination->cluster);
}

static void print_request_labels(const struct info *info, bool inbound, struct buf *out)
{
    bool tcp = info->request == NULL;
    bool grpc = !tcp && slice_starts_with(
                            http_headers_value(&info->request->headers, SLICE("content-type")),
                            SLICE("application/grpc"));
    struct buf flags;

    buf_init(&flags, 256);
    flags_format(info->flags, false, &flags);
    label_str(out, "request_protocol", tcp ? "tcp" : grpc ? "grpc" : "http");
    if (!tcp) {
        struct slice status = SLICE("");

        if (grpc && info->response != NULL)
            status = http_headers_value(&info->response->headers, SLICE("grpc-status"));
        buf_printf(out, ",response_code=\"%u\",grpc_response_status=\"", info->status);
        stats_print_label(status, out);
        buf_append_char(out, '"');
    }
    label(out, "response_flags", buf_slice(&flags));
    label_str(out, "connection_security_policy", inbound ? "none" : "unknown");
    buf_deinit(&flags);
}

static struct telemetry_series *add_series(struct telemetry *telemetry, struct slice labels,
                                           bool tcp)
{
    struct telemetry_series *series = MEM_NEW(struct telemetry_series);

    series->labels = mem_slice_dup(labels);
    series->tcp = tcp;
    series->next = atomic_load_explicit(&telemetry->head, memory_order_relaxed);
    /* Release: the main thread sees the series whole. */
    atomic_store_explicit(&telemetry->head, series, memory_order_release);
    return series;
}

static struct telemetry_series *find_series(struct telemetry *telemetry, bool inbound,
                                            const struct cluster_conf *cluster,
                                            struct slice workload, const struct info *info)
{
    struct telemetry_series *series;
    struct buf labels;

    buf_init(&labels, 16384);
    print_labels(telemetry, inbound, cluster, workload, info, &labels);
    print_request_labels(info, inbound, &labels);
    series = map_get(&telemetry->series, buf_slice(&labels));
    if (series == NULL && telemetry->series.count < TELEMETRY_SERIES_MAX) {
        series = add_series(telemetry, buf_slice(&labels), info->request == NULL);
        (void)map_put(&telemetry->series, buf_slice(&labels), series, NULL);
    } else if (series == NULL) {
        if (telemetry->other == NULL)
            telemetry->other = add_series(telemetry, SLICE("reporter=\"other\""), false);
        series = telemetry->other;
    }
    buf_deinit(&labels);
    return series;
}

void telemetry_request(struct telemetry *telemetry, bool inbound,
                       const struct cluster_conf *cluster, struct slice workload,
                       const struct info *info)
{
    /* Without a service name the Host header decides, which may differ from request to request. */
    bool cacheable = cluster != NULL && cluster->service_host.len > 0;
    struct telemetry_series *series = telemetry->last;

    if (series == NULL || !cacheable || telemetry->last_cluster != cluster ||
        telemetry->last_host != workload.data || telemetry->last_status != info->status ||
        telemetry->last_flags != info->flags || telemetry->last_inbound != inbound) {
        series = find_series(telemetry, inbound, cluster, workload, info);
        telemetry->last = cacheable ? series : NULL;
        telemetry->last_cluster = cluster;
        telemetry->last_host = workload.data;
        telemetry->last_status = info->status;
        telemetry->last_flags = info->flags;
        telemetry->last_inbound = inbound;
    }
    add(&series->requests, 1);
    observe(&series->duration, info->end_ms - info->begin_ms);
    observe(&series->request_bytes, info->bytes_received);
    observe(&series->response_bytes, info->bytes_sent);
}

void telemetry_connection(struct telemetry *telemetry, bool inbound,
                          const struct cluster_conf *cluster, struct slice workload,
                          const struct info *info)
{
    struct telemetry_series *series = find_series(telemetry, inbound, cluster, workload, info);

    add(&series->requests, 1);
    add(&series->sent, info->bytes_sent);
    add(&series->received, info->bytes_received);
}

/* --- printing --- */

struct total {
    const struct telemetry_series *first; /* labels and kind */
    uint64_t requests;
    uint64_t sent;
    uint64_t received;
    uint64_t buckets[3][BUCKETS];
    uint64_t sums[3];
};

static uint64_t load(const _Atomic uint64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

static void sum_series(struct total *total, const struct telemetry_series *series)
{
    const struct histogram *histograms[] = {&series->duration, &series->request_bytes,
                                            &series->response_bytes};

    total->requests += load(&series->requests);
    total->sent += load(&series->sent);
    total->received += load(&series->received);
    for (size_t h = 0; h < 3; h++) {
        total->sums[h] += load(&histograms[h]->sum);
        for (size_t b = 0; b < BUCKETS; b++)
            total->buckets[h][b] += load(&histograms[h]->buckets[b]);
    }
}

static void print_histogram(const char *name, const struct map *totals, size_t number,
                            struct buf *out)
{
    buf_printf(out, "# TYPE %s histogram\n", name);
    MAP_EACH (entry, totals) {
        const struct total *total = entry->value;
        uint64_t count = 0;

        if (total->first->tcp)
            continue;
        for (size_t b = 0; b < BUCKETS; b++) {
            count += total->buckets[number][b];
            buf_printf(out, "%s_bucket{%s,le=\"", name, total->first->labels);
            if (b < ARRAY_LEN(bounds))
                buf_printf(out, "%.10g", bounds[b]);
            else
                buf_append_str(out, "+Inf");
            buf_printf(out, "\"} %" PRIu64 "\n", count);
        }
        buf_printf(out, "%s_sum{%s} %" PRIu64 "\n", name, total->first->labels,
                   total->sums[number]);
        buf_printf(out, "%s_count{%s} %" PRIu64 "\n", name, total->first->labels, count);
    }
}

static void print_counter(const char *name, const struct map *totals, bool tcp, size_t offset,
                          struct buf *out)
{
    buf_printf(out, "# TYPE %s counter\n", name);
    MAP_EACH (entry, totals) {
        const struct total *total = entry->value;

        if (total->first->tcp == tcp)
            buf_printf(out, "%s{%s} %" PRIu64 "\n", name, total->first->labels,
                       *(const uint64_t *)(const void *)((const char *)total + offset));
    }
}

void telemetry_print(const struct telemetry *const *workers, size_t count, struct buf *out)
{
    struct map totals;

    map_init(&totals, 0);
    for (size_t i = 0; i < count; i++) {
        const struct telemetry_series *series =
            atomic_load_explicit(&workers[i]->head, memory_order_acquire);

        for (; series != NULL; series = series->next) {
            struct total *total = map_get_str(&totals, series->labels);

            if (total == NULL) {
                total = MEM_NEW(struct total);
                total->first = series;
                (void)map_put(&totals, slice_str(series->labels), total, NULL);
            }
            sum_series(total, series);
        }
    }
    if (totals.count > 0) {
        print_counter("istio_requests_total", &totals, false, offsetof(struct total, requests),
                      out);
        print_histogram("istio_request_duration_milliseconds", &totals, 0, out);
        print_histogram("istio_request_bytes", &totals, 1, out);
        print_histogram("istio_response_bytes", &totals, 2, out);
        print_counter("istio_tcp_connections_opened_total", &totals, true,
                      offsetof(struct total, requests), out);
        print_counter("istio_tcp_connections_closed_total", &totals, true,
                      offsetof(struct total, requests), out);
        print_counter("istio_tcp_sent_bytes_total", &totals, true, offsetof(struct total, sent),
                      out);
        print_counter("istio_tcp_received_bytes_total", &totals, true,
                      offsetof(struct total, received), out);
    }
    MAP_EACH (entry, &totals)
        mem_free(entry->value);
    map_deinit(&totals);
}
