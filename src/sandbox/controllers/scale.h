/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of horizontal scaling: from what pods use to how many there should be, and how
 * fast.
 *
 *   usage of pods --scale_compute--> proposal --scale_settle--> within windows, policies, bounds
 *
 * Place   the sandbox's autoscale controller
 * Owns    nothing: a history is a plain value of the caller's
 * Limits  SCALE_HISTORY_MAX proposals and changes are remembered: proposals closer together than a
 *         64th of the window are merged
 * Spec    autoscaling/v2 HorizontalPodAutoscaler: tolerance 10 %, behavior
 */
#ifndef WEFT_SANDBOX_CONTROLLERS_SCALE_H
#define WEFT_SANDBOX_CONTROLLERS_SCALE_H

#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

enum { SCALE_HISTORY_MAX = 128, SCALE_POLICIES_MAX = 8 };

/* A pod of the target that counts (neither failed nor on its way out). */
struct scale_pod {
    int64_t usage_milli;   /* -1: not known */
    int64_t request_milli; /* of all containers; for utilization alone */
    bool ready;            /* else what it uses says nothing yet */
};

struct scale_goal {
    bool utilization; /* percent of the request, else thousandths a pod */
    int64_t value;
};

struct scale_proposal {
    int64_t replicas;
    int64_t average_milli; /* a pod with known usage */
    int64_t utilization;   /* percent; 0 without requests */
};

/* ERR_NOT_FOUND when no ready pod's usage is known, ERR_INVALID without a request or goal to
 * compare with. */
MUST_USE int scale_compute(const struct scale_pod *pods, size_t count, int64_t current,
                           const struct scale_goal *goal, struct scale_proposal *ret);

/* --- windows and policies --- */

struct scale_rules {
    int64_t window_ms;
    enum { SCALE_SELECT_MAX, SCALE_SELECT_MIN, SCALE_SELECT_DISABLED } select;
    struct {
        bool percent;
        int64_t value;
        int64_t period_ms;
    } policies[SCALE_POLICIES_MAX];
    size_t policy_count;
};

/* Of spec.behavior.scaleUp or scaleDown, with its defaults for what is absent (NULL: all). */
void scale_rules_read(const json_t *rules, bool up, struct scale_rules *ret);

struct scale_history {
    struct {
        int64_t at_ms;
        int64_t low, high;
    } proposals[SCALE_HISTORY_MAX];
    struct {
        int64_t at_ms;
        int64_t change; /* above 0: pods were added */
    } changes[SCALE_HISTORY_MAX];
    size_t proposal_count, change_count;
};

/* Why the outcome is not what was proposed. */
enum scale_limit {
    SCALE_AS_PROPOSED,
    SCALE_TOO_FEW,    /* raised to the minimum */
    SCALE_TOO_MANY,   /* lowered to the maximum */
    SCALE_UP_LIMIT,   /* a policy of scaling up */
    SCALE_DOWN_LIMIT, /* a policy of scaling down */
};

struct scale_outcome {
    int64_t replicas;
    bool stabilized_up, stabilized_down; /* a window held it back */
    enum scale_limit limit;
};

/* What to scale to now; notes the proposal (the first time, the current number too). */
struct scale_outcome scale_settle(struct scale_history *history, const struct scale_rules *up,
                                  const struct scale_rules *down, int64_t current, int64_t proposed,
                                  const int64_t bounds[2], int64_t now_ms);
/* Notes a change that was carried out. */
void scale_history_changed(struct scale_history *history, int64_t change, int64_t now_ms);

#endif
