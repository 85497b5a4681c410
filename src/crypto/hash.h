/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and what is made of it.
 *
 * Place   resource versions, image digests, tokens, fingerprints
 * Spec    FIPS 180-4, RFC 2104
 */
#ifndef WEFT_CRYPTO_HASH_H
#define WEFT_CRYPTO_HASH_H

#include "base/prelude.h"
#include "base/slice.h"

enum { HASH_SHA256_SIZE = 32, HASH_SHA256_HEX_SIZE = 65 };

struct hash_sha256; /* a running digest */

void hash_sha256(struct slice bytes, uint8_t out[HASH_SHA256_SIZE]);
/* Lower-case hexadecimal, terminated. Returns out. */
const char *hash_sha256_hex(struct slice bytes, char out[HASH_SHA256_HEX_SIZE]);
void hash_hmac_sha256(struct slice key, struct slice bytes, uint8_t out[HASH_SHA256_SIZE]);
/* Equal, in a time that depends on the length alone. */
bool hash_equal(struct slice a, struct slice b);

/* For content that comes in pieces (images): new, update..., then end (which frees it). */
struct hash_sha256 *hash_sha256_new(void);
void hash_sha256_update(struct hash_sha256 *hash, struct slice bytes);
void hash_sha256_end(struct hash_sha256 *hash, uint8_t out[HASH_SHA256_SIZE]);

#endif
