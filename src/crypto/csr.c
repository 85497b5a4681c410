/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests: see the end of ca.h. */
#include "crypto/ca.h"

#include "base/mem.h"
#include "crypto/ca_int.h"
#include "crypto/crypto_int.h"

#include <openssl/err.h>
#include <openssl/pem.h>

enum { CSR_SIZE_MAX = 64 * 1024 };

struct csr {
    X509_REQ *req;
    struct key *key;
};

static void names_attach(X509_REQ *req, GENERAL_NAMES *names)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;

    if (sk_GENERAL_NAME_num(names) == 0)
        return;
    ASSERT(X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1);
    ASSERT(X509_REQ_add_extensions(req, extensions) == 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

int csr_make(const struct key *key, const struct cert_options *options, struct buf *out,
             struct error *err)
{
    X509_NAME *subject = ca_subject_make(options, err);
    GENERAL_NAMES *names = subject ? ca_names_make(options, err) : NULL;
    int rc = ERR_INVALID;

    if (names) {
        X509_REQ *req = X509_REQ_new();
        BIO *bio = BIO_new(BIO_s_mem());
        char *text;
        long len;

        ASSERT(req && bio && X509_REQ_set_subject_name(req, subject) == 1);
        ASSERT(X509_REQ_set_pubkey(req, key->pkey) == 1);
        names_attach(req, names);
        ASSERT(X509_REQ_sign(req, key->pkey, EVP_sha256()) > 0);
        ASSERT(PEM_write_bio_X509_REQ(bio, req) == 1);
        len = BIO_get_mem_data(bio, &text);
        rc = buf_append(out, slice_make(text, (size_t)len));
        BIO_free(bio);
        X509_REQ_free(req);
    }
    GENERAL_NAMES_free(names);
    X509_NAME_free(subject);
    return rc;
}

int csr_parse_pem(struct slice pem, struct csr **ret, struct error *err)
{
    X509_REQ *req = NULL;
    EVP_PKEY *pkey;
    struct csr *csr;

    if (pem.len > 0 && pem.len <= CSR_SIZE_MAX) {
        BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);

        req = PEM_read_bio_X509_REQ(bio, NULL, crypto_no_password, NULL);
        BIO_free(bio);
    }
    if (!req)
        return crypto_fail(err, ERR_INVALID, "no certificate request in PEM form");
    pkey = X509_REQ_get_pubkey(req);
    if (!pkey || X509_REQ_verify(req, pkey) != 1) {
        EVP_PKEY_free(pkey);
        X509_REQ_free(req);
        return crypto_fail(err, ERR_INVALID, "the request's signature does not fit its key");
    }
    csr = MEM_NEW(struct csr);
    csr->req = req;
    csr->key = crypto_key_wrap(pkey, false);
    *ret = csr;
    return 0;
}

const struct key *csr_key(const struct csr *csr)
{
    return csr->key;
}

void csr_sans_get(const struct csr *csr, struct arena *arena, struct cert_san **ret_sans,
                  size_t *ret_count)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr->req);
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);

    crypto_sans_get(names, arena, ret_sans, ret_count);
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    ERR_clear_error();
}

void csr_free(struct csr *csr)
{
    if (!csr)
        return;
    X509_REQ_free(csr->req);
    key_unref(csr->key);
    mem_free(csr);
}

void csr_drop(struct csr **csr)
{
    csr_free(*csr);
    *csr = NULL;
}
