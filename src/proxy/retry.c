/* SPDX-License-Identifier: Apache-2.0 */
/* Decides about retries. See retry.h.
 */
#include "proxy/retry.h"

uint32_t retry_on_parse(struct slice text, uint16_t *ret_codes, size_t max, size_t *ret_code_count)
{
    static const char *const tokens[RETRY_ON_COUNT] = {
#define RETRY_ON_TOKEN(name, token) token,
        RETRY_ON_MAP(RETRY_ON_TOKEN)
#undef RETRY_ON_TOKEN
    };
    struct slice rest = text;
    struct slice token;
    uint32_t on = 0;

    *ret_code_count = 0;
    while (slice_split_next(&rest, ',', &token)) {
        uint64_t code;

        token = slice_trim(token);
        for (unsigned i = 0; i < RETRY_ON_COUNT; i++)
            if (slice_eq_str(token, tokens[i]))
                on |= 1U << i;
        if (slice_parse_u64(token, 599, &code) == 0 && code >= 100 && *ret_code_count < max) {
            ret_codes[(*ret_code_count)++] = (uint16_t)code;
            on |= RETRY_ON_STATUS_CODES;
        }
    }
    return on;
}

static bool wants_grpc(uint32_t on, const struct http_head *head)
{
    static const struct {
        uint32_t on;
        uint64_t status;
    } codes[] = {{RETRY_ON_GRPC_CANCELLED, 1},
                 {RETRY_ON_GRPC_DEADLINE_EXCEEDED, 4},
                 {RETRY_ON_GRPC_RESOURCE_EXHAUSTED, 8},
                 {RETRY_ON_GRPC_INTERNAL, 13},
                 {RETRY_ON_GRPC_UNAVAILABLE, 14}};
    struct slice value = http_headers_value(&head->headers, SLICE("grpc-status"));
    uint64_t status;

    if (value.data == NULL || slice_parse_u64(value, 1000, &status) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if ((on & codes[i].on) && codes[i].status == status)
            return true;
    return false;
}

bool retry_wants_response(const struct retry_policy *policy, const struct http_head *head)
{
    uint32_t on = policy->on;
    unsigned status = head->status;

    /* An overloaded upstream must not get the same work again. */
    if (http_headers_get(&head->headers, SLICE("x-envoy-overloaded")) != NULL)
        return false;
    if ((on & RETRY_ON_5XX) && status >= 500)
        return true;
    if ((on & RETRY_ON_GATEWAY_ERROR) && status >= 502 && status <= 504)
        return true;
    if ((on & RETRY_ON_RETRIABLE_4XX) && status == 409)
        return true;
    if ((on & RETRY_ON_RATELIMITED) &&
        http_headers_get(&head->headers, SLICE("x-envoy-ratelimited")) != NULL)
        return true;
    if (on & RETRY_ON_STATUS_CODES)
        for (size_t i = 0; i < policy->status_code_count; i++)
            if (policy->status_codes[i] == status)
                return true;
    return wants_grpc(on, head);
}

bool retry_wants_reset(const struct retry_policy *policy, enum http_reset reason, bool request_sent)
{
    uint32_t on = policy->on;
    bool connecting = reason == HTTP_RESET_CONNECT_FAILED || reason == HTTP_RESET_CONNECT_TIMEOUT ||
                      reason == HTTP_RESET_TLS_FAILED;

    if (reason == HTTP_RESET_OVERFLOW)
        return false;
    if (on & (RETRY_ON_5XX | RETRY_ON_GATEWAY_ERROR | RETRY_ON_RESET))
        return true;
    if ((on & RETRY_ON_RESET_BEFORE_REQUEST) && !request_sent)
        return true;
    if ((on & RETRY_ON_REFUSED_STREAM) && reason == HTTP_RESET_REFUSED)
        return true;
    return (on & RETRY_ON_CONNECT_FAILURE) && connecting;
}

bool retry_wants_timeout(const struct retry_policy *policy)
{
    return (policy->on & (RETRY_ON_5XX | RETRY_ON_GATEWAY_ERROR | RETRY_ON_RESET)) != 0;
}

uint64_t retry_backoff_ms(const struct retry_policy *policy, unsigned retry, struct rng *rng)
{
    unsigned shift = retry < 20 ? retry : 20;
    uint64_t bound = policy->backoff_base_ms * ((1ULL << shift) - 1);

    if (bound > policy->backoff_max_ms)
        bound = policy->backoff_max_ms;
    return bound == 0 ? 0 : rng_below(rng, bound);
}
