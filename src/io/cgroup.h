/* SPDX-License-Identifier: Apache-2.0 */
/* What a control group uses, and its end, with either version of the kernel's interface.
 *
 * Place   the sandbox's node agent: metrics of containers
 * Owns    nothing
 */
#ifndef WEFT_IO_CGROUP_H
#define WEFT_IO_CGROUP_H

#include "base/err.h"
#include "base/prelude.h"

struct cgroup_usage {
    uint64_t cpu_ns;      /* since the group was made */
    uint64_t memory_size; /* bytes, without files that can be dropped at once (the working set) */
};

/* `path` below the root of the hierarchies: "/weft/x". ERR_NOT_FOUND when there is no such
 * group. */
MUST_USE int cgroup_usage_read(const char *path, struct cgroup_usage *ret);
/* The whole machine's, since its start. */
MUST_USE int cgroup_machine_read(struct cgroup_usage *ret);
/* Removes the group and those below it, as far as they are empty, in every hierarchy. */
void cgroup_remove(const char *path);

#endif
