/* SPDX-License-Identifier: Apache-2.0 */
/* Reaching the control plane's pods from outside: through the API server, which every cluster lets
 * its administrator do and which needs no port of ours to be open.
 *
 *   weft --HTTPS--> API server, .../pods/NAME:15014/proxy/PATH --HTTP--> weftd
 *
 * Place   cli/proxy_status, cli/version
 * Owns    nothing
 * Limits  answers in JSON
 */
#ifndef WEFT_CLI_CONTROL_H
#define WEFT_CLI_CONTROL_H

#include "base/err.h"
#include "base/prelude.h"
#include "kube/client.h"

/* The running pods of the control plane, as a new array. `revision` NULL: of every one.
 * ERR_NOT_FOUND: "no running Istio pods". */
MUST_USE int control_pods(struct kube_client *client, const char *ns, const char *revision,
                          json_t **ret, struct error *err);
/* GETs a page of one of those pods; *ret is a new tree. */
MUST_USE int control_get(struct kube_client *client, const json_t *pod, const char *path,
                         json_t **ret, struct error *err);
/* The proxy's own version: weft's, or the level of Istio that another proxy announces. Borrowed. */
const char *control_proxy_version(const json_t *proxy);
/* Every proxy that those pods serve: a new array of {"proxy": "pod.namespace", "istiod",
 * "cluster_id", "istio_version", "proxy_type", "cluster": {"sent", "acked", "nacks", "nack"}, ...},
 * sorted by proxy. */
MUST_USE int control_proxies(struct kube_client *client, const json_t *pods, json_t **ret,
                             struct error *err);

#endif
