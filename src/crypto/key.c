/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: see key.h. Here are also the helpers of crypto_int.h. */
#include "crypto/key.h"

#include "base/file.h"
#include "base/mem.h"
#include "crypto/crypto_int.h"
#include "crypto/hash.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { FILE_SIZE_MAX = 64 * 1024 };

int crypto_fail(struct error *err, int code, const char *what)
{
    unsigned long last = ERR_peek_last_error();
    const char *reason = last ? ERR_reason_error_string(last) : NULL;
    int rc = err_set(err, code, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");

    ERR_clear_error();
    return rc;
}

int crypto_no_password(char *buffer, int size, int writing, void *ctx)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)ctx;
    return 0;
}

struct key *crypto_key_wrap(EVP_PKEY *pkey, bool is_private)
{
    struct key *key = MEM_NEW(struct key);

    key->pkey = pkey;
    key->is_private = is_private;
    atomic_init(&key->refs, 1);
    return key;
}

static struct key *generate(int type, int (*configure)(EVP_PKEY_CTX *ctx, unsigned bits),
                            unsigned bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type, NULL);
    EVP_PKEY *pkey = NULL;

    ASSERT(ctx && EVP_PKEY_keygen_init(ctx) == 1 && configure(ctx, bits) == 1);
    ASSERT(EVP_PKEY_keygen(ctx, &pkey) == 1);
    EVP_PKEY_CTX_free(ctx);
    return crypto_key_wrap(pkey, true);
}

static int ec_configure(EVP_PKEY_CTX *ctx, unsigned bits)
{
    (void)bits;
    return EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1);
}

static int rsa_configure(EVP_PKEY_CTX *ctx, unsigned bits)
{
    return EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits);
}

struct key *key_new_ec(void)
{
    return generate(EVP_PKEY_EC, ec_configure, 0);
}

struct key *key_new_rsa(unsigned bits)
{
    ASSERT(bits >= 2048 && bits <= 4096);
    return generate(EVP_PKEY_RSA, rsa_configure, bits);
}

/* A reader over the text; NULL for an empty or oversized one. */
static BIO *text_reader(struct slice text)
{
    return text.len == 0 || text.len > INT32_MAX ? NULL : BIO_new_mem_buf(text.data, (int)text.len);
}

int key_parse_pem(struct slice pem, struct key **ret, struct error *err)
{
    BIO *bio = text_reader(pem);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, crypto_no_password, NULL) : NULL;

    BIO_free(bio);
    if (!pkey)
        return crypto_fail(err, ERR_INVALID, "no private key in PEM form");
    *ret = crypto_key_wrap(pkey, true);
    return 0;
}

int key_parse_public_pem(struct slice pem, struct key **ret, struct error *err)
{
    BIO *bio = text_reader(pem);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, crypto_no_password, NULL) : NULL;
    struct cert *cert = NULL;

    BIO_free(bio);
    if (!pkey && cert_parse_pem(pem, &cert, NULL) == 0)
        pkey = X509_get_pubkey(cert->x509);
    cert_unref(cert);
    if (!pkey)
        return crypto_fail(err, ERR_INVALID, "no public key in PEM form");
    ERR_clear_error();
    *ret = crypto_key_wrap(pkey, false);
    return 0;
}

/* Moves what was written into `bio` to `out`. */
static int text_take(BIO *bio, bool written, struct buf *out)
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    int rc = written ? buf_append(out, slice_make(text, (size_t)len)) : ERR_INVALID;

    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

int key_format_pem(const struct key *key, struct buf *out)
{
    BIO *bio;

    if (!key->is_private)
        return ERR_INVALID;
    bio = BIO_new(BIO_s_mem());
    return text_take(
        bio, PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1, out);
}

int key_format_public_pem(const struct key *key, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return text_take(bio, PEM_write_bio_PUBKEY(bio, key->pkey) == 1, out);
}

int key_open_rsa(const char *path, unsigned bits, struct key **ret, struct error *err)
{
    SCOPED(buf_deinit) struct buf pem = {0};
    SCOPED(key_drop) struct key *key = NULL;
    int rc;

    buf_init(&pem, FILE_SIZE_MAX);
    if (file_exists(path)) {
        rc = file_read(path, &pem, err);
        return rc ? rc : key_parse_pem(buf_slice(&pem), ret, err);
    }
    key = key_new_rsa(bits);
    rc = key_format_pem(key, &pem);
    if (rc == 0)
        rc = file_write(path, buf_slice(&pem), 0600, err);
    if (rc == 0)
        *ret = TAKE(key);
    return rc;
}

const char *key_id_make(const struct key *key, char out[KEY_ID_SIZE])
{
    SCOPED(buf_deinit) struct buf pem = {0};
    char hex[HASH_SHA256_HEX_SIZE];

    buf_init(&pem, 0);
    (void)key_format_public_pem(key, &pem); /* a short text into a large buffer */
    hash_sha256_hex(buf_slice(&pem), hex);
    memcpy(out, hex, KEY_ID_SIZE - 1);
    out[KEY_ID_SIZE - 1] = '\0';
    return out;
}

bool key_is_private(const struct key *key)
{
    return key->is_private;
}

bool key_is_rsa(const struct key *key)
{
    return EVP_PKEY_id(key->pkey) == EVP_PKEY_RSA;
}

bool key_equal(const struct key *a, const struct key *b)
{
    bool equal = EVP_PKEY_cmp(a->pkey, b->pkey) == 1;

    ERR_clear_error();
    return equal;
}

struct key *key_ref(const struct key *key)
{
    struct key *shared = CONTAINER_OF(&key->refs, struct key, refs);

    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}

void key_unref(struct key *key)
{
    /* acq_rel: the last holder must see what the others did with the key */
    if (!key || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(key->pkey);
    mem_free(key);
}

void key_drop(struct key **key)
{
    key_unref(*key);
    *key = NULL;
}
