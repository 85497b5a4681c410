/* SPDX-License-Identifier: Apache-2.0 */
/* TLS configurations: immutable, reference-counted, shared by many connections and threads.
 *
 * Place   given to conn_connect, conn_adopt, http/server and http/client
 * Owns    one library context (SSL_CTX); only io/tls*.c and crypto/ see the library's headers
 * Spec    TLS 1.2 and 1.3 (RFC 5246, RFC 8446), ALPN (RFC 7301), SNI (RFC 6066)
 */
#ifndef WEFT_IO_TLS_H
#define WEFT_IO_TLS_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

struct tls_config;

struct tls_options {
    struct slice cert_chain_pem; /* ours, leaf first; empty: none (clients) */
    struct slice key_pem;        /* private key of the leaf */
    struct slice
        trust_pem;    /* roots for the peer's certificate; empty: clients use the system's roots */
    const char *alpn; /* comma-separated, preferred first: "h2,http/1.1"; NULL: none */
    bool require_peer_cert;    /* servers: the client must present one that trust_pem signed */
    bool request_peer_cert;    /* servers: ask, and verify one when given; none is fine */
    bool insecure_skip_verify; /* clients: accept any certificate (kubectl's
                                  insecure-skip-tls-verify) */
    bool skip_name_verify;     /* clients: chain only, not the host name (SPIFFE checks the SAN
                                  elsewhere) */
};

/* Error names the field (cert_chain_pem, key_pem, trust_pem) and the library's reason. */
MUST_USE int tls_server_config_new(const struct tls_options *options, struct tls_config **ret,
                                   struct error *err);
MUST_USE int tls_client_config_new(const struct tls_options *options, struct tls_config **ret,
                                   struct error *err);
/* A server's, with a fresh key and a certificate after `leaf` that the CA signs; cert_chain_pem and
 * key_pem of `options` mean nothing here. */
struct ca;
struct cert_options;
MUST_USE int tls_server_config_issue(const struct ca *ca, const struct cert_options *leaf,
                                     const struct tls_options *options, struct tls_config **ret,
                                     struct error *err);
struct tls_config *tls_config_ref(const struct tls_config *config);
/* NULL is fine. */
void tls_config_unref(struct tls_config *config);

#endif
