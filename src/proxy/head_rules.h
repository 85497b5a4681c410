/* SPDX-License-Identifier: Apache-2.0 */
/* What a proxy adds to, takes from and rewrites in heads by itself: request ids, forwarding
 * headers, server and date, hosts and paths.
 *
 * Place   the HTTP connection manager
 * Owns    nothing; new text lies in the given arena
 * Spec    docs/reference/proxy.md; Envoy's "HTTP header manipulation"
 */
#ifndef WEFT_PROXY_HEAD_RULES_H
#define WEFT_PROXY_HEAD_RULES_H

#include "base/arena.h"
#include "base/prelude.h"
#include "base/rng.h"
#include "http/head.h"
#include "proxy/info.h"
#include "proxy/listener_conf.h"

/* Facts for a response's rules. */
struct head_rules_facts {
    bool from_upstream;
    struct slice date;
    uint64_t upstream_ms; /* the attempt's time to the response's head */
    unsigned attempts;
    bool attempts_wanted; /* x-envoy-attempt-count in the response */
    const struct http_head *request;
};

/* Before routing: trusted and untrusted headers, x-forwarded-*, x-request-id. */
void head_rules_request(const struct hcm_conf *conf, struct http_head *head, struct arena *arena,
                        struct rng *rng, struct info *info);
/* After routing: host and path of the upstream request. */
void head_rules_rewrite(const struct hcm_conf *conf, const struct route *route,
                        const struct route_target *target, struct http_head *head,
                        struct arena *arena);
/* Before a response goes down. */
void head_rules_response(const struct hcm_conf *conf, struct http_head *head, struct arena *arena,
                         const struct head_rules_facts *facts);
/* A random UUID (version 4) as text. */
struct slice head_rules_uuid(struct rng *rng, struct arena *arena);

#endif
