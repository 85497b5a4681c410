/* SPDX-License-Identifier: Apache-2.0 */
/* Which container of a pod a request means: logs, exec, attach.
 *
 * Place   a server's subresources of pods
 * Owns    nothing: results live in the caller's arena
 */
#ifndef WEFT_KUBE_OBJECTS_POD_TARGET_H
#define WEFT_KUBE_OBJECTS_POD_TARGET_H

#include "base/arena.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "wire/json.h"

/* The container of that name, of any sort; with `asked` empty the only one. ERR_INVALID with the
 * API server's text: there is none of that name, or there are several. */
MUST_USE int kube_pod_target(const json_t *pod, struct slice asked, struct arena *arena,
                             const char **ret, struct error *err);

#endif
