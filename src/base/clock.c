/* SPDX-License-Identifier: Apache-2.0 */
/* Time: see clock.h. */
#include "base/clock.h"

#include "base/err.h"

#include <stdio.h>
#include <time.h>

uint64_t clock_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_ns() / 1000000u;
}

int64_t clock_realtime_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *clock_format_rfc3339(int64_t realtime_ms, bool with_ms, char *out)
{
    time_t seconds = (time_t)(realtime_ms / 1000);
    struct tm parts;
    size_t len;

    gmtime_r(&seconds, &parts);
    len = strftime(out, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    if (with_ms)
        snprintf(out + len, CLOCK_RFC3339_SIZE - len, ".%03dZ", (int)(realtime_ms % 1000));
    else
        snprintf(out + len, CLOCK_RFC3339_SIZE - len, "Z");
    return out;
}

const char *clock_format_now(char *out)
{
    return clock_format_rfc3339(clock_realtime_ms(), false, out);
}

/* Seconds east of UTC from "Z" or "+hh:mm". */
static int offset_parse(const char *text, int *ret_seconds)
{
    int hours;
    int minutes;
    int end = 0;
    char sign;

    if ((text[0] == 'Z' || text[0] == 'z') && !text[1]) {
        *ret_seconds = 0;
        return 0;
    }
    if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &end) != 3 || text[end])
        return ERR_INVALID;
    if ((sign != '+' && sign != '-') || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return ERR_INVALID;
    *ret_seconds = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
    return 0;
}

int clock_parse_rfc3339(struct slice text, int64_t *ret_realtime_ms)
{
    char copy[64];
    struct tm parts = {0};
    const char *at;
    int64_t ms = 0;
    int offset;

    if (text.len >= sizeof copy || text.len < 20)
        return ERR_INVALID;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    at = strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!at)
        return ERR_INVALID;
    if (*at == '.') {
        int64_t scale = 100;

        for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10)
            ms += (*at - '0') * scale;
    }
    if (offset_parse(at, &offset) < 0)
        return ERR_INVALID;
    *ret_realtime_ms = ((int64_t)timegm(&parts) - offset) * 1000 + ms;
    return 0;
}

void clock_sleep_ms(uint64_t duration_ms)
{
    struct timespec left = {(time_t)(duration_ms / 1000), (long)(duration_ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0)
        ;
}
