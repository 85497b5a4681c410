/* SPDX-License-Identifier: Apache-2.0 */
/* The admission webhooks over HTTPS: POST /inject and POST /validate.
 *
 * Place   weftd, port 15017 (Service istiod, port 443)
 * Owns    its HTTP server and counters
 * Limits  a review of 8 MiB
 */
#ifndef WEFT_CONTROL_WEBHOOK_H
#define WEFT_CONTROL_WEBHOOK_H

#include "base/err.h"
#include "base/prelude.h"
#include "control/settings.h"
#include "io/tls.h"

struct webhook;

/* Read-only for /metrics. */
struct webhook_counts {
    uint64_t inject_requests, inject_success, inject_skip, inject_failure;
    uint64_t validate_passed, validate_failed;
};

/* `settings` is kept; `addr` as in listen_text. */
MUST_USE int webhook_new(struct loop *loop, const struct settings *settings,
                         const struct tls_config *tls, const char *addr, struct webhook **ret,
                         struct error *err);
/* NULL is fine. */
void webhook_free(struct webhook *webhook);
const struct webhook_counts *webhook_counts(const struct webhook *webhook);

#endif
