/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: see utf8.h. */
#include "wire/utf8.h"

/* Four first bytes narrow the second: longer than needed, surrogates, above U+10FFFF. */
static bool second_fits(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second <= 0x9f;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second <= 0x8f;
    default:
        return true;
    }
}

size_t utf8_len(struct slice text)
{
    const uint8_t *b = (const uint8_t *)text.data;
    size_t len;

    if (b[0] < 0x80)
        return 1;
    len = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    if (b[0] < 0xc2 || b[0] > 0xf4 || len > text.len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    return second_fits(b[0], b[1]) ? len : 0;
}

bool utf8_valid(struct slice text)
{
    while (text.len > 0) {
        size_t len = utf8_len(text);

        if (len == 0)
            return false;
        text = slice_from(text, len);
    }
    return true;
}
