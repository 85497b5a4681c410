/* SPDX-License-Identifier: Apache-2.0 */
/* Names to dense slots: how compiled resources refer to each other without pointers.
 *
 * Place   one table for clusters, one for route configurations; main thread
 * Owns    the names; a slot once given stays with its name
 * Limits  1,048,576 names
 */
#ifndef WEFT_PROXY_NAMES_H
#define WEFT_PROXY_NAMES_H

#include "base/map.h"
#include "base/prelude.h"
#include "base/slice.h"

struct names {
    struct map map; /* name -> slot + 1 */
};

enum { NAMES_MAX = 1 << 20 };

void names_init(struct names *names);
void names_deinit(struct names *names);
/* The slot of a name, new if need be. */
uint32_t names_slot(struct names *names, struct slice name);
/* The slot, or UINT32_MAX when the name was never seen. */
uint32_t names_find(const struct names *names, struct slice name);
/* One more than the highest slot. */
size_t names_count(const struct names *names);

#endif
