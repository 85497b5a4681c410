/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of exchange.h without a network; see fake.h. */
#include "fake.h"

#include <stdio.h>

#include "base/mem.h"
#include "test.h"

static struct fake *fake_of(struct exchange *exchange)
{
    return CONTAINER_OF(exchange, struct fake, exchange);
}

bool exchange_header_at(struct exchange *exchange, size_t i, struct slice *ret_name,
                        struct slice *ret_value)
{
    const struct fake *fake = fake_of(exchange);

    for (size_t j = 0; fake->headers && fake->headers[j][0]; j++) {
        if (j == i) {
            *ret_name = slice_str(fake->headers[i][0]);
            *ret_value = slice_str(fake->headers[i][1]);
            return true;
        }
    }
    return false;
}

struct slice exchange_header(struct exchange *exchange, const char *name)
{
    struct slice at, value;

    for (size_t i = 0; exchange_header_at(exchange, i, &at, &value); i++) {
        if (slice_eq_str(at, name))
            return value;
    }
    return slice_str(NULL);
}

uint64_t exchange_uptime_ms(struct exchange *exchange)
{
    return fake_of(exchange)->uptime_ms;
}

void exchange_later(struct exchange *exchange, uint32_t delay_ms,
                    void (*on_later)(struct exchange *exchange))
{
    struct fake *fake = fake_of(exchange);

    fake->delay_ms = delay_ms;
    fake->on_later = on_later;
}

void exchange_call(struct exchange *exchange, const struct exchange_call *call,
                   exchange_on_call *on_done)
{
    static const struct fake_answer none = {0};
    struct fake *fake = fake_of(exchange);
    size_t len = strlen(fake->calls);

    snprintf(fake->calls + len, sizeof fake->calls - len, "%s:%u%s ", call->host, call->port,
             call->path);
    snprintf(fake->call_method, sizeof fake->call_method, "%s", call->method ? call->method : "");
    snprintf(fake->call_body, sizeof fake->call_body, "%.*s", SLICE_ARG(call->body));
    snprintf(fake->call_end_user, sizeof fake->call_end_user, "%s",
             call->end_user ? call->end_user : "");
    fake->call_timeout_ms = call->timeout_ms;
    fake->on_done = on_done;
    fake->next = &none;
    for (const struct fake_answer *a = fake->answers; a && a->path; a++) {
        if (strcmp(a->path, call->path) == 0)
            fake->next = a;
    }
}

void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    struct slice body)
{
    struct fake *fake = fake_of(exchange);

    assert_int_equal(fake->status, 0);
    fake->status = status;
    fake->body = mem_slice_dup(body);
    snprintf(fake->content_type, sizeof fake->content_type, "%s", content_type);
}

void fake_ask(struct fake *fake, const struct service_type *type, const char *method,
              const char *path)
{
    fake->exchange.arena = MEM_NEW(struct arena);
    arena_init(fake->exchange.arena, 0);
    fake->exchange.method = slice_str(method);
    fake->exchange.path = slice_str(path);
    type->handle(&fake->exchange);
    while (fake->on_done || fake->on_later) {
        exchange_on_call *on_done = TAKE(fake->on_done);
        void (*on_later)(struct exchange *) = TAKE(fake->on_later);

        if (on_done)
            on_done(&fake->exchange, fake->next->status, slice_str(fake->next->body));
        else
            on_later(&fake->exchange);
    }
    assert_int_not_equal(fake->status, 0);
}

void fake_end(struct fake *fake)
{
    arena_deinit(fake->exchange.arena);
    mem_free(fake->exchange.arena);
    mem_free(fake->body);
}

void fake_expect(const struct service_type *type, const void *conf, const char *path, int status,
                 const char *body)
{
    struct fake fake = {.exchange.conf = conf};

    fake.exchange.service_state = type->open ? type->open(conf) : NULL;
    fake_ask(&fake, type, "GET", path);
    assert_int_equal(fake.status, status);
    assert_string_equal(fake.body, body);
    if (type->close)
        type->close(fake.exchange.service_state);
    fake_end(&fake);
}
