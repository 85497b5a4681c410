/* SPDX-License-Identifier: Apache-2.0 */
/* The authority: roots, signing. Names are put into the library's structures one by one, never into
 * its configuration strings, so a name cannot smuggle in another extension.
 *
 * Place   see ca.h
 */
#include "crypto/ca.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "crypto/ca_int.h"
#include "crypto/crypto_int.h"

#include <arpa/inet.h>
#include <openssl/err.h>

enum { FILE_SIZE_MAX = 1024 * 1024 };
enum { SERIAL_SIZE = 16, BACKDATE_MS = 2 * 60 * 1000, DAY_MS = 24 * 60 * 60 * 1000 };

struct ca {
    struct cert *cert;
    struct key *key;
    char *cert_pem;
    char *key_pem;
};

/* --- hosts --- */

int ca_hosts_add(struct ca_hosts *hosts, const char *host)
{
    struct in6_addr address;
    bool is_ip =
        inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
    size_t *count = is_ip ? &hosts->ip_address_count : &hosts->dns_name_count;

    if (*count == CA_HOST_MAX)
        return ERR_LIMIT;
    (is_ip ? hosts->ip_addresses : hosts->dns_names)[(*count)++] = host;
    return 0;
}

void ca_hosts_set(const struct ca_hosts *hosts, struct cert_options *options)
{
    options->dns_names = hosts->dns_names;
    options->dns_name_count = hosts->dns_name_count;
    options->ip_addresses = hosts->ip_addresses;
    options->ip_address_count = hosts->ip_address_count;
}

/* --- subjects and names --- */

static int subject_add(X509_NAME *name, int nid, const char *text, struct error *err,
                       const char *field)
{
    size_t len = strlen(text);

    if (X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text, (int)len,
                                   -1, 0) != 1) {
        ERR_clear_error();
        return err_set_path(err, ERR_INVALID, field, "\"%.100s\" does not fit a certificate", text);
    }
    return 0;
}

X509_NAME *ca_subject_make(const struct cert_options *options, struct error *err)
{
    X509_NAME *name = X509_NAME_new();
    int rc = 0;

    ASSERT(name);
    for (size_t i = 0; rc == 0 && i < options->organization_count; i++)
        rc = subject_add(name, NID_organizationName, options->organizations[i], err,
                         "organizations");
    if (rc == 0 && options->common_name)
        rc = subject_add(name, NID_commonName, options->common_name, err, "common_name");
    if (rc == 0)
        return name;
    X509_NAME_free(name);
    return NULL;
}

/* DNS names and URIs are ASCII without blanks. */
static bool is_name_text(const char *text)
{
    if (!*text || strlen(text) > 2048)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text >= 0x7f)
            return false;
    return true;
}

static void name_push(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();

    ASSERT(name && value);
    GENERAL_NAME_set0_value(name, type, value);
    ASSERT(sk_GENERAL_NAME_push(names, name) > 0);
}

static ASN1_STRING *string_make(int type, const void *bytes, size_t len)
{
    ASN1_STRING *value = ASN1_STRING_type_new(type);

    ASSERT(value && ASN1_STRING_set(value, bytes, (int)len) == 1);
    return value;
}

static int texts_add(GENERAL_NAMES *names, int type, const char *const *texts, size_t count,
                     const char *field, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_name_text(texts[i]))
            return err_set_path(err, ERR_INVALID, field, "\"%.100s\" does not fit a certificate",
                                texts[i]);
        name_push(names, type, string_make(V_ASN1_IA5STRING, texts[i], strlen(texts[i])));
    }
    return 0;
}

static int addresses_add(GENERAL_NAMES *names, const char *const *texts, size_t count,
                         struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[16];
        size_t len = strchr(texts[i], ':') ? 16 : 4;

        if (inet_pton(len == 4 ? AF_INET : AF_INET6, texts[i], bytes) != 1)
            return err_set_path(err, ERR_INVALID, "ip_addresses", "\"%.100s\" is no IP address",
                                texts[i]);
        name_push(names, GEN_IPADD, string_make(V_ASN1_OCTET_STRING, bytes, len));
    }
    return 0;
}

GENERAL_NAMES *ca_names_make(const struct cert_options *options, struct error *err)
{
    size_t count = options->dns_name_count + options->ip_address_count + options->uri_count;
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    int rc = 0;

    ASSERT(names);
    if (count > CERT_NAME_MAX)
        rc = err_set(err, ERR_LIMIT, "%zu names in a certificate, at most %d are allowed", count,
                     CERT_NAME_MAX);
    if (rc == 0)
        rc = texts_add(names, GEN_DNS, options->dns_names, options->dns_name_count, "dns_names",
                       err);
    if (rc == 0)
        rc = addresses_add(names, options->ip_addresses, options->ip_address_count, err);
    if (rc == 0)
        rc = texts_add(names, GEN_URI, options->uris, options->uri_count, "uris", err);
    if (rc == 0)
        return names;
    GENERAL_NAMES_free(names);
    return NULL;
}

static void extension_add(X509 *x509, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, (X509 *)issuer, x509, NULL, NULL, 0);
    extension = X509V3_EXT_nconf_nid(NULL, &ctx, nid, (char *)value);
    ASSERT(extension && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void usages_add(X509 *x509, const X509 *issuer, const struct cert_options *options)
{
    if (options->is_ca) {
        extension_add(x509, issuer, NID_basic_constraints, "critical,CA:TRUE");
        extension_add(x509, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        extension_add(x509, issuer, NID_basic_constraints, "critical,CA:FALSE");
        extension_add(x509, issuer, NID_key_usage, "critical,digitalSignature,keyEncipherment");
        extension_add(x509, issuer, NID_ext_key_usage,
                      options->client_only ? "clientAuth" : "serverAuth,clientAuth");
    }
    extension_add(x509, issuer, NID_subject_key_identifier, "hash");
    if (issuer != x509)
        extension_add(x509, issuer, NID_authority_key_identifier, "keyid");
}

static void serial_set(X509 *x509)
{
    unsigned char bytes[SERIAL_SIZE];
    BIGNUM *number;

    rng_system_bytes(bytes, sizeof bytes);
    bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and of full length */
    number = BN_bin2bn(bytes, sizeof bytes, NULL);
    ASSERT(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)));
    BN_free(number);
}

/* From two minutes ago (or as asked) on, never past the issuer's end. */
static void times_set(X509 *x509, const X509 *issuer, const struct cert_options *options)
{
    int64_t now_ms = clock_realtime_ms();
    int64_t from_ms = options->not_before_ms ? options->not_before_ms : now_ms - BACKDATE_MS;
    int64_t until_ms = now_ms + (options->validity_ms ? options->validity_ms : DAY_MS);

    ASSERT(ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(from_ms / 1000)));
    ASSERT(ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(until_ms / 1000)));
    if (issuer != x509 &&
        ASN1_TIME_compare(X509_get0_notAfter(x509), X509_get0_notAfter(issuer)) > 0)
        ASSERT(X509_set1_notAfter(x509, X509_get0_notAfter(issuer)) == 1);
}

/* A signed certificate; issuer NULL: by itself. */
static X509 *certificate_make(const struct key *subject_key, const X509 *issuer,
                              const struct key *signer, const struct cert_options *options,
                              struct error *err)
{
    X509_NAME *subject = ca_subject_make(options, err);
    GENERAL_NAMES *names = subject ? ca_names_make(options, err) : NULL;
    X509 *x509 = NULL;

    if (names) {
        x509 = X509_new();
        ASSERT(x509 && X509_set_version(x509, 2) == 1);
        if (!issuer)
            issuer = x509;
        serial_set(x509);
        ASSERT(X509_set_subject_name(x509, subject) == 1);
        ASSERT(X509_set_issuer_name(x509, X509_get_subject_name(issuer)) == 1);
        ASSERT(X509_set_pubkey(x509, subject_key->pkey) == 1);
        times_set(x509, issuer, options);
        usages_add(x509, issuer, options);
        /* RFC 5280 4.2.1.6: critical when the subject is empty */
        if (sk_GENERAL_NAME_num(names) > 0)
            ASSERT(X509_add1_ext_i2d(x509, NID_subject_alt_name, names,
                                     X509_NAME_entry_count(subject) == 0, X509V3_ADD_APPEND) == 1);
        ASSERT(X509_sign(x509, signer->pkey, EVP_sha256()) > 0);
    }
    GENERAL_NAMES_free(names);
    X509_NAME_free(subject);
    return x509;
}

/* Takes all four. */
static struct ca *ca_wrap(struct cert *cert, struct key *key, char *cert_pem, char *key_pem)
{
    struct ca *ca = MEM_NEW(struct ca);

    *ca = (struct ca){cert, key, cert_pem, key_pem};
    return ca;
}

int ca_new_root(const struct cert_options *options, struct ca **ret, struct error *err)
{
    struct cert_options root = *options;
    struct key *key = key_new_ec();
    struct cert *cert;
    struct buf cert_pem;
    struct buf key_pem;
    X509 *x509;

    root.is_ca = true;
    x509 = certificate_make(key, NULL, key, &root, err);
    if (!x509) {
        key_unref(key);
        return ERR_INVALID;
    }
    cert = crypto_cert_wrap(x509);
    buf_init(&cert_pem, 0);
    buf_init(&key_pem, 0);
    ASSERT(cert_format_pem(cert, &cert_pem) == 0 && key_format_pem(key, &key_pem) == 0);
    *ret = ca_wrap(cert, key, buf_take(&cert_pem), buf_take(&key_pem));
    return 0;
}

int ca_load(struct slice cert_pem, struct slice key_pem, struct ca **ret, struct error *err)
{
    SCOPED(cert_drop) struct cert *cert = NULL;
    SCOPED(key_drop) struct key *key = NULL;
    int rc = cert_parse_pem(cert_pem, &cert, err);

    if (rc == 0)
        rc = key_parse_pem(key_pem, &key, err);
    if (rc < 0)
        return rc;
    if (X509_check_ca(cert->x509) != 1)
        return err_set(err, ERR_INVALID, "the certificate is no CA's (basic constraints)");
    if (!cert_fits_key(cert, key))
        return err_set(err, ERR_INVALID, "the key does not belong to the CA's certificate");
    *ret = ca_wrap(TAKE(cert), TAKE(key), mem_slice_dup(cert_pem), mem_slice_dup(key_pem));
    return 0;
}

int ca_open(const char *cert_path, const char *key_path, const struct cert_options *options,
            struct ca **ret, struct error *err)
{
    SCOPED(buf_deinit) struct buf cert = {0};
    SCOPED(buf_deinit) struct buf key = {0};
    SCOPED(ca_drop) struct ca *ca = NULL;
    int rc;

    if (file_exists(cert_path)) {
        buf_init(&cert, FILE_SIZE_MAX);
        buf_init(&key, FILE_SIZE_MAX);
        rc = file_read(cert_path, &cert, err);
        if (rc == 0)
            rc = file_read(key_path, &key, err);
        return rc ? rc : ca_load(buf_slice(&cert), buf_slice(&key), ret, err);
    }
    rc = ca_new_root(options, &ca, err);
    if (rc == 0)
        rc = file_write(key_path, ca_key_pem(ca), 0600, err);
    if (rc == 0)
        rc = file_write(cert_path, ca_cert_pem(ca), 0644, err);
    if (rc == 0)
        *ret = TAKE(ca);
    return rc;
}

const struct cert *ca_cert(const struct ca *ca)
{
    return ca->cert;
}

struct slice ca_cert_pem(const struct ca *ca)
{
    return slice_str(ca->cert_pem);
}

struct slice ca_key_pem(const struct ca *ca)
{
    return slice_str(ca->key_pem);
}

int ca_sign(const struct ca *ca, const struct key *public_key, const struct cert_options *options,
            struct buf *out, struct error *err)
{
    X509 *x509 = certificate_make(public_key, ca->cert->x509, ca->key, options, err);
    struct cert *cert;
    int rc;

    if (!x509)
        return ERR_INVALID;
    cert = crypto_cert_wrap(x509);
    rc = cert_format_pem(cert, out);
    cert_unref(cert);
    return rc < 0 ? err_set(err, rc, "the certificate does not fit the buffer") : 0;
}

int ca_issue(const struct ca *ca, const struct cert_options *options, struct buf *out_cert,
             struct buf *out_key, struct error *err)
{
    SCOPED(key_drop) struct key *key = key_new_ec();
    int rc = ca_sign(ca, key, options, out_cert, err);

    if (rc == 0 && key_format_pem(key, out_key) < 0)
        rc = err_set(err, ERR_LIMIT, "the key does not fit the buffer");
    return rc;
}

void ca_free(struct ca *ca)
{
    if (!ca)
        return;
    cert_unref(ca->cert);
    key_unref(ca->key);
    mem_free(ca->cert_pem);
    mem_free(ca->key_pem);
    mem_free(ca);
}

void ca_drop(struct ca **ca)
{
    ca_free(*ca);
    *ca = NULL;
}
