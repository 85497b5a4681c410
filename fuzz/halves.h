/* SPDX-License-Identifier: Apache-2.0 */
/* An input in two pieces, for readers that are fed as bytes come; its first byte says where to cut.
 *
 * Place   fuzz targets of incremental readers
 */
#ifndef WEFT_FUZZ_HALVES_H
#define WEFT_FUZZ_HALVES_H

#include "base/prelude.h"
#include "base/slice.h"

/* False for an input without a first byte. Borrows. */
static inline bool halves_cut(const uint8_t *data, size_t size, struct slice ret[2])
{
    struct slice rest;
    size_t cut;

    if (size < 1)
        return false;
    rest = slice_make((const char *)data + 1, size - 1);
    cut = MIN((size_t)data[0], rest.len);
    ret[0] = slice_head(rest, cut);
    ret[1] = slice_from(rest, cut);
    return true;
}

#endif
