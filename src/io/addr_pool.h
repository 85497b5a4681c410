/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of a /16 network, handed out one after another: one that was given back rests as
 * long as possible, so that who still remembers it meets nobody else.
 *
 * Place   whoever gives machines their addresses
 * Limits  A.B.1.1 to A.B.255.254; A.B.0.x are the owner's own (gateways), x.0 and x.255 stay out
 */
#ifndef WEFT_IO_ADDR_POOL_H
#define WEFT_IO_ADDR_POOL_H

#include "base/err.h"
#include "base/prelude.h"

enum { ADDR_POOL_TEXT_SIZE = 16 };

struct addr_pool {
    unsigned high[2];        /* A, B */
    uint8_t used[65536 / 8]; /* bits */
    unsigned last;           /* the lower 16 bits of what was handed out last */
};

/* `member` is any address of the network: "10.64.0.1". ERR_INVALID when it is none. */
MUST_USE int addr_pool_init(struct addr_pool *pool, const char *member);
/* The next free one. ERR_LIMIT: all are used. */
MUST_USE int addr_pool_take(struct addr_pool *pool, char ret[ADDR_POOL_TEXT_SIZE]);
/* Marks one that is in use from before, or gives it back. What is not of the network is ignored. */
void addr_pool_mark(struct addr_pool *pool, const char *ip, bool used);

#endif
