/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting in a test that has an event loop: for a condition, bounded, never for a time.
 *
 *   LOOP_UNTIL(world->loop, world->answer_count == 2);
 */
#ifndef WEFT_TESTS_SUPPORT_UNTIL_H
#define WEFT_TESTS_SUPPORT_UNTIL_H

#include "base/clock.h"
#include "io/loop.h"
#include "test.h"

enum { LOOP_UNTIL_MS = 30000, LOOP_UNTIL_TURN_MS = 10 };

/* Turns the loop until the condition holds. After LOOP_UNTIL_MS the test fails, with the condition
 * and what the format says of the state. */
#define LOOP_UNTIL_OR(loop, condition, format, ...)                                                \
    do {                                                                                           \
        uint64_t until_ = clock_monotonic_ms() + LOOP_UNTIL_MS;                                    \
        while (!(condition)) {                                                                     \
            if (clock_monotonic_ms() > until_)                                                     \
                fail_msg("never came true: %s; " format, #condition, __VA_ARGS__);                 \
            loop_run_once(loop, LOOP_UNTIL_TURN_MS);                                               \
        }                                                                                          \
    } while (0)

#define LOOP_UNTIL(loop, condition) LOOP_UNTIL_OR(loop, condition, "waited %d ms", LOOP_UNTIL_MS)

#endif
