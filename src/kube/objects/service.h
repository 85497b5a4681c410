/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server decides about a Service: which ports and policies are meant, and which
 * addresses and node ports it gets.
 *
 * What is taken is read off the Services that exist, so nothing can leak and nothing has to be kept
 * beside them; the search is linear, which a few hundred Services do not feel.
 *
 * Place   an API server's writes: defaults (kube/objects/defaults.h), then rules, then the
 *         allocation
 * Owns    nothing
 * Limits  IPv4 alone; node ports 30000 to 32767
 * Spec    v1 Service; kube-api reference, section 7
 */
#ifndef WEFT_KUBE_OBJECTS_SERVICE_H
#define WEFT_KUBE_OBJECTS_SERVICE_H

#include <jansson.h>

#include "api/check.h"
#include "base/err.h"
#include "base/prelude.h"

/* The addresses that Services may have. */
struct kube_service_range {
    uint32_t base;  /* the first one, in host order */
    uint32_t count; /* of them */
};

/* The Services that exist: the i-th, or NULL after the last; the one that is asked about may be
 * among them. */
struct kube_services {
    const json_t *(*at)(size_t i, void *ctx);
    void *ctx;
};

/* Defaults that depend on other fields; an empty status for a new one. */
void kube_service_default(json_t *service);
/* Sets clusterIP(s), IP families and node ports as its type needs them: what was asked for, what
 * `old` (NULL: new) had, or the first that is free. Tells of what cannot be had. The first 16
 * addresses are given by name only. ExternalName gets nothing. */
void kube_service_allocate(json_t *service, const json_t *old,
                           const struct kube_service_range *range,
                           const struct kube_services *others, const struct api_cause_sink *sink);

/* A ready address (IP, borrowed, and port) behind the port of a Service, of its Endpoints (NULL:
 * none). ERR_NOT_FOUND, or ERR_UNREACHABLE while nobody is ready, with the reason. */
MUST_USE int kube_service_endpoint(const json_t *service, const json_t *endpoints, int64_t port,
                                   const char **ret_ip, unsigned *ret_port, struct error *err);

#endif
