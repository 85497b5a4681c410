/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: a fast generator for choices (never for secrets), and the system's for seeds and
 * ids.
 *
 * Place   one struct rng per worker, seeded at start; tests seed it with a fixed number
 */
#ifndef WEFT_BASE_RNG_H
#define WEFT_BASE_RNG_H

#include "base/prelude.h"

struct rng {
    uint64_t state[4]; /* private: xoshiro256** */
};

/* Seeds from one number: the same seed gives the same sequence. */
void rng_init(struct rng *rng, uint64_t seed);
/* The next 64 random bits. */
uint64_t rng_u64(struct rng *rng);
/* Uniform in [0, bound); bound must be above 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
/* From the system (getrandom); aborts when the system has none. */
uint64_t rng_system_u64(void);
/* Fills `out` from the system: fit for keys and tokens. */
void rng_system_bytes(void *out, size_t len);

enum { RNG_UUID_SIZE = 37 };
/* A random UUID (version 4, RFC 9562) out of 128 random bits, in text form. Returns out. */
const char *rng_uuid_format(const uint64_t bits[2], char out[RNG_UUID_SIZE]);
/* A fresh one out of the system's randomness. */
const char *rng_system_uuid(char out[RNG_UUID_SIZE]);

#endif
