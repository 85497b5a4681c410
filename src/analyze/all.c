/* SPDX-License-Identifier: Apache-2.0 */
/* See all.h.
 */
#include "analyze/all.h"

static const struct analyzer analyzers[] = {
#define ANALYZER_ENTRY(function, name, summary, needs) {name, summary, needs, function},
    ANALYZER_MAP(ANALYZER_ENTRY)
#undef ANALYZER_ENTRY
};

size_t analyzer_count(void)
{
    return ARRAY_LEN(analyzers);
}

const struct analyzer *analyzer_get(size_t index)
{
    return &analyzers[index];
}
