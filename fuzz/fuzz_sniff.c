/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the first ones of a connection. What was decided from a part stays so with more, and
 * names are terminated and printable.
 */
#include "proxy/sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const struct sniff_tls *tls)
{
    size_t len = strnlen(tls->server_name, sizeof tls->server_name);

    ASSERT(len < sizeof tls->server_name);
    for (size_t i = 0; i < len; i++)
        ASSERT(tls->server_name[i] > 0x20 && tls->server_name[i] < 0x7f);
    ASSERT(tls->protocol_count <= CHAIN_PROTOCOL_MAX);
    for (size_t i = 0; i < tls->protocol_count; i++)
        ASSERT(tls->protocols[i].len <= SNIFF_ALPN_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sniff_tls whole_tls;
    struct slice whole_protocol = SLICE("");
    enum sniff_result tls = sniff_tls(slice_make(data, size), &whole_tls);
    enum sniff_result http = sniff_http(slice_make(data, size), &whole_protocol);

    check_names(&whole_tls);
    for (size_t cut = 0; cut < size; cut += 1 + size / 64) {
        struct sniff_tls part_tls;
        struct slice part_protocol = SLICE("");
        enum sniff_result part = sniff_tls(slice_make(data, cut), &part_tls);

        ASSERT(part == SNIFF_MORE || part == tls);
        if (part == SNIFF_YES)
            ASSERT(strcmp(part_tls.server_name, whole_tls.server_name) == 0);
        part = sniff_http(slice_make(data, cut), &part_protocol);
        ASSERT(part == SNIFF_MORE || part == http);
        if (part == SNIFF_YES)
            ASSERT(slice_eq(part_protocol, whole_protocol));
    }
    return 0;
}
