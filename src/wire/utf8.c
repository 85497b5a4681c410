/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: see utf8.h. */
#include "wire/utf8.h"

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
    if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f)) /* too long, surrogates */
        return 0;
    if ((b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f)) /* too long, too large */
        return 0;
    return len;
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
