/* SPDX-License-Identifier: Apache-2.0 */
/* Dense slots of names. See names.h.
 */
#include "proxy/names.h"

void names_init(struct names *names)
{
    map_init(&names->map, NAMES_MAX);
}

void names_deinit(struct names *names)
{
    map_deinit(&names->map);
}

uint32_t names_slot(struct names *names, struct slice name)
{
    uintptr_t slot = (uintptr_t)map_get(&names->map, name);

    if (slot == 0) {
        slot = names->map.count + 1;
        ASSERT(map_put(&names->map, name, (void *)slot, NULL) == 0);
    }
    return (uint32_t)(slot - 1);
}

uint32_t names_find(const struct names *names, struct slice name)
{
    return (uint32_t)((uintptr_t)map_get(&names->map, name) - 1);
}

size_t names_count(const struct names *names)
{
    return names->map.count;
}
