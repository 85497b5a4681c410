/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at a connection's first bytes: is it TLS (which server name, which ALPN list), is it HTTP?
 * Pure: consumes nothing.
 *
 * Place   workers, before a filter chain is chosen
 * Limits  a ClientHello of at most 16,384 bytes; a request line of 8,192
 * Spec    RFC 8446 section 4.1.2, RFC 6066 (SNI), RFC 7301 (ALPN); Envoy's tls_inspector and
 *         http_inspector
 */
#ifndef WEFT_PROXY_SNIFF_H
#define WEFT_PROXY_SNIFF_H

#include "base/prelude.h"
#include "base/slice.h"
#include "proxy/chain.h"

enum sniff_result { SNIFF_MORE, SNIFF_YES, SNIFF_NO };

enum { SNIFF_HELLO_MAX = 16384, SNIFF_NAME_MAX = 256, SNIFF_ALPN_MAX = 256 };

struct sniff_tls {
    char server_name[SNIFF_NAME_MAX]; /* lower case, terminated; "" for none */
    char alpn[SNIFF_ALPN_MAX];        /* what `protocols` borrow */
    struct slice protocols[CHAIN_PROTOCOL_MAX];
    size_t protocol_count;
};

/* Is it a ClientHello? With SNIFF_YES *ret is filled. SNIFF_MORE: too short to tell. */
enum sniff_result sniff_tls(struct slice bytes, struct sniff_tls *ret);
/* Is it HTTP? With SNIFF_YES *ret_protocol is "http/1.0", "http/1.1" or "h2c" (static). */
enum sniff_result sniff_http(struct slice bytes, struct slice *ret_protocol);

#endif
