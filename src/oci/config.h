/* SPDX-License-Identifier: Apache-2.0 */
/* What a container shall be, to the runtime's configuration (config.json of runc).
 *
 *   struct oci_plan  +  the image's own wishes (Env, Entrypoint, Cmd, WorkingDir)  -->  JSON
 *
 * Place   between oci_image_prepare and oci_container_run; pure
 * Owns    nothing
 * Spec    OCI runtime-spec 1.0.2; what is not in the plan is as containerd has it for a pod
 */
#ifndef WEFT_OCI_CONFIG_H
#define WEFT_OCI_CONFIG_H

#include "base/err.h"
#include "base/prelude.h"
#include "oci/image.h"
#include "oci/user.h"
#include "wire/json.h"

/* All is borrowed; what is NULL or zero is not asked for. */
struct oci_plan {
    /* the program */
    const json_t *command; /* array of text; none or empty: the image's Entrypoint */
    const json_t *args;    /* array of text; none or empty, and no command: the image's Cmd */
    const json_t *env;     /* object name: text, over the image's Env */
    const char *work_path; /* none or "": the image's WorkingDir, else "/" */
    bool tty;
    /* what it may */
    struct oci_user user;
    const json_t *groups;         /* array of numbers: further groups */
    const json_t *capability_add; /* arrays of "NET_ADMIN", "CAP_NET_ADMIN" or "ALL" in any case: */
    const json_t *capability_drop; /* over the 14 defaults; add wins */
    bool privileged;               /* every capability and device, nothing hidden or read-only */
    bool read_only;                /* its root file system */
    bool no_new_privileges;
    /* where it is */
    const json_t *mounts; /* array of {source, path, readOnly}: bind mounts */
    const json_t *sysctl; /* object name: text */
    const char *hostname;
    const char *netns_path;  /* none: a fresh one */
    const char *cgroup_path; /* from the cgroup root: "/weft-x/uid/name" */
    /* what it gets */
    int64_t cpu_shares;   /* weight; at least 2, what is less becomes 2 */
    int64_t cpu_quota_us; /* of every 100 ms */
    int64_t memory_size;  /* bytes at most */
};

/* *ret is a new reference. ERR_INVALID: neither plan nor image has a command. */
MUST_USE int oci_config_build(const struct oci_plan *plan, const struct oci_image *image,
                              json_t **ret, struct error *err);

#endif
