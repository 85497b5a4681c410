/* SPDX-License-Identifier: Apache-2.0 */
/* See backoff.h. */
#include "base/backoff.h"

uint64_t backoff_next(struct backoff *backoff)
{
    uint64_t delay_ms = backoff->next_ms;

    if (delay_ms == 0 && !backoff->at_once)
        delay_ms = backoff->min_ms;
    backoff->next_ms = delay_ms ? MIN(delay_ms * 2, backoff->max_ms) : backoff->min_ms;
    return delay_ms;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->next_ms = 0;
}
