/* SPDX-License-Identifier: Apache-2.0 */
/* Where the API server is and who we are to it: a kubeconfig file, or a pod's service account.
 *
 * Place   read once at start by weftd, the node agent and every command; given to kube_client_new
 * Owns    copies of all texts
 * Limits  a kubeconfig of 1 MiB; exec and auth-provider plug-ins are refused by name
 * Spec    clientcmd/v1 Config; the service account's files of a pod
 */
#ifndef WEFT_KUBE_CONFIG_H
#define WEFT_KUBE_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

/* All texts owned, NULL when not given. Zero-initialise. */
struct kube_config {
    char *server;          /* "https://host:port", maybe with a path prefix; no slash at the end */
    char *tls_server_name; /* name to verify instead of the server's host */
    char *ca_pem;          /* roots of the server's certificate; NULL: the system's */
    char *cert_pem;        /* client certificate */
    char *key_pem;         /* its key */
    char *token;           /* bearer token */
    char *token_path;      /* file that holds the token, read again each minute */
    char *default_namespace; /* the context's, or the pod's; never NULL after a load ("default") */
    bool insecure;           /* do not verify the server */
};

/* Loads `path`; when it is NULL, the first existing file of $KUBECONFIG (a ':' list), else the
 * pod's service account (when $KUBERNETES_SERVICE_HOST is set), else ~/.kube/config. `context`
 * NULL: current-context. The error names file and field. */
MUST_USE int kube_config_load(const char *path, const char *context, struct kube_config *ret,
                              struct error *err);
/* Parses a kubeconfig's YAML or JSON; relative file names in it are looked up in `folder`. */
MUST_USE int kube_config_parse(struct slice text, const char *folder, const char *context,
                               struct kube_config *ret, struct error *err);
/* Appends the YAML of a kubeconfig with one cluster and one context, both called `name`, and one
 * user: server, certificates and token as they are in `config`; its other fields are not written.
 * ERR_LIMIT when `out` is full. */
MUST_USE int kube_config_format(const struct kube_config *config, const char *name,
                                const char *user, struct buf *out);
/* Also for SCOPED. */
void kube_config_deinit(struct kube_config *config);

#endif
