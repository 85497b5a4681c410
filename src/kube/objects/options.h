/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of requests that write: which values they may have.
 *
 * Place   a server, before any work
 * Owns    nothing
 * Limits  none of its own: the query is bounded by its request's head
 * Spec    meta/v1 CreateOptions, UpdateOptions, PatchOptions, DeleteOptions and their validation
 */
#ifndef WEFT_KUBE_OBJECTS_OPTIONS_H
#define WEFT_KUBE_OBJECTS_OPTIONS_H

#include "api/check.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "kube/objects/path.h"
#include "wire/json.h"

/* "PatchOptions": the kind of a verb's parameters. */
const char *kube_options_kind(enum kube_path_verb verb);
/* `is_apply`: the patch is server-side apply. `query` is not decoded. A delete's parameters may
 * stand in its `body` (DeleteOptions, or NULL) instead, which counts first. ERR_INVALID: the first
 * wrong one was told to on_cause. Parameters of reads are not checked. */
MUST_USE int kube_options_check(enum kube_path_verb verb, bool is_apply, struct slice query,
                                const json_t *body, api_on_cause *on_cause, void *ctx);

#endif
