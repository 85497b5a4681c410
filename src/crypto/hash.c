/* SPDX-License-Identifier: Apache-2.0 */
/* Digests: see hash.h. */
#include "crypto/hash.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

struct hash_sha256 {
    EVP_MD_CTX *ctx;
};

void hash_sha256(struct slice bytes, uint8_t out[HASH_SHA256_SIZE])
{
    ASSERT(EVP_Digest(bytes.len ? bytes.data : "", bytes.len, out, NULL, EVP_sha256(), NULL) == 1);
}

const char *hash_sha256_hex(struct slice bytes, char out[HASH_SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[HASH_SHA256_SIZE];

    hash_sha256(bytes, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[HASH_SHA256_HEX_SIZE - 1] = '\0';
    return out;
}

void hash_hmac_sha256(struct slice key, struct slice bytes, uint8_t out[HASH_SHA256_SIZE])
{
    const void *secret = key.len ? key.data : "";
    const void *data = bytes.len ? bytes.data : "";

    ASSERT(HMAC(EVP_sha256(), secret, (int)key.len, data, bytes.len, out, NULL) != NULL);
}

bool hash_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

struct hash_sha256 *hash_sha256_new(void)
{
    struct hash_sha256 *hash = MEM_NEW(struct hash_sha256);

    hash->ctx = EVP_MD_CTX_new();
    ASSERT(hash->ctx && EVP_DigestInit_ex(hash->ctx, EVP_sha256(), NULL) == 1);
    return hash;
}

void hash_sha256_update(struct hash_sha256 *hash, struct slice bytes)
{
    ASSERT(bytes.len == 0 || EVP_DigestUpdate(hash->ctx, bytes.data, bytes.len) == 1);
}

void hash_sha256_end(struct hash_sha256 *hash, uint8_t out[HASH_SHA256_SIZE])
{
    ASSERT(EVP_DigestFinal_ex(hash->ctx, out, NULL) == 1);
    EVP_MD_CTX_free(hash->ctx);
    mem_free(hash);
}
