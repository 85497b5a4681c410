/* SPDX-License-Identifier: Apache-2.0 */
/* What weftd shows of itself: readiness, metrics, versions, connected proxies.
 *
 *   8080   /ready  /debug/syncz  /debug/configz  /debug/problems
 *   15014  the same, and /metrics, /version
 *
 * Place   weftd
 * Owns    its HTTP servers
 * Spec    istiod's paths; metrics by istiod's names where the meaning is the same
 */
#ifndef WEFT_CONTROL_DEBUG_H
#define WEFT_CONTROL_DEBUG_H

#include "base/err.h"
#include "base/prelude.h"
#include "control/push.h"
#include "control/webhook.h"

struct debug;

struct debug_options {
    struct loop *loop;
    const struct push *push;
    const struct webhook *webhook; /* NULL: no webhook runs */
    /* Whether proxies and the API server may be sent here. */
    bool (*is_ready)(void *ctx);
    void *ctx;
};

/* Listens on each address (the same pages); texts as in listen_text. */
MUST_USE int debug_new(const struct debug_options *options, const char *const *addrs,
                       size_t addr_count, struct debug **ret, struct error *err);
/* NULL is fine. */
void debug_free(struct debug *debug);

#endif
