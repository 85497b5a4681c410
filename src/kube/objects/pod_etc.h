/* SPDX-License-Identifier: Apache-2.0 */
/* The files of /etc that a pod's containers get from whoever runs them: hosts, hostname and
 * resolv.conf.
 *
 * Place   pure
 * Limits  1 MiB a file
 * Spec    Kubernetes core/v1 PodSpec: hostname, hostAliases, dnsPolicy
 */
#ifndef WEFT_KUBE_OBJECTS_POD_ETC_H
#define WEFT_KUBE_OBJECTS_POD_ETC_H

#include "kube/objects/pod_view.h"

/* {"hosts": text, "hostname": text, "resolv.conf": text}, for the domain cluster.local whose names
 * the server `dns_ip` answers. New reference. */
json_t *pod_etc_build(const struct pod_view *view, const char *dns_ip);

#endif
