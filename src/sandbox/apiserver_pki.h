/* SPDX-License-Identifier: Apache-2.0 */
/* The API server's keys.
 *
 * Place   apiserver_pki.c makes them, apiserver_auth.c uses them
 * Owns    the CA and the key of service-account tokens
 */
#ifndef WEFT_SANDBOX_APISERVER_PKI_H
#define WEFT_SANDBOX_APISERVER_PKI_H

#include "crypto/ca.h"
#include "crypto/key.h"
#include "sandbox/apiserver_int.h"

struct apiserver_auth {
    struct ca *ca;
    struct key *token_key;
    char *ca_pem;
    char key_id[KEY_ID_SIZE];
};

#endif
