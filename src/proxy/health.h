/* SPDX-License-Identifier: Apache-2.0 */
/* The ports that Istio's agent serves: readiness (15021), metrics (15090), and both together with
 * the application's probes (15020).
 *
 * Place   agent.c; kubelet and Prometheus are the clients
 * Owns    HTTP servers on the main loop, probes that run
 * Limits  64 probes at once; their answers up to 64 KiB
 * Spec    Istio's pilot-agent: /healthz/ready, /stats/prometheus, /app-health/..., /quitquitquit
 */
#ifndef WEFT_PROXY_HEALTH_H
#define WEFT_PROXY_HEALTH_H

#include "base/err.h"
#include "base/prelude.h"
#include "proxy/identity.h"
#include "proxy/server.h"

struct health;

struct health_ports {
    unsigned agent;   /* 15020 */
    unsigned ready;   /* 15021 */
    unsigned metrics; /* 15090 */
};

/* Those of Istio. */
extern const struct health_ports health_istio_ports;

/* `identity` is kept. Listens on all three ports, IPv4 and, where there is one, IPv6. */
MUST_USE int health_open(struct server *server, const struct identity *identity,
                         const struct health_ports *ports, struct health **ret, struct error *err);
/* NULL is fine. */
void health_free(struct health *health);

#endif
