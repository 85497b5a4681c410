/* SPDX-License-Identifier: Apache-2.0 */
/* TLS on OpenSSL 3: configurations (see tls.h) and sessions (see conn_int.h).
 *
 * Sessions work on the descriptor itself; buffers are released when idle
 * (SSL_MODE_RELEASE_BUFFERS). Only API that AWS-LC has too is used.
 */
#include "io/tls.h"

#include "base/buf.h"
#include "base/mem.h"
#include "crypto/ca.h"
#include "io/addr.h"
#include "io/conn_int.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>

enum { TLS_ALPN_SIZE = 64, TLS_RECORD_SIZE = 16384, TLS_REASON_SIZE = 160 };

struct tls_config {
    atomic_uint ref_count;
    SSL_CTX *ctx;
    bool server;
    bool verify_name;
    unsigned char alpn[TLS_ALPN_SIZE]; /* wire form: length-prefixed names */
    unsigned alpn_len;
};

/* --- configurations --- */

static const char *library_reason(char *out, size_t size)
{
    unsigned long code = ERR_get_error();

    if (code)
        ERR_error_string_n(code, out, size);
    else
        snprintf(out, size, "no reason given");
    ERR_clear_error();
    return out;
}

static int config_fail(struct error *err, const char *field, const char *what)
{
    char reason[TLS_REASON_SIZE];

    return err_set_path(err, ERR_TLS, field, "%s: %s", what, library_reason(reason, sizeof reason));
}

static int chain_load(SSL_CTX *ctx, struct slice pem, struct error *err)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    int rc = 0;

    if (!cert || SSL_CTX_use_certificate(ctx, cert) != 1)
        rc = config_fail(err, "cert_chain_pem", "no usable certificate");
    X509_free(cert);
    while (rc == 0 && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (SSL_CTX_add1_chain_cert(ctx, cert) != 1)
            rc = config_fail(err, "cert_chain_pem", "bad chain certificate");
        X509_free(cert);
    }
    ERR_clear_error(); /* the end of the text is not an error */
    BIO_free(bio);
    return rc;
}

static int key_load(SSL_CTX *ctx, struct slice pem, struct error *err)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    int rc = 0;

    if (!key || SSL_CTX_use_PrivateKey(ctx, key) != 1)
        rc = config_fail(err, "key_pem", "no usable private key");
    else if (SSL_CTX_check_private_key(ctx) != 1)
        rc = config_fail(err, "key_pem", "the key does not belong to the certificate");
    EVP_PKEY_free(key);
    BIO_free(bio);
    return rc;
}

static int trust_load(SSL_CTX *ctx, struct slice pem, struct error *err)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509 *cert;
    unsigned count = 0;
    int rc = 0;

    while (rc == 0 && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (X509_STORE_add_cert(store, cert) != 1)
            rc = config_fail(err, "trust_pem", "bad root certificate");
        X509_free(cert);
        count++;
    }
    BIO_free(bio);
    if (rc == 0 && count == 0)
        return config_fail(err, "trust_pem", "holds no certificate");
    ERR_clear_error();
    return rc;
}

static int alpn_encode(struct tls_config *config, const char *names, struct error *err)
{
    struct slice rest = slice_str(names);
    struct slice name;

    while (slice_split_next(&rest, ',', &name)) {
        if (name.len == 0 || config->alpn_len + 1 + name.len > TLS_ALPN_SIZE)
            return err_set_path(err, ERR_INVALID, "alpn", "empty name, or the list is too long");
        config->alpn[config->alpn_len++] = (unsigned char)name.len;
        memcpy(config->alpn + config->alpn_len, name.data, name.len);
        config->alpn_len += (unsigned)name.len;
    }
    return 0;
}

/* Servers choose by their own preference; no common name means no ALPN, as Envoy does. */
static int on_alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                          const unsigned char *in, unsigned in_len, void *arg)
{
    const struct tls_config *config = arg;

    (void)ssl;
    if (SSL_select_next_proto((unsigned char **)out, out_len, config->alpn, config->alpn_len, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_TLSEXT_ERR_OK;
}

static int on_verify_accept(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

static int verify_set(struct tls_config *config, const struct tls_options *options,
                      struct error *err)
{
    int rc = 0;

    if (options->trust_pem.len)
        rc = trust_load(config->ctx, options->trust_pem, err);
    else if (!config->server)
        SSL_CTX_set_default_verify_paths(config->ctx);
    if (!config->server) {
        config->verify_name = !options->insecure_skip_verify && !options->skip_name_verify;
        SSL_CTX_set_verify(config->ctx, SSL_VERIFY_PEER,
                           options->insecure_skip_verify ? on_verify_accept : NULL);
    } else if (options->require_peer_cert) {
        SSL_CTX_set_verify(config->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    } else if (options->request_peer_cert) {
        SSL_CTX_set_verify(config->ctx, SSL_VERIFY_PEER, NULL);
    }
    return rc;
}

static int config_new(const struct tls_options *options, bool server, struct tls_config **ret,
                      struct error *err)
{
    static const unsigned char session_context[] = "weft";
    struct tls_config *config = MEM_NEW(struct tls_config);
    int rc = 0;

    ERR_clear_error();
    config->server = server;
    atomic_init(&config->ref_count, 1);
    config->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    ASSERT(config->ctx);
    SSL_CTX_set_min_proto_version(config->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(config->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_id_context(config->ctx, session_context, sizeof session_context - 1);
    if (options->cert_chain_pem.len)
        rc = chain_load(config->ctx, options->cert_chain_pem, err);
    else if (server)
        rc = err_set_path(err, ERR_INVALID, "cert_chain_pem", "a server needs a certificate");
    if (rc == 0 && options->cert_chain_pem.len)
        rc = key_load(config->ctx, options->key_pem, err);
    if (rc == 0)
        rc = verify_set(config, options, err);
    if (rc == 0 && options->alpn)
        rc = alpn_encode(config, options->alpn, err);
    if (rc < 0) {
        tls_config_unref(config);
        return rc;
    }
    if (server && config->alpn_len)
        SSL_CTX_set_alpn_select_cb(config->ctx, on_alpn_select, config);
    else if (config->alpn_len)
        SSL_CTX_set_alpn_protos(config->ctx, config->alpn, config->alpn_len);
    *ret = config;
    return 0;
}

int tls_server_config_new(const struct tls_options *options, struct tls_config **ret,
                          struct error *err)
{
    return config_new(options, true, ret, err);
}

int tls_client_config_new(const struct tls_options *options, struct tls_config **ret,
                          struct error *err)
{
    return config_new(options, false, ret, err);
}

int tls_server_config_issue(const struct ca *ca, const struct cert_options *leaf,
                            const struct tls_options *options, struct tls_config **ret,
                            struct error *err)
{
    struct tls_options issued = *options;
    struct buf cert, key;
    int rc;

    buf_init(&cert, 0);
    buf_init(&key, 0);
    rc = ca_issue(ca, leaf, &cert, &key, err);
    issued.cert_chain_pem = buf_slice(&cert);
    issued.key_pem = buf_slice(&key);
    if (rc == 0)
        rc = tls_server_config_new(&issued, ret, err);
    buf_deinit(&cert);
    buf_deinit(&key);
    return rc;
}

struct tls_config *tls_config_ref(const struct tls_config *config)
{
    struct tls_config *shared = (struct tls_config *)config; /* the count is all that changes */

    if (shared)
        atomic_fetch_add_explicit(&shared->ref_count, 1, memory_order_relaxed);
    return shared;
}

void tls_config_unref(struct tls_config *config)
{
    /* acq_rel: the last holder must see every use before it frees. */
    if (!config || atomic_fetch_sub_explicit(&config->ref_count, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(config->ctx);
    mem_free(config);
}

/* --- sessions --- */

struct tls_session {
    SSL *ssl;
    struct tls_config *config;
    char *peer_uri_san; /* NULL: not asked yet */
    unsigned char *peer_cert_der;
    size_t peer_cert_der_len;
    char reason[TLS_REASON_SIZE];
};

static int name_set(struct tls_session *session, const char *name)
{
    struct addr literal;
    bool is_ip = addr_parse_ip(slice_str(name), 0, &literal) == 0;

    /* RFC 6066: no IP literals in SNI. */
    if (!is_ip && SSL_set_tlsext_host_name(session->ssl, name) != 1)
        return ERR_TLS;
    if (!session->config->verify_name)
        return 0;
    if (is_ip)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session->ssl), name) == 1 ? 0 : ERR_TLS;
    return SSL_set1_host(session->ssl, name) == 1 ? 0 : ERR_TLS;
}

int tls_session_new(const struct tls_config *config, int fd, const char *server_name,
                    struct tls_session **ret)
{
    struct tls_session *session = MEM_NEW(struct tls_session);

    session->config = tls_config_ref(config);
    session->ssl = SSL_new(config->ctx);
    if (!session->ssl || SSL_set_fd(session->ssl, fd) != 1 ||
        (server_name && !config->server && name_set(session, server_name) < 0)) {
        tls_session_free(session);
        return ERR_TLS;
    }
    if (config->server)
        SSL_set_accept_state(session->ssl);
    else
        SSL_set_connect_state(session->ssl);
    *ret = session;
    return 0;
}

void tls_session_free(struct tls_session *session)
{
    if (!session)
        return;
    SSL_free(session->ssl);
    tls_config_unref(session->config);
    mem_free(session->peer_uri_san);
    OPENSSL_free(session->peer_cert_der);
    mem_free(session);
}

static int code_of(struct tls_session *session, int result)
{
    int saved = errno;
    long verify;

    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return ERR_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return ERR_EOF;
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return saved ? err_from_errno(saved) : ERR_RESET;
    default:
        verify = SSL_get_verify_result(session->ssl);
        if (verify != X509_V_OK)
            snprintf(session->reason, sizeof session->reason, "certificate: %s",
                     X509_verify_cert_error_string(verify));
        else
            library_reason(session->reason, sizeof session->reason);
        ERR_clear_error();
        return ERR_TLS;
    }
}

int tls_session_handshake(struct tls_session *session)
{
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_do_handshake(session->ssl);
    return result == 1 ? 0 : code_of(session, result);
}

ssize_t tls_session_read(struct tls_session *session, void *into, size_t size, bool *ret_more)
{
    size_t total = 0;
    int code = 0;

    while (total < size && code == 0) {
        int room = (int)MIN(size - total, (size_t)1 << 30);
        int got;

        ERR_clear_error();
        errno = 0;
        got = SSL_read(session->ssl, (char *)into + total, room);
        if (got > 0)
            total += (size_t)got;
        else
            code = code_of(session, got);
    }
    /* Bytes first; an error or end behind them is met again by the next read. */
    *ret_more = total > 0 && code != ERR_AGAIN;
    return total ? (ssize_t)total : code;
}

ssize_t tls_session_writev(struct tls_session *session, const struct iovec *pieces, int piece_count)
{
    char joined[TLS_RECORD_SIZE];
    const void *data = pieces[0].iov_base;
    size_t len = pieces[0].iov_len;
    int put;

    /* One record of several small pieces: head and body leave together. */
    if (piece_count > 1 && len < sizeof joined) {
        len = 0;
        for (int i = 0; i < piece_count && len < sizeof joined; i++) {
            size_t take = MIN(pieces[i].iov_len, sizeof joined - len);

            if (take)
                memcpy(joined + len, pieces[i].iov_base, take);
            len += take;
        }
        data = joined;
    }
    if (len == 0)
        return 0;
    ERR_clear_error();
    errno = 0;
    put = SSL_write(session->ssl, data, (int)MIN(len, (size_t)1 << 30));
    return put > 0 ? put : code_of(session, put);
}

void tls_session_shutdown(struct tls_session *session)
{
    ERR_clear_error();
    (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
}

struct slice tls_session_alpn(const struct tls_session *session)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(session->ssl, &name, &len);
    return slice_make(name, len);
}

struct slice tls_session_sni(const struct tls_session *session)
{
    return slice_str(SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name));
}

struct slice tls_session_peer_uri_san(struct tls_session *session)
{
    X509 *cert;
    GENERAL_NAMES *names = NULL;

    if (session->peer_uri_san)
        return slice_str(session->peer_uri_san);
    cert = SSL_get1_peer_certificate(session->ssl);
    if (cert)
        names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;

        if (name->type != GEN_URI)
            continue;
        session->peer_uri_san =
            mem_slice_dup(slice_make(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri)));
        break;
    }
    GENERAL_NAMES_free(names);
    X509_free(cert);
    if (!session->peer_uri_san)
        session->peer_uri_san = mem_strdup("");
    return slice_str(session->peer_uri_san);
}

struct slice tls_session_peer_cert_der(struct tls_session *session)
{
    X509 *cert = session->peer_cert_der ? NULL : SSL_get1_peer_certificate(session->ssl);
    int len = cert ? i2d_X509(cert, &session->peer_cert_der) : 0;

    if (len > 0)
        session->peer_cert_der_len = (size_t)len;
    X509_free(cert);
    return slice_make(session->peer_cert_der, session->peer_cert_der_len);
}

const char *tls_session_reason(const struct tls_session *session)
{
    return session->reason[0] ? session->reason : "no reason given";
}
