/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: decode, and what was decoded encodes and decodes again. */
#include "wire/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_message message;
    struct arena arena;
    struct buf bytes;

    arena_init(&arena, 0);
    buf_init(&bytes, 0);
    if (dns_message_decode(&arena, slice_make(data, size), &message) == 0) {
        int rc = dns_message_encode(&message, DNS_SIZE_MAX, &bytes);

        ASSERT(rc == 0);
        rc = dns_message_decode(&arena, buf_slice(&bytes), &message);
        ASSERT(rc == 0);
    }
    buf_deinit(&bytes);
    arena_deinit(&arena);
    return 0;
}
