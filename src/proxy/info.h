/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of one request or one TCP connection: the input of access logs, format strings and
 * metrics. Plain data, filled by the HTTP connection manager, the router and the TCP proxy.
 */
#ifndef WEFT_PROXY_INFO_H
#define WEFT_PROXY_INFO_H

#include "base/prelude.h"
#include "base/slice.h"
#include "http/head.h"
#include "io/addr.h"

struct info {
    int64_t start_ms;                 /* real time */
    uint64_t begin_ms;                /* monotonic, as all below; 0: has not happened */
    uint64_t request_end_ms;          /* last byte of the request */
    uint64_t response_begin_ms;       /* first byte of the response, from upstream */
    uint64_t end_ms;                  /* all is over */
    const struct http_head *request;  /* NULL for TCP */
    const struct http_head *response; /* NULL before it is sent, and for TCP */
    struct slice protocol;            /* "HTTP/1.1"; empty for TCP */
    unsigned status;                  /* 0: none was sent */
    uint32_t flags;                   /* enum flag */
    struct slice details;             /* response code details; static or in the stream's arena */
    struct slice termination_details;
    struct slice transport_failure; /* why the upstream connection failed */
    uint64_t bytes_received;        /* body bytes (all bytes for TCP) */
    uint64_t bytes_sent;
    struct addr upstream_host; /* len 0: none chosen */
    struct addr upstream_local;
    struct addr downstream_local; /* original destination when redirected */
    struct addr downstream_remote;
    struct slice upstream_cluster;
    struct slice upstream_cluster_raw; /* the name in the configuration */
    struct slice sni;
    struct slice route_name;
    struct slice peer_uri_san; /* downstream's */
    unsigned attempts;         /* upstream attempts */
};

#endif
