/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as certificate request, certificates, key and token: what others send to the CA and to
 * the API server. The first byte picks which.
 */
#include "crypto/ca.h"
#include "crypto/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cert_look(struct cert *cert, void *ctx)
{
    struct cert_facts facts;

    cert_facts_get(cert, ctx, &facts);
    cert_unref(cert);
}

static void request_look(struct slice text, struct arena *arena)
{
    struct csr *csr = NULL;
    struct cert_san *sans;
    size_t count;

    if (csr_parse_pem(text, &csr, NULL) == 0)
        csr_sans_get(csr, arena, &sans, &count);
    csr_free(csr);
}

static void token_look(struct slice text)
{
    json_t *header = NULL;
    json_t *payload = NULL;
    struct error err = {0};

    if (jws_peek(text, &header, &payload, &err) == 0)
        (void)!jws_claims_check(payload, 0, 0, "x", &err);
    json_decref(header);
    json_decref(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data + 1, size ? size - 1 : 0);
    struct key *key = NULL;
    struct cert *cert = NULL;
    struct error err = {0};
    struct arena arena;

    if (size == 0)
        return 0;
    arena_init(&arena, 0);
    switch (data[0] % 5) {
    case 0:
        request_look(text, &arena);
        break;
    case 1:
        (void)!cert_each_pem(text, cert_look, &arena, &err);
        break;
    case 2:
        if (cert_parse_der(text, &cert, &err) == 0)
            cert_look(cert, &arena);
        break;
    case 3:
        if (key_parse_pem(text, &key, &err) == 0)
            key_unref(key);
        break;
    default:
        token_look(text);
    }
    arena_deinit(&arena);
    return 0;
}
