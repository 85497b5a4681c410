/* SPDX-License-Identifier: Apache-2.0 */
/* Scans of header bytes, 16 or 32 at a time where the processor can.
 *
 * Place   wire/h1_*.c only
 */
#ifndef WEFT_WIRE_H1_SCAN_H
#define WEFT_WIRE_H1_SCAN_H

#include "base/prelude.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

static inline bool h1_byte_is_control(unsigned char byte)
{
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/* The first control character other than tab in [at, end), or end. */
static inline const char *h1_scan_control(const char *at, const char *end)
{
#if defined(__AVX2__)
    while (end - at >= 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
        __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
        __m256i tab = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\t'));
        __m256i del = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
        unsigned mask =
            (unsigned)_mm256_movemask_epi8(_mm256_or_si256(_mm256_andnot_si256(tab, low), del));

        if (mask)
            return at + __builtin_ctz(mask);
        at += 32;
    }
#elif defined(__SSE2__)
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
        __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));

        if (mask)
            return at + __builtin_ctz(mask);
        at += 16;
    }
#endif
    while (at < end && !h1_byte_is_control((unsigned char)*at))
        at++;
    return at;
}

/* What a byte of a token is in lower case; 0 when tokens do not have it. */
extern const unsigned char h1_token_lower[256];

#endif
