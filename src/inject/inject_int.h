/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of inject/ share among themselves.
 */
#ifndef WEFT_INJECT_INJECT_INT_H
#define WEFT_INJECT_INJECT_INT_H

#include "inject/inject.h"

/* One injection under way: borrowed everywhere, owned by inject_pod. */
struct inject_run {
    const struct inject_config *config;
    const struct inject_scope *scope;
    json_t *pod;               /* {metadata, spec}, changed in place */
    json_t *annotations;       /* of the pod as it came: a copy, so ours do not mix in */
    json_t *proxy_config;      /* ProxyConfig: mesh defaultConfig, then proxy.istio.io/config */
    const char *workload_kind; /* "Deployment" */
    const char *workload_api;  /* "apps/v1" */
    char *workload_name;
};

/* "default" unless the values name another. */
const char *inject_revision(const struct inject_config *config);
/* The pod's annotation, NULL when absent. */
const char *inject_annotation(const struct inject_run *run, const char *key);
/* The annotation, or the value at the path, or the fallback. */
const char *inject_setting(const struct inject_run *run, const char *annotation, const char *path,
                           const char *fallback);
/* The boolean of an annotation, or of the value at the path. */
bool inject_flag(const struct inject_run *run, const char *annotation, const char *path,
                 bool fallback);

/* Every annotation that injection reads has a form: ERR_INVALID names the first that breaks it,
 * ERR_UNSUPPORTED one that asks for what is not there. */
int inject_annotations_check(const json_t *annotations, struct error *err);

/* New trees (references are the caller's). */
json_t *inject_proxy_container(const struct inject_run *run);
json_t *inject_init_container(const struct inject_run *run);
json_t *inject_volumes(const struct inject_run *run);
/* The image name of proxy and init container: mem_free it. */
char *inject_image(const struct inject_run *run);
/* "15020,..." for ISTIO's -d: mem_free it. */
char *inject_inbound_exclusions(const struct inject_run *run);

/* Rewrites the probes of every application container to the sidecar's port 15020, and returns what
 * ISTIO_KUBE_APP_PROBERS holds (a new object; empty when nothing was rewritten). */
json_t *inject_probes_rewrite(json_t *pod);

#endif
