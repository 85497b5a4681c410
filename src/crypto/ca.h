/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate authority: a root of its own, requests in, certificates out.
 *
 * Place   weftd (mesh root, workload identities, webhook), the sandbox's API server
 * Owns    its certificate and key; immutable, shareable between threads
 * Limits  at most CERT_NAME_MAX names in a certificate; validity never outlasts the CA's own
 * Spec    RFC 5280, PKCS#10 (RFC 2986), SPIFFE X.509-SVID for URI names
 */
#ifndef WEFT_CRYPTO_CA_H
#define WEFT_CRYPTO_CA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "crypto/cert.h"
#include "crypto/key.h"

enum { CERT_NAME_MAX = 256, CA_HOST_MAX = 64 };

struct ca;
struct csr;

/* What a certificate (or a request) says about its holder. NULL and 0: left out. */
struct cert_options {
    const char *common_name;
    const char *const *organizations;
    size_t organization_count;
    const char *const *dns_names;
    size_t dns_name_count;
    const char *const *ip_addresses; /* IPv4 or IPv6 in text form */
    size_t ip_address_count;
    const char *const *uris; /* "spiffe://cluster.local/ns/x/sa/y" */
    size_t uri_count;
    int64_t not_before_ms; /* since 1970; 0: two minutes ago (clocks differ) */
    int64_t validity_ms;   /* from now on; 0: one day */
    bool is_ca;            /* an intermediate; otherwise a leaf for TLS server and client */
    bool client_only;      /* a leaf for TLS clients alone */
};

/* The hosts that a server is called by, told apart: DNS names and IP addresses. Borrows the texts;
 * zero-initialise. */
struct ca_hosts {
    const char *dns_names[CA_HOST_MAX];
    size_t dns_name_count;
    const char *ip_addresses[CA_HOST_MAX];
    size_t ip_address_count;
};

/* Above CA_HOST_MAX of a sort: ERR_LIMIT. */
MUST_USE int ca_hosts_add(struct ca_hosts *hosts, const char *host);
/* Puts the names into `options`, which borrows them. */
void ca_hosts_set(const struct ca_hosts *hosts, struct cert_options *options);

/* A self-signed root with a new EC key. options->is_ca is implied. Error names the bad field. */
MUST_USE int ca_new_root(const struct cert_options *options, struct ca **ret, struct error *err);
/* From PEM texts; the certificate must be a CA's and fit the key. `cert_pem` may hold a chain up to
 * the root: then it is an intermediate, and ca_chain_pem gives the whole. */
MUST_USE int ca_load(struct slice cert_pem, struct slice key_pem, struct ca **ret,
                     struct error *err);
/* The CA in these two files (PEM); when there is no certificate, a new root after `options`, which
 * is written to both. The error names the file and the reason. */
MUST_USE int ca_open(const char *cert_path, const char *key_path,
                     const struct cert_options *options, struct ca **ret, struct error *err);
/* Borrowed: the CA's own certificate, and the texts it was loaded from or made as. */
const struct cert *ca_cert(const struct ca *ca);
struct slice ca_cert_pem(const struct ca *ca);
struct slice ca_key_pem(const struct ca *ca);

/* Signs a certificate for a public key; names come from `options` alone. Appends the leaf's PEM
 * (the CA's chain is not added). ERR_INVALID naming the field for a bad name. */
MUST_USE int ca_sign(const struct ca *ca, const struct key *public_key,
                     const struct cert_options *options, struct buf *out, struct error *err);
/* Makes a new EC key and signs for it: both PEM texts are appended. */
MUST_USE int ca_issue(const struct ca *ca, const struct cert_options *options, struct buf *out_cert,
                      struct buf *out_key, struct error *err);
/* NULL is fine. */
void ca_free(struct ca *ca);
/* For SCOPED(ca_drop). */
void ca_drop(struct ca **ca);

/* Appends the PEM of a certificate request, signed with `key`. Validity and is_ca mean nothing
 * here. */
MUST_USE int csr_make(const struct key *key, const struct cert_options *options, struct buf *out,
                      struct error *err);
/* Reads a request and checks its signature. */
MUST_USE int csr_parse_pem(struct slice pem, struct csr **ret, struct error *err);
/* Borrowed. */
const struct key *csr_key(const struct csr *csr);
/* The names that the request asks for, in `arena`. */
void csr_sans_get(const struct csr *csr, struct arena *arena, struct cert_san **ret_sans,
                  size_t *ret_count);
/* NULL is fine. */
void csr_free(struct csr *csr);
/* For SCOPED(csr_drop). */
void csr_drop(struct csr **csr);

#endif
