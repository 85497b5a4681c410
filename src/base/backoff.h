/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before the next attempt at what fails again and again: `min_ms`, twice that ...
 * up to `max_ms`.
 *
 *   struct backoff backoff = {.min_ms = 100, .max_ms = 10000};
 *   on failure:  loop_timer_start(loop, &timer, backoff_next(&backoff));
 *   on success:  backoff_reset(&backoff);
 *
 * Pure: knows neither clock nor timer. Who meets many others at the same peer adds jitter.
 */
#ifndef WEFT_BASE_BACKOFF_H
#define WEFT_BASE_BACKOFF_H

#include "base/prelude.h"

struct backoff {
    /* set by the user */
    uint64_t min_ms, max_ms; /* of a delay that is not 0; min_ms at least 1 */
    bool at_once;            /* the first attempt after a success waits for nothing */
    /* private */
    uint64_t next_ms; /* 0: no failure since the last reset */
};

/* The delay before the next attempt; the one after that is twice as long. */
uint64_t backoff_next(struct backoff *backoff);
/* It went well: the delays start anew. */
void backoff_reset(struct backoff *backoff);

#endif
