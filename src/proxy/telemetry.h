/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's standard metrics: requests, durations, sizes and TCP bytes by who called whom.
 *
 * Place   hcm and tcp_proxy report at the end of a request; the main thread prints
 * Owns    one list of series per worker, grown at its head only and never shrunk
 * Threads the worker writes (relaxed); the main thread walks the list meanwhile (acquire)
 * Limits  TELEMETRY_SERIES_MAX series a worker; beyond, all goes to one series labelled "other"
 * Spec    istio.io, reference/config/metrics
 */
#ifndef WEFT_PROXY_TELEMETRY_H
#define WEFT_PROXY_TELEMETRY_H

#include "base/buf.h"
#include "base/map.h"
#include "base/prelude.h"
#include "proxy/cluster.h"
#include "proxy/info.h"

#include <stdatomic.h>

enum { TELEMETRY_SERIES_MAX = 4096 };

/* What this proxy is; texts are borrowed for the life of the process. */
struct telemetry_node {
    const char *workload;
    const char *namespace;
    const char *app;
    const char *version;
    const char *canonical_service;
    const char *canonical_revision;
    const char *cluster;
    bool gateway;
};

struct telemetry_series;

struct telemetry {
    const struct telemetry_node *node;
    struct map series; /* label text -> series; the worker's */
    _Atomic(struct telemetry_series *) head;
    struct telemetry_series *other;
    /* the last one used, which in steady traffic is the next one used */
    struct telemetry_series *last;
    const struct cluster_conf *last_cluster;
    const void *last_host;
    unsigned last_status;
    uint32_t last_flags;
    bool last_inbound;
};

void telemetry_init(struct telemetry *telemetry, const struct telemetry_node *node);
void telemetry_deinit(struct telemetry *telemetry);
/* One finished request. `cluster` and `workload` (of the chosen endpoint; data NULL: none) may be
 * absent. */
void telemetry_request(struct telemetry *telemetry, bool inbound,
                       const struct cluster_conf *cluster, struct slice workload,
                       const struct info *info);
/* One finished TCP connection. */
void telemetry_connection(struct telemetry *telemetry, bool inbound,
                          const struct cluster_conf *cluster, struct slice workload,
                          const struct info *info);
/* Prometheus text of all workers' series, summed. Main thread. */
void telemetry_print(const struct telemetry *const *workers, size_t count, struct buf *out);

#endif
