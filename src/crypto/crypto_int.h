/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the library's objects inside ours, and its error texts.
 *
 * Place   crypto/ only
 */
#ifndef WEFT_CRYPTO_CRYPTO_INT_H
#define WEFT_CRYPTO_CRYPTO_INT_H

/* AWS-LC has the older names only: EVP_PKEY_cmp, RSA_get0_n ... */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "crypto/cert.h"
#include "crypto/key.h"

struct key {
    EVP_PKEY *pkey;
    atomic_uint refs;
    bool is_private;
};

struct cert {
    X509 *x509;
    atomic_uint refs;
};

/* Takes the library's object. Never NULL. */
struct key *crypto_key_wrap(EVP_PKEY *pkey, bool is_private);
struct cert *crypto_cert_wrap(X509 *x509);

/* The alternative names of the kinds that we know, in `arena`; `names` may be NULL. */
void crypto_sans_get(const GENERAL_NAMES *names, struct arena *arena, struct cert_san **ret_sans,
                     size_t *ret_count);

/* err_set with the library's reason behind the text; clears the library's queue. */
int crypto_fail(struct error *err, int code, const char *what);
/* Never asks for a password. */
int crypto_no_password(char *buffer, int size, int writing, void *ctx);

#endif
