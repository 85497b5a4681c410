/* SPDX-License-Identifier: Apache-2.0 */
/* Asymmetric keys: EC P-256 of our own, EC and RSA of others.
 *
 * Place   certificates, certificate requests, tokens
 * Owns    one library key; a struct key is immutable and may be shared between threads
 */
#ifndef WEFT_CRYPTO_KEY_H
#define WEFT_CRYPTO_KEY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

struct key;

/* A new EC P-256 pair. Never NULL (aborts when the system has no randomness). */
struct key *key_new_ec(void);
/* A new RSA pair; bits is 2048 to 4096. For service-account tokens of Kubernetes. */
struct key *key_new_rsa(unsigned bits);
/* The first private key in the text (PKCS#8, SEC1 or PKCS#1; not encrypted). */
MUST_USE int key_parse_pem(struct slice pem, struct key **ret, struct error *err);
/* The key in that file (PEM); when there is none, a new RSA pair, which is written to it. The error
 * names the file and the reason. */
MUST_USE int key_open_rsa(const char *path, unsigned bits, struct key **ret, struct error *err);
/* The first public key ("PUBLIC KEY"), or that of the first certificate. */
MUST_USE int key_parse_public_pem(struct slice pem, struct key **ret, struct error *err);
/* Appends PKCS#8 ("PRIVATE KEY"). ERR_INVALID for a public key. */
int key_format_pem(const struct key *key, struct buf *out);
/* Appends the public half ("PUBLIC KEY"). */
int key_format_public_pem(const struct key *key, struct buf *out);
enum { KEY_ID_SIZE = 17 };
/* A name for the pair, made of its public half alone: what tokens say that signed them. Returns
 * out. */
const char *key_id_make(const struct key *key, char out[KEY_ID_SIZE]);
bool key_is_private(const struct key *key);
bool key_is_rsa(const struct key *key);
/* True when both have the same public half. */
bool key_equal(const struct key *a, const struct key *b);
struct key *key_ref(const struct key *key);
/* NULL is fine. */
void key_unref(struct key *key);
/* For SCOPED(key_drop). */
void key_drop(struct key **key);

#endif
