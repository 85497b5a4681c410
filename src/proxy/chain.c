/* SPDX-License-Identifier: Apache-2.0 */
/* Filter-chain matching: each level scores every chain that is left (0 no hit, higher is more
 * specific) and keeps the best. See chain.h.
 */
#include "proxy/chain.h"

enum { CHAIN_MAX = 4096 };

typedef unsigned level_score(const struct chain_match *match, const struct chain_input *input);

static unsigned score_port(const struct chain_match *match, const struct chain_input *input)
{
    if (match->port == 0)
        return 1;
    return match->port == addr_port(input->local) ? 2 : 0;
}

static unsigned score_prefixes(const struct chain_prefix *prefixes, size_t count,
                               const struct addr *addr)
{
    unsigned best = 0;

    if (count == 0)
        return 1;
    for (size_t i = 0; i < count; i++)
        if (addr_in_prefix(addr, &prefixes[i].addr, prefixes[i].len))
            best = MAX(best, prefixes[i].len + 2);
    return best;
}

static unsigned score_destination(const struct chain_match *match, const struct chain_input *input)
{
    return score_prefixes(match->prefixes, match->prefix_count, input->local);
}

static unsigned score_server_name(const struct chain_match *match, const struct chain_input *input)
{
    unsigned best = 0;

    if (match->server_name_count == 0)
        return 1;
    for (size_t i = 0; i < match->server_name_count; i++) {
        struct slice name = match->server_names[i];

        if (slice_starts_with(name, SLICE("*"))) {
            struct slice suffix = slice_from(name, 1);

            if (input->server_name.len > suffix.len && slice_ends_with(input->server_name, suffix))
                best = MAX(best, (unsigned)suffix.len + 2);
        } else if (input->server_name.len > 0 && slice_eq(name, input->server_name)) {
            best = UINT32_MAX;
        }
    }
    return best;
}

static unsigned score_transport(const struct chain_match *match, const struct chain_input *input)
{
    if (match->transport.len == 0)
        return 1;
    return slice_eq(match->transport, input->transport) ? 2 : 0;
}

/* The client's first protocol that any chain names wins. */
static unsigned score_protocol(const struct chain_match *match, const struct chain_input *input)
{
    if (match->protocol_count == 0)
        return 1;
    for (size_t i = 0; i < input->protocol_count; i++)
        for (size_t k = 0; k < match->protocol_count; k++)
            if (slice_eq(match->protocols[k], input->protocols[i]))
                return CHAIN_PROTOCOL_MAX + 2 - (unsigned)i;
    return 0;
}

static unsigned score_source(const struct chain_match *match, const struct chain_input *input)
{
    const uint8_t *local;
    const uint8_t *peer;
    size_t local_len;
    bool same;

    if (match->source == CHAIN_SOURCE_ANY)
        return 1;
    local_len = addr_ip_bytes(input->local, &local);
    same = addr_is_loopback(input->peer) || (addr_ip_bytes(input->peer, &peer) == local_len &&
                                             local_len > 0 && memcmp(local, peer, local_len) == 0);
    return (match->source == CHAIN_SOURCE_LOCAL) == same ? 2 : 0;
}

static unsigned score_source_prefix(const struct chain_match *match,
                                    const struct chain_input *input)
{
    return score_prefixes(match->source_prefixes, match->source_prefix_count, input->peer);
}

static unsigned score_source_port(const struct chain_match *match, const struct chain_input *input)
{
    if (match->source_port_count == 0)
        return 1;
    for (size_t i = 0; i < match->source_port_count; i++)
        if (match->source_ports[i] == addr_port(input->peer))
            return 2;
    return 0;
}

static const struct chain_match *match_at(const struct chain_match *first, size_t stride,
                                          size_t number)
{
    return (const struct chain_match *)(const void *)((const char *)first + number * stride);
}

ptrdiff_t chain_find(const struct chain_match *first, size_t stride, size_t count,
                     const struct chain_input *input)
{
    static level_score *const levels[] = {score_port,          score_destination, score_server_name,
                                          score_transport,     score_protocol,    score_source,
                                          score_source_prefix, score_source_port};
    uint16_t left[CHAIN_MAX];
    size_t left_count = MIN(count, (size_t)CHAIN_MAX);

    for (size_t i = 0; i < left_count; i++)
        left[i] = (uint16_t)i;
    for (size_t level = 0; level < ARRAY_LEN(levels) && left_count > 0; level++) {
        unsigned best = 0;
        size_t kept = 0;

        for (size_t i = 0; i < left_count; i++)
            best = MAX(best, levels[level](match_at(first, stride, left[i]), input));
        if (best == 0)
            return -1;
        for (size_t i = 0; i < left_count; i++)
            if (levels[level](match_at(first, stride, left[i]), input) == best)
                left[kept++] = left[i];
        left_count = kept;
    }
    return left_count > 0 ? (ptrdiff_t)left[0] : -1;
}
