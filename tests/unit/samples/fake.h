/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in for samples/serve/server.c: one request without a network, a clock or other services.
 *
 * Place   the tests of the samples' services
 * Owns    the arena and the answer's body, from fake_ask to fake_end
 */
#ifndef TESTS_SAMPLES_FAKE_H
#define TESTS_SAMPLES_FAKE_H

#include "exchange.h"

/* What another service answers. */
struct fake_answer {
    const char *path; /* of the call */
    int status;
    const char *body;
};

struct fake {
    /* given */
    struct exchange exchange;          /* its conf, service_state and body */
    const char *const (*headers)[2];   /* of the request, the last with name NULL; NULL: none */
    const struct fake_answer *answers; /* in any order; the last has no path */
    uint64_t uptime_ms;
    /* seen */
    char calls[512];        /* host:port/path of each, with a space behind it */
    char call_method[16];   /* of the last call, "" for GET */
    char call_body[128];    /* of the last call */
    char call_end_user[64]; /* of the last call, "" for none */
    uint32_t call_timeout_ms;
    uint32_t delay_ms; /* how long the answer was put off */
    int status;
    char *body;
    char content_type[64];
    /* private: what runs when the handler has returned */
    exchange_on_call *on_done;
    void (*on_later)(struct exchange *exchange);
    const struct fake_answer *next;
};

/* Runs a request to its answer, calls and delays among it. */
void fake_ask(struct fake *fake, const struct service_type *type, const char *method,
              const char *path);

void fake_end(struct fake *fake);

/* Asks with GET, and compares status and the whole body. */
void fake_expect(const struct service_type *type, const void *conf, const char *path, int status,
                 const char *body);

#endif
