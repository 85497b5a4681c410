/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of a list: the continue token, which names the first object of the next page.
 *
 *   base64url of "revision/namespace/name"; the client takes it as it is
 *
 * Place   a server's lists, in order of namespace and name
 * Owns    nothing: results live in the caller's arena
 * Limits  a token of 4 KiB
 * Spec    Kubernetes API concepts, "Retrieving large results sets in chunks"
 */
#ifndef WEFT_KUBE_OBJECTS_LIST_H
#define WEFT_KUBE_OBJECTS_LIST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

struct kube_list_place {
    uint64_t revision; /* that the first page was of */
    const char *ns;    /* "" for cluster-scoped */
    const char *name;
};

const char *kube_list_token_new(const struct kube_list_place *next, struct arena *arena);
/* ERR_INVALID when it is not one of ours. */
MUST_USE int kube_list_token_parse(struct slice token, struct arena *arena,
                                   struct kube_list_place *ret);

#endif
