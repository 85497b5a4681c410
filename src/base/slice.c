/* SPDX-License-Identifier: Apache-2.0 */
/* Slices: see slice.h. The hash mixes eight bytes a step with a 64x64 multiply, seeded at first
 * use. */
#include "base/slice.h"

#include "base/err.h"
#include "base/rng.h"

#include <stdatomic.h>

bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq(slice_head(s, prefix.len), prefix);
}

bool slice_ends_with(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len && slice_eq(slice_from(s, s.len - suffix.len), suffix);
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (slice_char_lower(a.data[i]) != slice_char_lower(b.data[i]))
            return false;
    return true;
}

bool slice_starts_with_nocase(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq_nocase(slice_head(s, prefix.len), prefix);
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t len = MIN(a.len, b.len);
    int order = len ? memcmp(a.data, b.data, len) : 0;

    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

ptrdiff_t slice_find_char(struct slice s, char c)
{
    const char *found = s.len ? memchr(s.data, c, s.len) : NULL;

    return found ? found - s.data : -1;
}

ptrdiff_t slice_find(struct slice s, struct slice needle)
{
    const char *found;

    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return -1;
    found = memmem(s.data, s.len, needle.data, needle.len);
    return found ? found - s.data : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.len && is_blank(s.data[0]))
        s = slice_from(s, 1);
    while (s.len && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

bool slice_split_next(struct slice *rest, char separator, struct slice *ret_piece)
{
    ptrdiff_t at;

    if (!rest->data)
        return false;
    at = slice_find_char(*rest, separator);
    if (at < 0) {
        *ret_piece = *rest;
        *rest = (struct slice){NULL, 0};
        return true;
    }
    *ret_piece = slice_head(*rest, (size_t)at);
    *rest = slice_make(rest->data + at + 1, rest->len - (size_t)at - 1);
    return true;
}

int slice_parse_u64(struct slice s, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (s.len == 0)
        return ERR_INVALID;
    for (size_t i = 0; i < s.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)s.data[i] - '0';

        if (digit > 9)
            return ERR_INVALID;
        if (value > (UINT64_MAX - digit) / 10)
            return ERR_LIMIT;
        value = value * 10 + digit;
    }
    if (value > max)
        return ERR_LIMIT;
    *ret = value;
    return 0;
}

int slice_parse_i64(struct slice s, int64_t *ret)
{
    bool negative = s.len && s.data[0] == '-';
    uint64_t value = 0;
    int rc =
        slice_parse_u64(negative ? slice_from(s, 1) : s, (uint64_t)INT64_MAX + negative, &value);

    if (rc < 0)
        return rc;
    *ret = (int64_t)(negative ? 0 - value : value);
    return 0;
}

static uint64_t hash_seed(void)
{
    static _Atomic uint64_t seed;
    uint64_t value = atomic_load_explicit(&seed, memory_order_relaxed);
    uint64_t expected = 0;

    if (LIKELY(value))
        return value;
    value = rng_system_u64() | 1;
    /* The first writer wins; every later reader must see the same seed. */
    if (!atomic_compare_exchange_strong(&seed, &expected, value))
        return expected;
    return value;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t slice_hash(struct slice s)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t hash = hash_seed() ^ s.len;
    uint64_t word = 0;

    while (s.len >= sizeof word) {
        memcpy(&word, s.data, sizeof word);
        hash = mix(hash ^ word, odd);
        s = slice_from(s, sizeof word);
    }
    if (s.len) {
        word = 0;
        memcpy(&word, s.data, s.len);
        hash = mix(hash ^ word, odd + 2);
    }
    return mix(hash, odd);
}

struct slice slice_format_u64(uint64_t number, char out[SLICE_U64_SIZE])
{
    size_t at = SLICE_U64_SIZE;

    do {
        out[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return slice_make(out + at, SLICE_U64_SIZE - at);
}
