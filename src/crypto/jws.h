/* SPDX-License-Identifier: Apache-2.0 */
/* Signed tokens in compact form: header.payload.signature.
 *
 * Place   service-account tokens (API server signs, weftd and API server verify)
 * Limits  tokens above JWS_SIZE_MAX are refused; only ES256 and RS256, chosen by the key, never by
 *         the token (so "none" and algorithm confusion cannot happen)
 * Spec    RFC 7515, RFC 7518, RFC 7519
 */
#ifndef WEFT_CRYPTO_JWS_H
#define WEFT_CRYPTO_JWS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "crypto/key.h"
#include "wire/json.h"

enum { JWS_SIZE_MAX = 64 * 1024 };

/* Appends the token. `key_id` (may be NULL) goes into the header. */
MUST_USE int jws_sign(const struct key *key, const char *key_id, const json_t *payload,
                      struct buf *out);
/* Checks the signature; *ret_payload is a new reference to the payload, an object. Claims (exp, aud
 * ...) are the caller's. ERR_DENIED for a wrong signature or algorithm, ERR_INVALID for what is no
 * token. */
MUST_USE int jws_verify(const struct key *key, struct slice token, json_t **ret_payload,
                        struct error *err);
/* The header and payload without any check of the signature: to find the key, or to print. Either
 * result may be NULL; both are new references. */
MUST_USE int jws_peek(struct slice token, json_t **ret_header, json_t **ret_payload,
                      struct error *err);
/* Checks exp and nbf (seconds, with `skew_s`) and, when `audience` is not NULL, that aud holds it.
 * ERR_EXPIRED or ERR_DENIED with the reason. */
MUST_USE int jws_claims_check(const json_t *payload, int64_t now_ms, int64_t skew_s,
                              const char *audience, struct error *err);
/* The public key as a JSON Web Key, for a JWKS document. New reference. */
json_t *jws_public_jwk(const struct key *key, const char *key_id);

#endif
