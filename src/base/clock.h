/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Code on a loop uses loop_now_ms() (one reading a turn); this is for everything else.
 */
#ifndef WEFT_BASE_CLOCK_H
#define WEFT_BASE_CLOCK_H

#include "base/prelude.h"
#include "base/slice.h"

/* Since an arbitrary start, never backwards. */
uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);
/* Since 1970-01-01 UTC. */
int64_t clock_realtime_ms(void);

enum { CLOCK_RFC3339_SIZE = 32 };
/* "2026-11-25T09:53:52Z", or with milliseconds "…52.123Z". Returns out (size CLOCK_RFC3339_SIZE).
 */
const char *clock_format_rfc3339(int64_t realtime_ms, bool with_ms, char *out);
/* The present, in seconds. Returns out. */
const char *clock_format_now(char *out);
/* Parses the forms above, with any fraction and with offsets. ERR_INVALID otherwise. */
MUST_USE int clock_parse_rfc3339(struct slice text, int64_t *ret_realtime_ms);
/* Sleeps this thread. For command-line programs only. */
void clock_sleep_ms(uint64_t duration_ms);

#endif
