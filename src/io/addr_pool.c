/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of a /16, see addr_pool.h. */
#include "io/addr_pool.h"

#include <stdio.h>

enum { FIRST = 0x0101, LAST = 0xFFFE };

/* The four numbers of a dotted address. */
static bool ip_parse(const char *ip, unsigned part[4])
{
    if (sscanf(ip, "%u.%u.%u.%u", &part[0], &part[1], &part[2], &part[3]) != 4)
        return false;
    return part[0] < 256 && part[1] < 256 && part[2] < 256 && part[3] < 256;
}

int addr_pool_init(struct addr_pool *pool, const char *member)
{
    unsigned part[4];

    if (!ip_parse(member, part))
        return ERR_INVALID;
    *pool = (struct addr_pool){.high = {part[0], part[1]}, .last = LAST};
    return 0;
}

int addr_pool_take(struct addr_pool *pool, char ret[ADDR_POOL_TEXT_SIZE])
{
    for (unsigned tried = FIRST; tried <= LAST; tried++) {
        unsigned low = pool->last >= LAST ? FIRST : pool->last + 1;

        pool->last = low;
        if ((low & 0xFF) == 0 || (low & 0xFF) == 0xFF || pool->used[low / 8] >> low % 8 & 1)
            continue;
        pool->used[low / 8] |= (uint8_t)(1U << low % 8);
        snprintf(ret, ADDR_POOL_TEXT_SIZE, "%u.%u.%u.%u", pool->high[0] & 0xFF,
                 pool->high[1] & 0xFF, low >> 8 & 0xFF, low & 0xFF);
        return 0;
    }
    return ERR_LIMIT;
}

void addr_pool_mark(struct addr_pool *pool, const char *ip, bool used)
{
    unsigned part[4];
    unsigned low, bit;

    if (!ip_parse(ip, part) || part[0] != pool->high[0] || part[1] != pool->high[1])
        return;
    low = part[2] << 8 | part[3];
    bit = 1U << low % 8;
    pool->used[low / 8] = (uint8_t)(used ? pool->used[low / 8] | bit : pool->used[low / 8] & ~bit);
}
