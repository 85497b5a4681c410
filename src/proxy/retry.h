/* SPDX-License-Identifier: Apache-2.0 */
/* Retry policies: which failures are tried again, how often, after what pause.
 *
 * Place   compiled into routes; asked by the router after each attempt
 * Owns    nothing
 * Spec    Envoy's x-envoy-retry-on tokens; back-off is a uniform draw from
 *         [0, min(max, base * (2^n - 1))], base 25 ms and max ten times base by default
 */
#ifndef WEFT_PROXY_RETRY_H
#define WEFT_PROXY_RETRY_H

#include "base/prelude.h"
#include "base/rng.h"
#include "base/slice.h"
#include "http/head.h"
#include "http/stream.h"

#define RETRY_ON_MAP(X)                                                                            \
    X(5XX, "5xx")                                                                                  \
    X(GATEWAY_ERROR, "gateway-error")                                                              \
    X(RESET, "reset")                                                                              \
    X(RESET_BEFORE_REQUEST, "reset-before-request")                                                \
    X(CONNECT_FAILURE, "connect-failure")                                                          \
    X(REFUSED_STREAM, "refused-stream")                                                            \
    X(RETRIABLE_4XX, "retriable-4xx")                                                              \
    X(STATUS_CODES, "retriable-status-codes")                                                      \
    X(RATELIMITED, "envoy-ratelimited")                                                            \
    X(GRPC_CANCELLED, "cancelled")                                                                 \
    X(GRPC_DEADLINE_EXCEEDED, "deadline-exceeded")                                                 \
    X(GRPC_INTERNAL, "internal")                                                                   \
    X(GRPC_RESOURCE_EXHAUSTED, "resource-exhausted")                                               \
    X(GRPC_UNAVAILABLE, "unavailable")

enum retry_on_index {
#define RETRY_ON_ENUM(name, token) RETRY_ON_INDEX_##name,
    RETRY_ON_MAP(RETRY_ON_ENUM)
#undef RETRY_ON_ENUM
        RETRY_ON_COUNT
};

enum retry_on {
#define RETRY_ON_BIT(name, token) RETRY_ON_##name = 1 << RETRY_ON_INDEX_##name,
    RETRY_ON_MAP(RETRY_ON_BIT)
#undef RETRY_ON_BIT
};

struct retry_policy {
    uint32_t on;                 /* enum retry_on; 0: never */
    unsigned retry_max;          /* attempts after the first */
    uint64_t per_try_timeout_ms; /* 0: none */
    uint64_t backoff_base_ms;
    uint64_t backoff_max_ms;
    const uint16_t *status_codes; /* for RETRY_ON_STATUS_CODES */
    size_t status_code_count;
    unsigned host_attempts_max; /* picks of another host before taking a tried one */
    bool avoid_previous_hosts;
};

/* The bits of a comma-separated list; unknown tokens that are status codes ("503") go to
 * *ret_codes (up to max) as Istio allows; other unknown ones are ignored, as Envoy does. */
uint32_t retry_on_parse(struct slice text, uint16_t *ret_codes, size_t max, size_t *ret_code_count);
/* Whether a response with this head is to be tried again. */
bool retry_wants_response(const struct retry_policy *policy, const struct http_head *head);
/* Whether a reset is; `request_sent`: the request may have reached the upstream. */
bool retry_wants_reset(const struct retry_policy *policy, enum http_reset reason,
                       bool request_sent);
/* Whether a per-try timeout is. */
bool retry_wants_timeout(const struct retry_policy *policy);
/* The pause before retry number `retry` (1 for the first). */
uint64_t retry_backoff_ms(const struct retry_policy *policy, unsigned retry, struct rng *rng);

#endif
