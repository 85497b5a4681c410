/* SPDX-License-Identifier: Apache-2.0 */
/* Compact tokens: see jws.h. */
#include "crypto/jws.h"

#include "base/mem.h"
#include "crypto/crypto_int.h"
#include "wire/base64.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

enum { COORDINATE_SIZE = 32, SIGNATURE_MAX = 1024 };

static const char *key_algorithm(const struct key *key)
{
    return key_is_rsa(key) ? "RS256" : "ES256";
}

/* The library's DER form of an EC signature to r || s. */
static bool ec_signature_pack(const unsigned char *der, size_t der_len,
                              unsigned char out[2 * COORDINATE_SIZE])
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    const BIGNUM *r;
    const BIGNUM *s;
    bool ok;

    if (!signature)
        return false;
    ECDSA_SIG_get0(signature, &r, &s);
    ok = BN_bn2binpad(r, out, COORDINATE_SIZE) == COORDINATE_SIZE &&
         BN_bn2binpad(s, out + COORDINATE_SIZE, COORDINATE_SIZE) == COORDINATE_SIZE;
    ECDSA_SIG_free(signature);
    return ok;
}

/* r || s to DER; returns its length, or 0. */
static size_t ec_signature_unpack(struct slice raw, unsigned char out[SIGNATURE_MAX])
{
    const unsigned char *bytes = (const unsigned char *)raw.data;
    ECDSA_SIG *signature;
    int len;

    if (raw.len != 2 * COORDINATE_SIZE)
        return 0;
    signature = ECDSA_SIG_new();
    ASSERT(signature);
    ASSERT(ECDSA_SIG_set0(signature, BN_bin2bn(bytes, COORDINATE_SIZE, NULL),
                          BN_bin2bn(bytes + COORDINATE_SIZE, COORDINATE_SIZE, NULL)) == 1);
    len = i2d_ECDSA_SIG(signature, &out);
    ECDSA_SIG_free(signature);
    return len > 0 ? (size_t)len : 0;
}

static int json_part(const json_t *value, struct buf *out)
{
    SCOPED(mem_drop) char *text = json_format_str(value, JSON_FORMAT_COMPACT);

    return base64_url_encode(slice_str(text), out);
}

static int signature_append(const struct key *key, struct slice signed_part, struct buf *out)
{
    unsigned char signature[SIGNATURE_MAX];
    unsigned char raw[2 * COORDINATE_SIZE];
    size_t len = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
              EVP_DigestSign(ctx, signature, &len, (const unsigned char *)signed_part.data,
                             signed_part.len) == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (ok && key_is_rsa(key))
        return base64_url_encode(slice_make(signature, len), out);
    if (!ok || !ec_signature_pack(signature, len, raw))
        return ERR_INVALID;
    return base64_url_encode(slice_make(raw, sizeof raw), out);
}

int jws_sign(const struct key *key, const char *key_id, const json_t *payload, struct buf *out)
{
    SCOPED(json_drop) json_t *header = json_object();
    SCOPED(buf_deinit) struct buf token = {0};
    SCOPED(buf_deinit) struct buf signature = {0};
    int rc;

    if (!key->is_private)
        return ERR_INVALID;
    buf_init(&token, JWS_SIZE_MAX);
    buf_init(&signature, JWS_SIZE_MAX);
    json_set_string(header, "alg", key_algorithm(key));
    if (key_id)
        json_set_string(header, "kid", key_id);
    json_part(header, &token);
    buf_append_char(&token, '.');
    json_part(payload, &token);
    if (token.failed)
        return ERR_LIMIT;
    rc = signature_append(key, buf_slice(&token), &signature);
    if (rc < 0)
        return rc;
    buf_append_char(&token, '.');
    buf_append(&token, buf_slice(&signature));
    return token.failed ? ERR_LIMIT : buf_append(out, buf_slice(&token));
}

/* The three parts, and the signed bytes (the first two with their dot). */
struct parts {
    struct slice header;
    struct slice payload;
    struct slice signature;
    struct slice signed_part;
};

static int parts_split(struct slice token, struct parts *ret, struct error *err)
{
    struct slice rest = token;

    if (token.len > JWS_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "token of %zu bytes, at most %d are allowed", token.len,
                       JWS_SIZE_MAX);
    if (!slice_split_next(&rest, '.', &ret->header) ||
        !slice_split_next(&rest, '.', &ret->payload) ||
        !slice_split_next(&rest, '.', &ret->signature) || rest.data)
        return err_set(err, ERR_INVALID, "a token has three parts");
    ret->signed_part = slice_head(token, ret->header.len + 1 + ret->payload.len);
    return 0;
}

static int part_parse(struct slice part, const char *what, json_t **ret, struct error *err)
{
    SCOPED(buf_deinit) struct buf text = {0};
    SCOPED(json_drop) json_t *value = NULL;
    const struct json_limits limits = {.depth_max = 20, .duplicate_refuse = true};

    buf_init(&text, JWS_SIZE_MAX);
    if (base64_decode(part, &text) < 0 || json_parse(buf_slice(&text), &limits, &value, NULL) < 0 ||
        !json_is_object(value))
        return err_set(err, ERR_INVALID, "the token's %s is no JSON object in base64", what);
    *ret = TAKE(value);
    return 0;
}

int jws_peek(struct slice token, json_t **ret_header, json_t **ret_payload, struct error *err)
{
    SCOPED(json_drop) json_t *header = NULL;
    SCOPED(json_drop) json_t *payload = NULL;
    struct parts parts;
    int rc = parts_split(token, &parts, err);

    if (rc == 0)
        rc = part_parse(parts.header, "header", &header, err);
    if (rc == 0)
        rc = part_parse(parts.payload, "payload", &payload, err);
    if (rc < 0)
        return rc;
    if (ret_header)
        *ret_header = TAKE(header);
    if (ret_payload)
        *ret_payload = TAKE(payload);
    return 0;
}

static bool signature_fits(const struct key *key, const struct parts *parts)
{
    SCOPED(buf_deinit) struct buf raw = {0};
    unsigned char der[SIGNATURE_MAX];
    EVP_MD_CTX *ctx;
    size_t len;
    bool ok;

    buf_init(&raw, SIGNATURE_MAX);
    if (base64_decode(parts->signature, &raw) < 0 || raw.len == 0)
        return false;
    len = raw.len;
    if (key_is_rsa(key))
        memcpy(der, raw.data, len);
    else
        len = ec_signature_unpack(buf_slice(&raw), der);
    ctx = EVP_MD_CTX_new();
    ok = len > 0 && ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
         EVP_DigestVerify(ctx, der, len, (const unsigned char *)parts->signed_part.data,
                          parts->signed_part.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

int jws_verify(const struct key *key, struct slice token, json_t **ret_payload, struct error *err)
{
    SCOPED(json_drop) json_t *header = NULL;
    SCOPED(json_drop) json_t *payload = NULL;
    struct parts parts;
    const char *algorithm;
    int rc = parts_split(token, &parts, err);

    if (rc == 0)
        rc = jws_peek(token, &header, &payload, err);
    if (rc < 0)
        return rc;
    algorithm = json_get_string(header, "alg");
    if (!algorithm || strcmp(algorithm, key_algorithm(key)) != 0)
        return err_set(err, ERR_DENIED, "the token is not signed with %s", key_algorithm(key));
    if (json_object_get(header, "crit"))
        return err_set(err, ERR_DENIED, "not supported: the token's header says crit");
    if (!signature_fits(key, &parts))
        return err_set(err, ERR_DENIED, "the token's signature does not fit the key");
    *ret_payload = TAKE(payload);
    return 0;
}

static bool audience_holds(const json_t *aud, const char *audience)
{
    json_t *item;
    size_t i;

    if (json_is_string(aud))
        return strcmp(json_string_value(aud), audience) == 0;
    json_array_foreach(aud, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), audience) == 0)
            return true;
    }
    return false;
}

int jws_claims_check(const json_t *payload, int64_t now_ms, int64_t skew_s, const char *audience,
                     struct error *err)
{
    double now_s = (double)now_ms / 1000;
    const json_t *until = json_object_get(payload, "exp");
    const json_t *from = json_object_get(payload, "nbf");

    if ((until && !json_is_number(until)) || (from && !json_is_number(from)))
        return err_set(err, ERR_DENIED, "exp or nbf of the token is no number");
    if (until && json_number_value(until) + (double)skew_s < now_s)
        return err_set(err, ERR_EXPIRED, "the token is expired");
    if (from && json_number_value(from) - (double)skew_s > now_s)
        return err_set(err, ERR_DENIED, "the token is not valid yet");
    if (audience && !audience_holds(json_object_get(payload, "aud"), audience))
        return err_set(err, ERR_DENIED, "the token is not for audience %s", audience);
    return 0;
}

static void member_set(json_t *jwk, const char *name, struct slice bytes)
{
    SCOPED(buf_deinit) struct buf text = {0};

    buf_init(&text, 0);
    if (base64_url_encode(bytes, &text) == 0)
        json_set_string(jwk, name, text.data);
}

static void number_set(json_t *jwk, const char *name, const BIGNUM *number)
{
    unsigned char bytes[SIGNATURE_MAX];
    int len = number ? BN_num_bytes(number) : 0;

    if (len > 0 && (size_t)len <= sizeof bytes)
        member_set(jwk, name, slice_make(bytes, (size_t)BN_bn2bin(number, bytes)));
}

/* The uncompressed point: 4, x, y, at the end of the DER form. */
static void point_set(json_t *jwk, const struct key *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key->pkey, &der);

    if (len > 2 * COORDINATE_SIZE) {
        const unsigned char *x = der + len - 2 * COORDINATE_SIZE;

        member_set(jwk, "x", slice_make(x, COORDINATE_SIZE));
        member_set(jwk, "y", slice_make(x + COORDINATE_SIZE, COORDINATE_SIZE));
    }
    OPENSSL_free(der);
}

json_t *jws_public_jwk(const struct key *key, const char *key_id)
{
    json_t *jwk = json_object();

    json_set_string(jwk, "use", "sig");
    json_set_string(jwk, "alg", key_algorithm(key));
    if (key_id)
        json_set_string(jwk, "kid", key_id);
    if (key_is_rsa(key)) {
        const RSA *rsa = EVP_PKEY_get0_RSA(key->pkey);

        json_set_string(jwk, "kty", "RSA");
        number_set(jwk, "n", RSA_get0_n(rsa));
        number_set(jwk, "e", RSA_get0_e(rsa));
    } else {
        json_set_string(jwk, "kty", "EC");
        json_set_string(jwk, "crv", "P-256");
        point_set(jwk, key);
    }
    return jwk;
}
