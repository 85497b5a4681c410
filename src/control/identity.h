/* SPDX-License-Identifier: Apache-2.0 */
/* weftd's root certificate and its own serving certificate.
 *
 *   Secret istio-ca-secret --(there)--> the root it holds
 *                          --(absent)-> a new root, stored; whoever stores first wins
 *
 * Place   weftd at start; the webhook serves with it, roots hands the root out
 * Owns    the CA and the TLS configuration
 * Spec    Istio: Secret type istio.io/ca-root, keys ca-cert.pem, ca-key.pem, root-cert.pem;
 */
#ifndef WEFT_CONTROL_IDENTITY_H
#define WEFT_CONTROL_IDENTITY_H

#include "base/err.h"
#include "base/prelude.h"
#include "crypto/ca.h"
#include "io/tls.h"
#include "kube/client.h"

struct identity {
    struct ca *ca;
    char *root_pem;         /* for peers to trust */
    struct tls_config *tls; /* istiod.<ns>.svc and its other names */
};

/* Loads or makes the root, waiting for each answer; `client` NULL: a root of this process alone.
 * `service` is the Service that peers reach us by: "istiod" or "istiod-REVISION". ERR_INVALID when
 * the Secret is there but broken: weftd must not replace a mesh's root. */
MUST_USE int identity_load(struct kube_client *client, const char *ns, const char *service,
                           struct identity *ret, struct error *err);
/* Also for SCOPED. */
void identity_deinit(struct identity *identity);

#endif
