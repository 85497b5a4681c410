/* SPDX-License-Identifier: Apache-2.0 */
/* The root certificate in every namespace (ConfigMap istio-ca-root-cert), and in the webhook
 * configurations (caBundle).
 *
 * Place   weftd, when it follows a cluster
 * Owns    caches of those ConfigMaps and configurations, and their writers
 * Spec    Istio: key root-cert.pem, label istio.io/config=true; kube-system is left out
 */
#ifndef WEFT_CONTROL_ROOTS_H
#define WEFT_CONTROL_ROOTS_H

#include "base/prelude.h"
#include "kube/cache.h"

struct roots;

/* `namespaces` is kept: a cache of all namespaces; root_pem is copied; `ns` is the control plane's:
 * in istio-system the configurations are istio-sidecar-injector and istio-validator-istio-system,
 * elsewhere both end in its name; `suffix` ("" or "-REVISION") goes before it. Tell of namespaces
 * with roots_mark. */
MUST_USE int roots_new(struct kube_client *client, const struct kube_cache *namespaces,
                       const char *root_pem, const char *ns, const char *suffix,
                       struct roots **ret);
/* NULL is fine. */
void roots_free(struct roots *roots);
/* A namespace came or changed. */
void roots_mark(struct roots *roots);

#endif
