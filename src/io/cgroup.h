/* SPDX-License-Identifier: Apache-2.0 */
/* What a control group uses and how fast, and its end, with either version of the kernel's
 * interface.
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

/* How fast it is used, as of the last two looks. */
struct cgroup_rate {
    uint64_t cpu_ns, memory_size, at_ms; /* of the last look; at_ms 0: none */
    uint64_t cpu_nano;                   /* billionths of a core */
    uint64_t window_ms;                  /* between the two; 0: there was one look */
};

/* Notes a look of `now_ms` (monotonic, not 0). A counter that went back is a new group: the rate
 * stays until the next look. Pure. */
void cgroup_rate_add(struct cgroup_rate *rate, const struct cgroup_usage *usage, uint64_t now_ms);

/* `path` below the root of the hierarchies: "/weft/x". ERR_NOT_FOUND when there is no such
 * group. */
MUST_USE int cgroup_usage_read(const char *path, struct cgroup_usage *ret);
/* The whole machine's, since its start. */
MUST_USE int cgroup_machine_read(struct cgroup_usage *ret);
/* Removes the group and those below it, as far as they are empty, in every hierarchy. */
void cgroup_remove(const char *path);

#endif
