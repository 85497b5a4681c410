/* SPDX-License-Identifier: Apache-2.0 */
/* The control plane, whole: sources, model, push, webhooks, identity, status, on one loop.
 *
 * Place   bin/weftd.c
 * Owns    everything below control/
 */
#ifndef WEFT_CONTROL_WEFTD_H
#define WEFT_CONTROL_WEFTD_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/loop.h"

struct weftd;

/* Addresses are "IP:port" or ":port"; "" leaves that server out. NULL: istiod's port on all. */
struct weftd_options {
    const char *config_dir; /* a folder of YAML instead of a cluster: xDS and debug only */
    const char *kubeconfig; /* NULL: as kube_config_load finds it */
    const char *context;
    const char *ns;           /* of the control plane; NULL: $POD_NAMESPACE, istio-system */
    const char *revision;     /* NULL: $REVISION; "" and "default" are the default one */
    const char *xds_addr;     /* 15010: plain gRPC */
    const char *webhook_addr; /* 15017: HTTPS; none with config_dir */
    const char *debug_addr;   /* 8080 */
    const char *monitor_addr; /* 15014 */
};

/* Reads the command line: istiod's `discovery` and its flags are taken, what weftd does not know is
 * refused by name. 0; or, after having printed why, the exit code to end with; below 0 after
 * --help. Texts borrow from argv. */
int weftd_options_parse(int argc, char **argv, struct weftd_options *ret);
/* Starts; with a cluster it waits, trying again, until the root certificate is there. */
MUST_USE int weftd_new(struct loop *loop, const struct weftd_options *options, struct weftd **ret,
                       struct error *err);
/* NULL is fine. */
void weftd_free(struct weftd *weftd);
/* The mesh is whole, and every server listens. */
bool weftd_is_ready(const struct weftd *weftd);

#endif
