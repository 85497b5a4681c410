/* SPDX-License-Identifier: Apache-2.0 */
/* The session cookie `session=HEX`, where HEX is the user name in hexadecimal digits.
 *
 * Place   see session.h
 */
#include "session.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that two hexadecimal digits at `s` stand for, or -1. */
static int byte(struct slice s)
{
    int high, low;

    if (s.len < 2)
        return -1;
    high = digit(s.data[0]);
    low = digit(s.data[1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A name that may go into a header: NULL otherwise. */
static const char *checked(const char *user)
{
    size_t len = strlen(user);

    if (len == 0 || len > SESSION_USER_MAX)
        return NULL;
    for (const char *c = user; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return NULL;
    }
    return user;
}

const char *session_user(struct arena *arena, struct slice cookie)
{
    struct slice pair;

    while (slice_split_next(&cookie, ';', &pair)) {
        struct slice value = slice_trim(pair);
        char *user;
        size_t len = 0;

        if (!slice_starts_with(value, SLICE("session=")))
            continue;
        value = slice_from(value, sizeof "session=" - 1);
        if (value.len > 2 * (size_t)SESSION_USER_MAX)
            return NULL;
        user = arena_bytes(arena, value.len / 2 + 1);
        for (; value.len; value = slice_from(value, 2)) {
            int c = byte(value);

            if (c <= 0)
                return NULL;
            user[len++] = (char)c;
        }
        user[len] = '\0';
        return checked(user);
    }
    return NULL;
}

const char *session_cookie(struct arena *arena, const char *user)
{
    char hex[2 * SESSION_USER_MAX + 1] = "";
    size_t len = 0;

    if (!user || !checked(user))
        return "session=; Max-Age=0; HttpOnly; Path=/";
    for (const char *c = user; *c; c++) {
        hex[len++] = "0123456789abcdef"[(unsigned char)*c >> 4];
        hex[len++] = "0123456789abcdef"[(unsigned char)*c & 15];
    }
    hex[len] = '\0';
    return arena_printf(arena, "session=%s; HttpOnly; Path=/", hex);
}

static char *form_decode(struct arena *arena, struct slice value)
{
    char *out = arena_bytes(arena, value.len + 1);
    size_t len = 0;

    while (value.len) {
        int c = value.data[0] == '%' ? byte(slice_from(value, 1)) : -1;

        if (c > 0) {
            out[len++] = (char)c;
            value = slice_from(value, 3);
        } else {
            out[len++] = (char)(value.data[0] == '+' ? ' ' : value.data[0]);
            value = slice_from(value, 1);
        }
    }
    out[len] = '\0';
    return out;
}

const char *session_form_field(struct arena *arena, struct slice form, const char *name)
{
    struct slice pair;

    while (slice_split_next(&form, '&', &pair)) {
        ptrdiff_t equals = slice_find_char(pair, '=');

        if (equals >= 0 && slice_eq_str(slice_head(pair, (size_t)equals), name))
            return form_decode(arena, slice_from(pair, (size_t)equals + 1));
    }
    return NULL;
}
