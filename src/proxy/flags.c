/* SPDX-License-Identifier: Apache-2.0 */
/* The names of response flags. See flags.h.
 */
#include "proxy/flags.h"

void flags_format(uint32_t flags, bool full, struct buf *out)
{
    static const char *const names[FLAG_COUNT][2] = {
#define FLAG_NAMES(name, brief, long_name) {brief, long_name},
        FLAG_MAP(FLAG_NAMES)
#undef FLAG_NAMES
    };
    bool first = true;

    if (flags == 0) {
        buf_append_char(out, '-');
        return;
    }
    for (unsigned i = 0; i < FLAG_COUNT; i++) {
        if ((flags & (1U << i)) == 0)
            continue;
        if (!first)
            buf_append_char(out, ',');
        first = false;
        buf_append_str(out, names[i][full]);
    }
}
