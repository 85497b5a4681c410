/* SPDX-License-Identifier: Apache-2.0 */
/* The Node object of a healthy node, as its agent writes it. Pure.
 *
 * Place   an agent that makes its Node and then renews the status every few seconds
 * Limits  a healthy node alone: the four conditions of a kubelet always hold good
 * Spec    Kubernetes core/v1 Node
 */
#ifndef WEFT_KUBE_OBJECTS_NODE_OBJECT_H
#define WEFT_KUBE_OBJECTS_NODE_OBJECT_H

#include "base/prelude.h"
#include "wire/json.h"

/* What is told; all texts are borrowed. */
struct node_facts {
    const char *name;
    const char *internal_ip;
    const char *os_image;
    const char *kernel_version;
    const char *runtime_version; /* "runc://1" */
    const char *kubelet_version;
    unsigned cpu_count;
    unsigned pod_max;
    uint64_t memory_size; /* bytes */
    int64_t since_ms;     /* wall clock: when its conditions became what they are */
};

/* The status subresource's object: {"status": ...}. New reference. */
json_t *node_object_status(const struct node_facts *facts, int64_t now_ms);
/* The whole Node, to be created. New reference. */
json_t *node_object_new(const struct node_facts *facts, int64_t now_ms);

#endif
