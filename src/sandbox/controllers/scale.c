/* SPDX-License-Identifier: Apache-2.0 */
/* Horizontal scaling, see scale.h. */
#include "sandbox/controllers/scale.h"

#define TOLERANCE 0.1

static int64_t round_up(double value)
{
    int64_t whole = (int64_t)value;

    return (double)whole < value ? whole + 1 : whole;
}

/* --- from usage to a number --- */

struct sums {
    int64_t usage_milli, request_milli;
    size_t known, missing, unready;
};

static struct sums sums_of(const struct scale_pod *pods, size_t count)
{
    struct sums sums = {0};

    for (size_t i = 0; i < count; i++) {
        if (!pods[i].ready) {
            sums.unready++;
        } else if (pods[i].usage_milli < 0) {
            sums.missing++;
        } else {
            sums.known++;
            sums.usage_milli += pods[i].usage_milli;
            sums.request_milli += pods[i].request_milli;
        }
    }
    return sums;
}

static double ratio_of(const struct scale_goal *goal, int64_t usage_milli, int64_t request_milli,
                       size_t count)
{
    if (goal->utilization)
        return (double)(usage_milli * 100 / MAX(request_milli, (int64_t)1)) / (double)goal->value;
    return (double)usage_milli / (double)count / (double)goal->value;
}

/* What pods without a number are taken for: when scaling down, for as busy as the goal (or their
 * request) says; when scaling up, for idle. */
static double ratio_with_rest(const struct scale_pod *pods, size_t count,
                              const struct scale_goal *goal, double ratio, size_t *ret_counted)
{
    bool up = ratio > 1;
    int64_t usage_milli = 0, request_milli = 0;

    *ret_counted = 0;
    for (size_t i = 0; i < count; i++) {
        const struct scale_pod *pod = &pods[i];
        bool missing = pod->ready && pod->usage_milli < 0;

        if (!pod->ready && !up)
            continue;
        (*ret_counted)++;
        request_milli += pod->request_milli;
        if (pod->ready && !missing)
            usage_milli += pod->usage_milli;
        else if (missing && !up)
            usage_milli += goal->utilization
                               ? pod->request_milli * MAX((int64_t)100, goal->value) / 100
                               : goal->value;
    }
    return ratio_of(goal, usage_milli, request_milli, *ret_counted);
}

static bool is_close(double ratio)
{
    return ratio >= 1 - TOLERANCE && ratio <= 1 + TOLERANCE;
}

/* With pods whose numbers are not known: never the other way than the known ones say. */
static int64_t replicas_with_rest(const struct scale_pod *pods, size_t count,
                                  const struct scale_goal *goal, double ratio, int64_t current)
{
    size_t counted;
    double full = ratio_with_rest(pods, count, goal, ratio, &counted);
    int64_t replicas = round_up(full * (double)counted);

    if (is_close(full) || (ratio < 1) != (full < 1))
        return current;
    return full < 1 ? MIN(replicas, current) : MAX(replicas, current);
}

int scale_compute(const struct scale_pod *pods, size_t count, int64_t current,
                  const struct scale_goal *goal, struct scale_proposal *ret)
{
    struct sums sums = sums_of(pods, count);
    struct scale_proposal out = {.replicas = current};
    double ratio;

    if (sums.known == 0)
        return ERR_NOT_FOUND;
    if (goal->value <= 0 || (goal->utilization && sums.request_milli <= 0))
        return ERR_INVALID;
    out.average_milli = sums.usage_milli / (int64_t)sums.known;
    if (sums.request_milli > 0)
        out.utilization = sums.usage_milli * 100 / sums.request_milli;
    ratio = ratio_of(goal, sums.usage_milli, sums.request_milli, sums.known);
    if (sums.missing == 0 && (sums.unready == 0 || ratio <= 1)) {
        if (!is_close(ratio))
            out.replicas = round_up(ratio * (double)sums.known);
    } else {
        out.replicas = replicas_with_rest(pods, count, goal, ratio, current);
    }
    *ret = out;
    return 0;
}

/* --- rules --- */

void scale_rules_read(const json_t *rules, bool up, struct scale_rules *ret)
{
    const json_t *policies = json_object_get(rules, "policies");
    const char *select = json_path_string_or(rules, "selectPolicy", "Max");
    json_t *policy;
    size_t i;

    *ret = (struct scale_rules){
        .window_ms = json_get_int(rules, "stabilizationWindowSeconds", up ? 0 : 300) * 1000,
        .select = strcmp(select, "Disabled") == 0 ? SCALE_SELECT_DISABLED
                  : strcmp(select, "Min") == 0    ? SCALE_SELECT_MIN
                                                  : SCALE_SELECT_MAX};
    json_array_foreach(policies, i, policy)
    {
        if (ret->policy_count == SCALE_POLICIES_MAX)
            return;
        ret->policies[ret->policy_count].percent =
            strcmp(json_path_string_or(policy, "type", ""), "Percent") == 0;
        ret->policies[ret->policy_count].value = json_get_int(policy, "value", 0);
        ret->policies[ret->policy_count].period_ms =
            json_get_int(policy, "periodSeconds", 15) * 1000;
        ret->policy_count++;
    }
    if (ret->policy_count > 0)
        return;
    ret->policies[0].percent = true;
    ret->policies[0].value = 100;
    ret->policies[1].value = 4;
    ret->policies[0].period_ms = ret->policies[1].period_ms = 15000;
    ret->policy_count = up ? 2 : 1;
}

/* --- history --- */

static void proposal_note(struct scale_history *history, int64_t replicas, int64_t window_ms,
                          int64_t now_ms)
{
    size_t last = history->proposal_count - 1;

    if (history->proposal_count > 0 &&
        now_ms - history->proposals[last].at_ms < window_ms / (SCALE_HISTORY_MAX / 2)) {
        history->proposals[last].low = MIN(history->proposals[last].low, replicas);
        history->proposals[last].high = MAX(history->proposals[last].high, replicas);
        return;
    }
    if (history->proposal_count == SCALE_HISTORY_MAX) {
        memmove(history->proposals, history->proposals + 1,
                (SCALE_HISTORY_MAX - 1) * sizeof history->proposals[0]);
        history->proposal_count--;
    }
    last = history->proposal_count++;
    history->proposals[last].at_ms = now_ms;
    history->proposals[last].low = history->proposals[last].high = replicas;
}

void scale_history_changed(struct scale_history *history, int64_t change, int64_t now_ms)
{
    if (history->change_count == SCALE_HISTORY_MAX) {
        memmove(history->changes, history->changes + 1,
                (SCALE_HISTORY_MAX - 1) * sizeof history->changes[0]);
        history->change_count--;
    }
    history->changes[history->change_count].at_ms = now_ms;
    history->changes[history->change_count].change = change;
    history->change_count++;
}

/* How many there were at the beginning of the period. */
static int64_t count_before(const struct scale_history *history, int64_t current, int64_t period_ms,
                            int64_t now_ms)
{
    for (size_t i = 0; i < history->change_count; i++)
        if (history->changes[i].at_ms > now_ms - period_ms)
            current -= history->changes[i].change;
    return current;
}

/* The furthest that the policies let it go from `current`. */
static int64_t policy_bound(const struct scale_history *history, const struct scale_rules *rules,
                            bool up, int64_t current, int64_t now_ms)
{
    int64_t bound = current;

    for (size_t i = 0; i < rules->policy_count && rules->select != SCALE_SELECT_DISABLED; i++) {
        int64_t before = count_before(history, current, rules->policies[i].period_ms, now_ms);
        int64_t value = rules->policies[i].value;
        double part = (double)before * (double)value / 100;
        int64_t reach = rules->policies[i].percent ? (up ? round_up((double)before + part)
                                                         : (int64_t)((double)before - part))
                                                   : before + (up ? value : -value);
        bool further = up ? reach > bound : reach < bound;

        if (i == 0 || further == (rules->select == SCALE_SELECT_MAX))
            bound = reach;
    }
    return up ? MAX(bound, current) : MIN(bound, current);
}

static int64_t stabilize(const struct scale_history *history, const struct scale_rules *up,
                         const struct scale_rules *down, int64_t current, int64_t proposed,
                         int64_t now_ms)
{
    int64_t low = proposed, high = proposed;

    for (size_t i = 0; i < history->proposal_count; i++) {
        int64_t age_ms = now_ms - history->proposals[i].at_ms;

        if (age_ms < up->window_ms)
            low = MIN(low, history->proposals[i].low);
        if (age_ms < down->window_ms)
            high = MAX(high, history->proposals[i].high);
    }
    return current < low ? low : current > high ? high : current;
}

static void bound(struct scale_outcome *out, int64_t least, int64_t most, enum scale_limit below,
                  enum scale_limit above)
{
    if (out->replicas < least) {
        out->replicas = least;
        out->limit = below;
    } else if (out->replicas > most) {
        out->replicas = most;
        out->limit = above;
    }
}

struct scale_outcome scale_settle(struct scale_history *history, const struct scale_rules *up,
                                  const struct scale_rules *down, int64_t current, int64_t proposed,
                                  const int64_t bounds[2], int64_t now_ms)
{
    struct scale_outcome out = {.replicas = proposed};
    int64_t window_ms = MAX(up->window_ms, down->window_ms);

    if (history->proposal_count == 0)
        proposal_note(history, current, window_ms, now_ms);
    out.replicas = stabilize(history, up, down, current, proposed, now_ms);
    out.stabilized_up = out.replicas < proposed;
    out.stabilized_down = out.replicas > proposed;
    proposal_note(history, proposed, window_ms, now_ms);
    if (out.replicas > current)
        bound(&out, INT64_MIN, policy_bound(history, up, true, current, now_ms), SCALE_AS_PROPOSED,
              SCALE_UP_LIMIT);
    if (out.replicas < current)
        bound(&out, policy_bound(history, down, false, current, now_ms), INT64_MAX,
              SCALE_DOWN_LIMIT, SCALE_AS_PROPOSED);
    bound(&out, bounds[0], bounds[1], SCALE_TOO_FEW, SCALE_TOO_MANY);
    return out;
}
