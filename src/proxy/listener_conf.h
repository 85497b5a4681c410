/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners as configuration: addresses, what to look at in the first bytes, filter chains, and
 * what a chain does with a connection.
 *
 * Place   compiled on the main thread; read by workers
 * Owns    each listener's resource; an HTTP or TCP configuration is a resource of its own, so that
 *         an update of a listener that leaves it alone keeps its connections
 */
#ifndef WEFT_PROXY_LISTENER_CONF_H
#define WEFT_PROXY_LISTENER_CONF_H

#include "base/prelude.h"
#include "io/addr.h"
#include "proxy/chain.h"
#include "proxy/filter.h"
#include "proxy/format.h"
#include "proxy/path.h"
#include "proxy/resource.h"
#include "proxy/route.h"
#include "proxy/stats.h"

enum access_log_filter_kind {
    ACCESS_FILTER_STATUS,
    ACCESS_FILTER_DURATION,
    ACCESS_FILTER_FLAGS,
    ACCESS_FILTER_HEADER,
    ACCESS_FILTER_AND,
    ACCESS_FILTER_OR,
};

struct access_filter {
    enum access_log_filter_kind kind;
    enum { ACCESS_OP_EQ, ACCESS_OP_GE, ACCESS_OP_LE, ACCESS_OP_NE } op;
    uint64_t value;
    uint32_t flags; /* 0: any flag */
    struct match_header header;
    const struct access_filter *children;
    size_t child_count;
};

struct access_log_conf {
    unsigned sink;               /* number given by access_log_sink */
    const struct format *format; /* NULL: JSON */
    const struct format_json_field *fields;
    size_t field_count;
    const struct access_filter *filter; /* NULL: all */
};

enum hcm_server_header { HCM_SERVER_OVERWRITE, HCM_SERVER_APPEND, HCM_SERVER_PASS };

struct hcm_conf {
    struct resource resource; /* first */
    uint64_t hash;            /* of the bytes that it was compiled from */
    struct stats_scope *stats;
    struct slice stat_prefix;
    enum { HCM_AUTO, HCM_HTTP1, HCM_HTTP2 } codec;
    struct route_table *routes; /* inline; NULL: by slot */
    uint32_t route_slot;
    struct slice route_name;
    struct slice server_name;
    enum hcm_server_header server_header;
    bool use_remote_address;
    unsigned trusted_hops;
    bool skip_xff_append;
    bool append_forwarded_port;
    bool generate_request_id;
    bool preserve_request_id;
    bool request_id_in_response;
    bool suppress_envoy_headers;
    bool strip_port;
    struct slice via;
    struct path_options path;
    struct filter_conf *filters; /* in their order, without the router */
    size_t filter_count;
    bool filters_general; /* one of them does something without an override */
    bool upgrade_websocket;
    bool accept_http10;
    uint64_t stream_idle_timeout_ms;
    uint64_t request_timeout_ms;
    uint64_t headers_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t requests_per_conn_max;
    uint64_t head_size_max;
    unsigned header_count_max;
    bool telemetry;        /* Istio's metrics are wanted */
    bool inbound;          /* traffic direction of the listener */
    bool use_original_dst; /* the connection's destination is the redirected one */
    struct access_log_conf *logs;
    size_t log_count;
};

struct tcp_target {
    uint32_t cluster_slot;
    struct slice cluster_name;
    uint64_t weight_end;
};

struct tcp_conf {
    struct resource resource; /* first */
    uint64_t hash;
    struct stats_scope *stats;
    struct slice stat_prefix;
    struct tcp_target *targets;
    size_t target_count;
    uint64_t idle_timeout_ms; /* 0: none */
    uint64_t duration_max_ms; /* of a connection; 0: none */
    bool hash_source_ip;      /* for balancers that go by a hash */
    unsigned connect_attempts_max;
    bool telemetry;
    bool inbound;
    bool use_original_dst;
    struct access_log_conf *logs;
    size_t log_count;
};

enum chain_kind { CHAIN_HTTP, CHAIN_TCP, CHAIN_TLS_UNSUPPORTED };

struct chain_conf {
    struct slice name;
    struct chain_match match;
    enum chain_kind kind;
    struct hcm_conf *hcm;
    struct tcp_conf *tcp;
};

/* When a listener filter is off: a tree over the destination port. */
struct port_predicate {
    enum { PORT_ANY, PORT_RANGE, PORT_NOT, PORT_AND, PORT_OR } kind;
    unsigned start; /* PORT_RANGE: [start, end) */
    unsigned end;
    const struct port_predicate *children;
    size_t child_count;
};

struct listener_conf {
    struct resource resource; /* first */
    struct slice name;
    struct stats_scope *stats;
    struct addr *addrs;
    size_t addr_count;
    bool added_by_api;
    bool bind;
    bool reuse_port;
    bool transparent;
    bool v4_too;
    bool hand_over;    /* use_original_dst: give connections to the listener of their address */
    bool original_dst; /* listener filter: match by the redirected destination */
    bool inspect_tls;
    bool inspect_http;
    const struct port_predicate *tls_disabled; /* NULL: never */
    const struct port_predicate *http_disabled;
    uint64_t inspect_timeout_ms; /* 0: none */
    bool continue_on_timeout;
    bool inbound;
    struct chain_conf *chains;
    size_t chain_count;
    struct chain_conf *default_chain; /* NULL: connections without a chain are closed */
    struct access_log_conf *logs;     /* of connections that found no chain */
    size_t log_count;
};

/* Whether the filter is disabled for this destination port. NULL: no. */
bool listener_conf_port_test(const struct port_predicate *predicate, unsigned port);
/* Picks by weight. */
const struct tcp_target *listener_conf_tcp_pick(const struct tcp_conf *conf, uint64_t random);

#endif
