/* SPDX-License-Identifier: Apache-2.0 */
/* Names of a holder, as certificates and requests both need them.
 *
 * Place   ca.c, csr.c only
 */
#ifndef WEFT_CRYPTO_CA_INT_H
#define WEFT_CRYPTO_CA_INT_H

#include "crypto/ca.h"
#include "crypto/crypto_int.h"

/* The subject; NULL (and err set) for a text that does not fit. */
X509_NAME *ca_subject_make(const struct cert_options *options, struct error *err);
/* The alternative names, maybe none; NULL (and err set) for a bad one. */
GENERAL_NAMES *ca_names_make(const struct cert_options *options, struct error *err);

#endif
