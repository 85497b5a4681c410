/* SPDX-License-Identifier: Apache-2.0 */
/* A slice borrows a run of bytes: pointer and length, no terminator promised.
 *
 * Place   every parser and every table key
 * Owns    nothing: a slice never frees
 */
#ifndef WEFT_BASE_SLICE_H
#define WEFT_BASE_SLICE_H

#include "base/prelude.h"

struct slice {
    const char *data; /* may be NULL when len is 0 */
    size_t len;       /* bytes */
};

/* A slice of a string literal or a char array constant. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
/* printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)(s).len, (s).data ? (s).data : ""

static inline struct slice slice_make(const void *data, size_t len)
{
    return (struct slice){(const char *)data, len};
}

/* Borrows a terminated string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *b)
{
    return slice_eq(a, slice_str(b));
}

/* From `from` to the end; empty when from is past it. NULL stays NULL, to which C adds nothing. */
static inline struct slice slice_from(struct slice s, size_t from)
{
    size_t skip = from < s.len ? from : s.len;

    return slice_make(skip > 0 ? s.data + skip : s.data, s.len - skip);
}

/* At most the first `len` bytes. */
static inline struct slice slice_head(struct slice s, size_t len)
{
    return slice_make(s.data, len < s.len ? len : s.len);
}

/* ASCII letters alone change, whatever the locale. */
static inline char slice_char_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);
/* ASCII case is ignored. */
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts_with_nocase(struct slice s, struct slice prefix);
/* Bytewise order, shorter first on a tie: <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);
/* Index of the first `c`, or -1. */
ptrdiff_t slice_find_char(struct slice s, char c);
/* Index of the first occurrence of `needle`, or -1. An empty needle is found at 0. */
ptrdiff_t slice_find(struct slice s, struct slice needle);
/* Without leading and trailing spaces, tabs, CR and LF. */
struct slice slice_trim(struct slice s);
/* Cuts the next piece up to `separator` off *rest into *ret_piece; false when *rest is used up
 * (rest->data NULL). "a,,b" gives "a", "", "b". An empty non-NULL rest gives one empty piece. */
bool slice_split_next(struct slice *rest, char separator, struct slice *ret_piece);
/* Whole slice as unsigned decimal: 0, ERR_INVALID (not digits, empty) or ERR_LIMIT (above max). */
MUST_USE int slice_parse_u64(struct slice s, uint64_t max, uint64_t *ret);
/* As above for a signed number with optional '-'. */
MUST_USE int slice_parse_i64(struct slice s, int64_t *ret);
enum { SLICE_U64_SIZE = 20 };
/* The number in decimal digits, which lie in `out`. */
struct slice slice_format_u64(uint64_t number, char out[SLICE_U64_SIZE]);
/* 64-bit hash for in-memory tables, seeded per process: keys may come from a peer. */
uint64_t slice_hash(struct slice s);

#endif
