/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: see rng.h. Generator: xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64.
 */
#include "base/rng.h"

#include <errno.h>
#include <sys/random.h>

static uint64_t rotate(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

void rng_init(struct rng *rng, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(rng->state); i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        rng->state[i] = z ^ (z >> 31);
    }
}

uint64_t rng_u64(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    __extension__ unsigned __int128 product;
    uint64_t threshold = -bound % bound;

    ASSERT(bound > 0);
    do
        product = (unsigned __int128)rng_u64(rng) * bound;
    while ((uint64_t)product < threshold);
    return (uint64_t)(product >> 64);
}

void rng_system_bytes(void *out, size_t len)
{
    char *at = out;

    while (len) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        ASSERT(got > 0);
        at += got;
        len -= (size_t)got;
    }
}

uint64_t rng_system_u64(void)
{
    uint64_t value;

    rng_system_bytes(&value, sizeof value);
    return value;
}

const char *rng_uuid_format(const uint64_t bits[2], char out[RNG_UUID_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < 32; i++) {
        unsigned digit = (unsigned)(bits[i / 16] >> (i % 16 * 4)) & 15;

        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[at++] = '-';
        if (i == 12)
            digit = 4;
        else if (i == 16)
            digit = 8 | (digit & 3);
        out[at++] = hex[digit];
    }
    out[at] = '\0';
    return out;
}

const char *rng_system_uuid(char out[RNG_UUID_SIZE])
{
    uint64_t bits[2];

    rng_system_bytes(bits, sizeof bits);
    return rng_uuid_format(bits, out);
}
