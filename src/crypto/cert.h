/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 certificates: reading, facts, chains.
 *
 * Place   CA, TLS peers, `proxy-config secret`, rotation
 * Owns    one library certificate; immutable, shareable between threads
 * Spec    RFC 5280
 */
#ifndef WEFT_CRYPTO_CERT_H
#define WEFT_CRYPTO_CERT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

struct cert;

enum cert_san_kind { CERT_SAN_DNS, CERT_SAN_IP, CERT_SAN_URI, CERT_SAN_EMAIL };

struct cert_san {
    enum cert_san_kind kind;
    struct slice value; /* an IP address in text form */
};

struct cert_facts {
    struct slice common_name; /* of the subject; may be empty */
    struct slice subject;     /* RFC 2253 */
    struct slice issuer;      /* RFC 2253 */
    struct slice serial;      /* lower-case hexadecimal */
    struct slice fingerprint; /* SHA-256 of the DER form, lower-case hexadecimal */
    struct slice *organizations;
    size_t organization_count;
    struct cert_san *sans;
    size_t san_count;
    int64_t not_before_ms; /* since 1970 */
    int64_t not_after_ms;
    bool is_ca;
};

/* The first certificate in the text. */
MUST_USE int cert_parse_pem(struct slice pem, struct cert **ret, struct error *err);
MUST_USE int cert_parse_der(struct slice der, struct cert **ret, struct error *err);
/* Calls on_cert for each certificate in the text, in order; it takes the certificate. ERR_INVALID
 * when there is none or one is malformed (those before it were given already). */
MUST_USE int cert_each_pem(struct slice pem, void (*on_cert)(struct cert *cert, void *ctx),
                           void *ctx, struct error *err);
int cert_format_pem(const struct cert *cert, struct buf *out);
int cert_format_der(const struct cert *cert, struct buf *out);
/* All in `arena`. */
void cert_facts_get(const struct cert *cert, struct arena *arena, struct cert_facts *ret);
/* The first SAN of that kind, in `arena`; empty when there is none. */
struct slice cert_san_first(const struct cert *cert, enum cert_san_kind kind, struct arena *arena);
/* Is the leaf (with intermediates in the same text, after it) signed by one of the roots and valid
 * at `now_ms`? ERR_DENIED with the reason otherwise. Names are not compared. */
MUST_USE int cert_chain_verify(struct slice chain_pem, struct slice roots_pem, int64_t now_ms,
                               struct error *err);
/* The certificate's public key belongs to this pair. */
struct key;
bool cert_fits_key(const struct cert *cert, const struct key *key);
struct cert *cert_ref(const struct cert *cert);
/* NULL is fine. */
void cert_unref(struct cert *cert);
/* For SCOPED(cert_drop). */
void cert_drop(struct cert **cert);

#endif
