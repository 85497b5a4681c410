/* SPDX-License-Identifier: Apache-2.0 */
/* One request that a sample service answers: what came in, what goes out, and calls in between.
 *
 * Place   the contract between the services (bookinfo/src, ratingsapp/src), which know no network,
 *         and server.c, which knows nothing of books and fruits; tests stand in for server.c
 * Owns    an exchange lives in its own arena until its reply
 * Limits  request bodies up to EXCHANGE_BODY_MAX bytes; one call at a time
 */
#ifndef SERVE_EXCHANGE_H
#define SERVE_EXCHANGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/prelude.h"
#include "base/slice.h"

enum { EXCHANGE_BODY_MAX = 64 * 1024, EXCHANGE_REPLY_MAX = 1024 * 1024 };

struct exchange {
    /* the request, borrowed until the reply */
    struct slice method;
    struct slice path;  /* without the query */
    struct slice query; /* without the question mark */
    struct slice body;
    const void *conf;    /* what program.conf_read made */
    void *service_state; /* what service_type.open made */
    struct arena *arena; /* lives as long as the exchange */
    void *state;         /* the handler's, in the arena */
    /* extra headers of the reply, terminated, NULL for none; set before exchange_reply */
    const char *location;
    const char *set_cookie;
    bool open_to_all; /* any page of any site may read the reply (CORS) */
};

/* A call of another service. Everything is copied but the body, which the exchange keeps. */
struct exchange_call {
    const char *host;
    unsigned port;
    const char *path;
    const char *method; /* NULL: GET */
    struct slice body;
    uint32_t timeout_ms;
    const char *const *forward; /* names of request headers to pass on, NULL at the end */
    const char *end_user;       /* value of header end-user, or NULL */
};

/* `status` is 0 when no answer came in time; `body` is borrowed until the callback returns. */
typedef void exchange_on_call(struct exchange *exchange, int status, struct slice body);

/* A request header's first value, borrowed, or the empty slice with data NULL. */
struct slice exchange_header(struct exchange *exchange, const char *name);

/* The request header number `i`, borrowed; false behind the last one. */
bool exchange_header_at(struct exchange *exchange, size_t i, struct slice *ret_name,
                        struct slice *ret_value);

/* Runs `on_later` after that time, unless the visitor leaves before. */
void exchange_later(struct exchange *exchange, uint32_t delay_ms,
                    void (*on_later)(struct exchange *exchange));

/* How long the service has been up. */
uint64_t exchange_uptime_ms(struct exchange *exchange);

/* Calls another service on a connection of its own, so that each call is balanced anew.
 * The callback comes later, never from inside. */
void exchange_call(struct exchange *exchange, const struct exchange_call *call,
                   exchange_on_call *on_done);

/* Answers and ends the exchange; copies `body`. */
void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    struct slice body);

/* A service: `open` may be NULL, and gets what `close` frees. */
struct service_type {
    const char *name;
    unsigned port; /* without an argument and $PORT */
    void *(*open)(const void *conf);
    void (*close)(void *service_state);
    void (*handle)(struct exchange *exchange);
};

#endif
