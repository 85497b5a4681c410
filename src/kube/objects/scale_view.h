/* SPDX-License-Identifier: Apache-2.0 */
/* The scale subresource: an autoscaling/v1 Scale shows how many replicas an object asks for and
 * has, whatever the kind calls these fields.
 *
 * Place   an API server, for `kubectl scale` and autoscalers
 * Owns    nothing
 * Spec    autoscaling/v1 Scale; apiextensions.k8s.io/v1 CustomResourceSubresourceScale
 */
#ifndef WEFT_KUBE_OBJECTS_SCALE_VIEW_H
#define WEFT_KUBE_OBJECTS_SCALE_VIEW_H

#include <jansson.h>

#include "base/prelude.h"

/* Where the objects of a kind hold them. Borrowed from the definition. */
struct kube_scale_paths {
    const char *spec_replicas, *status_replicas;
    const char *selector; /* a LabelSelector or its text; "" none */
};

/* Of a built-in kind (NULL), or of a version of a CustomResourceDefinition. */
struct kube_scale_paths kube_scale_paths(const json_t *crd_version);
/* The Scale of an object: a fresh tree. */
json_t *kube_scale_view(const json_t *object, const struct kube_scale_paths *paths);

#endif
