/* SPDX-License-Identifier: Apache-2.0 */
/* Who this proxy is in the mesh: from the pod's environment and the downward API's files.
 *
 * Place   agent.c at start
 * Owns    texts in its arena
 * Limits  files of 1 MiB
 * Spec    Istio's node id `type~ip~pod.namespace~namespace.svc.domain` and node metadata
 */
#ifndef WEFT_PROXY_IDENTITY_H
#define WEFT_PROXY_IDENTITY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/prelude.h"
#include "proxy/telemetry.h"
#include "wire/json.h"

struct identity {
    struct arena arena;
    bool gateway;
    char *node_id;
    char *node_cluster; /* "app.namespace" */
    char *ip;
    char *discovery_host;
    unsigned discovery_port;
    unsigned concurrency; /* 0: one a core */
    uint64_t drain_ms;
    json_t *metadata; /* of the node */
    json_t *probers;  /* path -> probe, of ISTIO_KUBE_APP_PROBERS; NULL: none */
    json_t *scrape;   /* of ISTIO_PROMETHEUS_ANNOTATIONS; NULL: none */
    struct telemetry_node node;
};

/* `environment` is a NULL-terminated "K=V" list; `pod_folder` holds the files labels and
 * annotations ("/etc/istio/pod"; missing ones are fine); `domain` is the DNS domain after --domain
 * (NULL: namespace.svc.cluster.local). ERR_INVALID names the variable that is missing or wrong. */
MUST_USE int identity_init(struct identity *identity, bool gateway, char *const *environment,
                           const char *pod_folder, const char *domain, struct error *err);
void identity_deinit(struct identity *identity);
/* The envoy.config.core.v3.Node as JSON: new reference. */
json_t *identity_node_json(const struct identity *identity);

#endif
