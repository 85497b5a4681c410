/* SPDX-License-Identifier: Apache-2.0 */
/* Which filter chain a connection belongs to.
 *
 * Place   workers, once a connection, after its first bytes were looked at
 * Owns    nothing
 * Spec    Envoy's FilterChainMatch: destination port, destination IP, server name, transport,
 *         application protocol, source type, source IP, source port, each level keeping only its
 *         most specific hits; a level that was decided is never taken back
 */
#ifndef WEFT_PROXY_CHAIN_H
#define WEFT_PROXY_CHAIN_H

#include "base/prelude.h"
#include "base/slice.h"
#include "io/addr.h"

struct chain_prefix {
    struct addr addr;
    unsigned len;
};

enum chain_source { CHAIN_SOURCE_ANY, CHAIN_SOURCE_LOCAL, CHAIN_SOURCE_EXTERNAL };

struct chain_match {
    unsigned port; /* 0: any */
    struct chain_prefix *prefixes;
    size_t prefix_count;
    struct slice *server_names; /* lower case; "*.a.com" is a wildcard */
    size_t server_name_count;
    struct slice transport; /* "tls", "raw_buffer", or empty */
    struct slice *protocols;
    size_t protocol_count;
    enum chain_source source;
    struct chain_prefix *source_prefixes;
    size_t source_prefix_count;
    uint32_t *source_ports;
    size_t source_port_count;
};

enum { CHAIN_PROTOCOL_MAX = 16 };

/* What is known of a connection. */
struct chain_input {
    const struct addr *local; /* the destination that counts */
    const struct addr *peer;
    struct slice server_name;                   /* lower case; empty: none */
    struct slice transport;                     /* "tls" or "raw_buffer" */
    struct slice protocols[CHAIN_PROTOCOL_MAX]; /* as the client lists them */
    size_t protocol_count;
};

/* The number of the chain, or -1. `first` is the match of the first of `count` chains, that of the
 * next one lies `stride` bytes further. At most 4,096 chains are looked at. */
ptrdiff_t chain_find(const struct chain_match *first, size_t stride, size_t count,
                     const struct chain_input *input);

#endif
