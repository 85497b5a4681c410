/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: see cert.h. */
#include "crypto/cert.h"

#include "base/mem.h"
#include "crypto/crypto_int.h"
#include "crypto/hash.h"
#include "wire/base64.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

struct cert *crypto_cert_wrap(X509 *x509)
{
    struct cert *cert = MEM_NEW(struct cert);

    cert->x509 = x509;
    atomic_init(&cert->refs, 1);
    return cert;
}

static BIO *text_reader(struct slice text)
{
    return text.len == 0 || text.len > INT32_MAX ? NULL : BIO_new_mem_buf(text.data, (int)text.len);
}

int cert_parse_pem(struct slice pem, struct cert **ret, struct error *err)
{
    BIO *bio = text_reader(pem);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, crypto_no_password, NULL) : NULL;

    BIO_free(bio);
    if (!x509)
        return crypto_fail(err, ERR_INVALID, "no certificate in PEM form");
    *ret = crypto_cert_wrap(x509);
    return 0;
}

int cert_parse_der(struct slice der, struct cert **ret, struct error *err)
{
    const unsigned char *at = (const unsigned char *)der.data;
    X509 *x509 = der.len && der.len < INT32_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;

    if (!x509)
        return crypto_fail(err, ERR_INVALID, "no certificate in DER form");
    *ret = crypto_cert_wrap(x509);
    return 0;
}

int cert_each_pem(struct slice pem, void (*on_cert)(struct cert *cert, void *ctx), void *ctx,
                  struct error *err)
{
    BIO *bio = text_reader(pem);
    size_t count = 0;
    X509 *x509;

    while (bio && (x509 = PEM_read_bio_X509(bio, NULL, crypto_no_password, NULL))) {
        on_cert(crypto_cert_wrap(x509), ctx);
        count++;
    }
    BIO_free(bio);
    if (count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return crypto_fail(err, ERR_INVALID, "malformed certificate in PEM form");
    ERR_clear_error();
    return 0;
}

int cert_format_pem(const struct cert *cert, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;
    int rc;

    ASSERT(bio && PEM_write_bio_X509(bio, cert->x509) == 1);
    len = BIO_get_mem_data(bio, &text);
    rc = buf_append(out, slice_make(text, (size_t)len));
    BIO_free(bio);
    return rc;
}

int cert_format_der(const struct cert *cert, struct buf *out)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert->x509, &der);
    int rc;

    ASSERT(len > 0);
    rc = buf_append(out, slice_make(der, (size_t)len));
    OPENSSL_free(der);
    return rc;
}

static struct slice name_format(const X509_NAME *name, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct slice result;
    char *text;
    long len;

    ASSERT(bio);
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    len = BIO_get_mem_data(bio, &text);
    result = arena_slice_dup(arena, slice_make(text, (size_t)len));
    BIO_free(bio);
    return result;
}

static struct slice string_dup(const ASN1_STRING *text, struct arena *arena)
{
    return arena_slice_dup(
        arena, slice_make(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)));
}

/* The next value of that kind in the subject, from *index on (-1 to start). */
static bool subject_next(const X509_NAME *name, int nid, int *index, struct arena *arena,
                         struct slice *ret)
{
    const X509_NAME_ENTRY *entry;

    *index = X509_NAME_get_index_by_NID((X509_NAME *)name, nid, *index);
    if (*index < 0)
        return false;
    entry = X509_NAME_get_entry(name, *index);
    *ret = string_dup(X509_NAME_ENTRY_get_data(entry), arena);
    return true;
}

static void subject_get(const X509_NAME *name, struct arena *arena, struct cert_facts *facts)
{
    struct slice value;
    int index = -1;
    size_t count = 0;

    while (subject_next(name, NID_commonName, &index, arena, &value))
        facts->common_name = value;
    for (index = -1; subject_next(name, NID_organizationName, &index, arena, &value);)
        count++;
    facts->organizations = ARENA_ARRAY(arena, struct slice, count + 1);
    for (index = -1; subject_next(name, NID_organizationName, &index, arena, &value);)
        facts->organizations[facts->organization_count++] = value;
}

static struct slice ip_format(const ASN1_OCTET_STRING *bytes, struct arena *arena)
{
    char text[INET6_ADDRSTRLEN] = "";
    int len = ASN1_STRING_length(bytes);

    if (len == 4 || len == 16)
        inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text, sizeof text);
    return arena_slice_dup(arena, slice_str(text));
}

/* One alternative name, when it is of a kind that we know. */
static bool san_get(const GENERAL_NAME *name, struct arena *arena, struct cert_san *ret)
{
    switch (name->type) {
    case GEN_DNS:
        *ret = (struct cert_san){CERT_SAN_DNS, string_dup(name->d.dNSName, arena)};
        return true;
    case GEN_URI:
        *ret =
            (struct cert_san){CERT_SAN_URI, string_dup(name->d.uniformResourceIdentifier, arena)};
        return true;
    case GEN_EMAIL:
        *ret = (struct cert_san){CERT_SAN_EMAIL, string_dup(name->d.rfc822Name, arena)};
        return true;
    case GEN_IPADD:
        *ret = (struct cert_san){CERT_SAN_IP, ip_format(name->d.iPAddress, arena)};
        return true;
    default:
        return false;
    }
}

void crypto_sans_get(const GENERAL_NAMES *names, struct arena *arena, struct cert_san **ret_sans,
                     size_t *ret_count)
{
    int count = names ? sk_GENERAL_NAME_num(names) : 0;
    struct cert_san *sans = ARENA_ARRAY(arena, struct cert_san, (size_t)count + 1);
    size_t kept = 0;

    for (int i = 0; i < count; i++)
        kept += san_get(sk_GENERAL_NAME_value(names, i), arena, &sans[kept]);
    *ret_sans = sans;
    *ret_count = kept;
}

static int64_t time_ms(const ASN1_TIME *time)
{
    struct tm tm = {0};

    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}

static struct slice hex_dup(struct slice bytes, struct arena *arena)
{
    SCOPED(buf_deinit) struct buf text = {0};

    buf_init(&text, 0);
    if (hex_encode(bytes, &text) < 0)
        return slice_make("", 0);
    return arena_slice_dup(arena, buf_slice(&text));
}

void cert_facts_get(const struct cert *cert, struct arena *arena, struct cert_facts *ret)
{
    SCOPED(buf_deinit) struct buf der = {0};
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert->x509);
    GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
    uint8_t digest[HASH_SHA256_SIZE];

    *ret = (struct cert_facts){0};
    subject_get(X509_get_subject_name(cert->x509), arena, ret);
    ret->subject = name_format(X509_get_subject_name(cert->x509), arena);
    ret->issuer = name_format(X509_get_issuer_name(cert->x509), arena);
    ret->serial = hex_dup(
        slice_make(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)), arena);
    crypto_sans_get(names, arena, &ret->sans, &ret->san_count);
    GENERAL_NAMES_free(names);
    buf_init(&der, 0);
    if (cert_format_der(cert, &der) == 0) {
        hash_sha256(buf_slice(&der), digest);
        ret->fingerprint = hex_dup(slice_make(digest, sizeof digest), arena);
    }
    ret->not_before_ms = time_ms(X509_get0_notBefore(cert->x509));
    ret->not_after_ms = time_ms(X509_get0_notAfter(cert->x509));
    ret->is_ca = X509_check_ca(cert->x509) == 1;
    ERR_clear_error();
}

struct slice cert_san_first(const struct cert *cert, enum cert_san_kind kind, struct arena *arena)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
    struct slice found = {"", 0};
    struct cert_san *sans;
    size_t count;

    crypto_sans_get(names, arena, &sans, &count);
    GENERAL_NAMES_free(names);
    for (size_t i = count; i-- > 0;)
        if (sans[i].kind == kind)
            found = sans[i].value;
    return found;
}

static void cert_push(struct cert *cert, void *ctx)
{
    STACK_OF(X509) *stack = ctx;

    ASSERT(X509_up_ref(cert->x509) == 1 && sk_X509_push(stack, cert->x509) > 0);
    cert_unref(cert);
}

static int chain_check(STACK_OF(X509) * chain, STACK_OF(X509) * roots, int64_t now_ms,
                       struct error *err)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int rc = 0;

    ASSERT(store && ctx);
    for (int i = 0; i < sk_X509_num(roots); i++)
        X509_STORE_add_cert(store, sk_X509_value(roots, i));
    ASSERT(X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0), chain) == 1);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)(now_ms / 1000));
    if (X509_verify_cert(ctx) != 1)
        rc = err_set(err, ERR_DENIED, "certificate is not trusted: %s",
                     X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return rc;
}

int cert_chain_verify(struct slice chain_pem, struct slice roots_pem, int64_t now_ms,
                      struct error *err)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    STACK_OF(X509) *roots = sk_X509_new_null();
    int rc = cert_each_pem(chain_pem, cert_push, chain, err);

    if (rc == 0)
        rc = cert_each_pem(roots_pem, cert_push, roots, err);
    if (rc == 0)
        rc = chain_check(chain, roots, now_ms, err);
    sk_X509_pop_free(chain, X509_free);
    sk_X509_pop_free(roots, X509_free);
    return rc;
}

bool cert_fits_key(const struct cert *cert, const struct key *key)
{
    EVP_PKEY *own = X509_get_pubkey(cert->x509);
    bool fits = own && EVP_PKEY_cmp(own, key->pkey) == 1;

    EVP_PKEY_free(own);
    ERR_clear_error();
    return fits;
}

struct cert *cert_ref(const struct cert *cert)
{
    struct cert *shared = CONTAINER_OF(&cert->refs, struct cert, refs);

    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}

void cert_unref(struct cert *cert)
{
    /* acq_rel: the last holder must see what the others did with the certificate */
    if (!cert || atomic_fetch_sub_explicit(&cert->refs, 1, memory_order_acq_rel) != 1)
        return;
    X509_free(cert->x509);
    mem_free(cert);
}

void cert_drop(struct cert **cert)
{
    cert_unref(*cert);
    *cert = NULL;
}
