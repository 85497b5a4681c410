/* SPDX-License-Identifier: Apache-2.0 */
/* Response flags: why a response or a connection ended as it did, in Envoy's letters.
 *
 * Place   set by the router and the TCP proxy, printed by access logs and metrics
 */
#ifndef WEFT_PROXY_FLAGS_H
#define WEFT_PROXY_FLAGS_H

#include "base/buf.h"
#include "base/prelude.h"

/* X(name, short, long) in Envoy's order of printing. */
#define FLAG_MAP(X)                                                                                \
    X(UPSTREAM_CONNECTION_FAILURE, "UF", "UpstreamConnectionFailure")                              \
    X(NO_HEALTHY_UPSTREAM, "UH", "NoHealthyUpstream")                                              \
    X(UPSTREAM_OVERFLOW, "UO", "UpstreamOverflow")                                                 \
    X(NO_ROUTE, "NR", "NoRouteFound")                                                              \
    X(NO_CLUSTER, "NC", "NoClusterFound")                                                          \
    X(RETRY_LIMIT_EXCEEDED, "URX", "UpstreamRetryLimitExceeded")                                   \
    X(DOWNSTREAM_TERMINATION, "DC", "DownstreamConnectionTermination")                             \
    X(DURATION_TIMEOUT, "DT", "DurationTimeout")                                                   \
    X(UPSTREAM_TIMEOUT, "UT", "UpstreamRequestTimeout")                                            \
    X(LOCAL_RESET, "LR", "LocalReset")                                                             \
    X(UPSTREAM_RESET, "UR", "UpstreamRemoteReset")                                                 \
    X(UPSTREAM_TERMINATION, "UC", "UpstreamConnectionTermination")                                 \
    X(DELAY_INJECTED, "DI", "DelayInjected")                                                       \
    X(FAULT_INJECTED, "FI", "FaultInjected")                                                       \
    X(RATE_LIMITED, "RL", "RateLimited")                                                           \
    X(STREAM_IDLE_TIMEOUT, "SI", "StreamIdleTimeout")                                              \
    X(PROTOCOL_ERROR, "DPE", "DownstreamProtocolError")                                            \
    X(UPSTREAM_PROTOCOL_ERROR, "UPE", "UpstreamProtocolError")                                     \
    X(OVERLOAD, "OM", "OverloadManager")

enum flag_index {
#define FLAG_ENUM(name, brief, full) FLAG_INDEX_##name,
    FLAG_MAP(FLAG_ENUM)
#undef FLAG_ENUM
        FLAG_COUNT
};

/* One bit each: FLAG_NO_ROUTE and so on. */
enum flag {
#define FLAG_BIT(name, brief, full) FLAG_##name = 1 << FLAG_INDEX_##name,
    FLAG_MAP(FLAG_BIT)
#undef FLAG_BIT
};

/* Appends "UF,URX" (or the long names), "-" for none. */
void flags_format(uint32_t flags, bool full, struct buf *out);

#endif
