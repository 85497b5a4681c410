/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS ClientHello, for tests of what looks at one.
 *
 * Place   tests/unit/proxy
 */
#ifndef WEFT_TESTS_PROXY_HELLO_H
#define WEFT_TESTS_PROXY_HELLO_H

#include <stdint.h>
#include <string.h>

static inline size_t hello_number(uint8_t *out, size_t at, size_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[at + i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
    return at + bytes;
}

/* One that asks for `name` ("": for none) and offers h2 and http/1.1, in one record. Returns its
 * length, which is below 128 and the name's. */
static inline size_t hello_make(uint8_t *out, const char *name)
{
    static const uint8_t alpn[] = {0, 16,  0,   14,  0,   12,  2,   'h', '2',
                                   8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    size_t name_len = strlen(name);
    size_t extensions = sizeof alpn + (name_len > 0 ? 9 + name_len : 0);
    size_t body = 2 + 32 + 1 + 2 + 2 + 1 + 1 + 2 + extensions;
    size_t at = hello_number(out, 0, 0x160301, 3);

    at = hello_number(out, at, body + 4, 2);
    at = hello_number(out, at, 1, 1);
    at = hello_number(out, at, body, 3);
    at = hello_number(out, at, 0x0303, 2);
    memset(out + at, 7, 32); /* random */
    at = hello_number(out, at + 32, 0, 1);
    at = hello_number(out, at, 2, 2); /* one cipher suite */
    at = hello_number(out, at, 0x1301, 2);
    at = hello_number(out, at, 0x0100, 2); /* one compression: none */
    at = hello_number(out, at, extensions, 2);
    if (name_len > 0) {
        at = hello_number(out, at, 0, 2);
        at = hello_number(out, at, name_len + 5, 2);
        at = hello_number(out, at, name_len + 3, 2);
        at = hello_number(out, at, 0, 1);
        at = hello_number(out, at, name_len, 2);
        memcpy(out + at, name, name_len);
        at += name_len;
    }
    memcpy(out + at, alpn, sizeof alpn);
    return at + sizeof alpn;
}

#endif
