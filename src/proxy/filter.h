/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP filters: what a request passes between finding its route and following it.
 *
 *   route known (or not) --> on_request of each filter, in the listener's order --> follow it
 *                              | FILTER_WAIT: stands still until filter_resume
 *                              ` FILTER_ANSWERED: it replied itself, the rest is left out
 *   response's head      --> on_response of those that ran, in the opposite order --> client
 *
 * A filter is one file with one struct filter_ops in the table of filter.c. It is configured in the
 * listener, and again, under the name that it has there, by route table, virtual host, route and
 * weighted cluster, of which the most specific counts. A filter that has nothing to do for a
 * request is not called, and a request that no filter concerns allocates nothing here.
 *
 * Place   compile_hcm.c and compile_route.c compile, hcm.c runs
 * Owns    compiled parts lie in their resource's arena, the state of a request in its own
 * Limits  FILTERS_MAX filters a listener, FILTER_OVERRIDES_MAX overrides that one route sees
 */
#ifndef WEFT_PROXY_FILTER_H
#define WEFT_PROXY_FILTER_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/head.h"
#include "proxy/resource.h"

struct compiler;
struct pb_any;
struct proto_message;
struct request;

enum { FILTERS_MAX = 32, FILTER_OVERRIDES_MAX = 32 };

enum filter_next { FILTER_NEXT, FILTER_WAIT, FILTER_ANSWERED };

/* One filter on one request. */
struct filter_run {
    const struct filter_conf *filter;
    const void *conf; /* the override, or the listener's; NULL: the filter is not run */
    void *state;      /* the filter's own; NULL at first */
};

struct filter_ops {
    const struct proto_message *message;          /* in the listener */
    const struct proto_message *override_message; /* in routes */
    /* Compiles `message`; leaves *ret NULL when the filter does nothing without an override. NULL:
     * it never does. */
    int (*compile)(struct resource *resource, const void *message, const void **ret,
                   struct error *err);
    /* Compiles `override_message`. `general` is what the next less specific level says, or NULL. */
    int (*compile_override)(struct resource *resource, const void *message, const void *general,
                            const void **ret, struct error *err);
    enum filter_next (*on_request)(struct request *request, struct filter_run *run);
    /* These may be NULL. `head` goes to the client. on_end is the last call, of every run. */
    void (*on_response)(struct request *request, struct filter_run *run, struct http_head *head);
    void (*on_end)(struct request *request, struct filter_run *run);
};

/* A filter of a listener. */
struct filter_conf {
    const struct filter_ops *ops;
    struct slice name; /* that overrides refer to */
    const void *conf;  /* NULL: does nothing without an override */
};

struct filter_override {
    struct slice name;
    const struct filter_ops *ops; /* NULL: only `disabled` is said */
    const void *conf;
    bool disabled;
};

/* What one level says, with all that the levels above it say and it does not. */
struct filter_overrides {
    struct filter_override *items;
    size_t count;
};

/* The filter whose listener message has that full name, or NULL. */
const struct filter_ops *filter_find(struct slice message_name);
/* Adds (or replaces in) `set` the override called `name`; `value` is an Any of the filter's message
 * or of a route.v3.FilterConfig. ERR_NOT_FOUND, with nothing in *err, when its type is of no filter
 * that we have. */
MUST_USE int filter_override_add(struct resource *resource, struct filter_overrides *set,
                                 struct slice name, const struct pb_any *value, struct error *err);

/* Runs the listener's filters; FILTER_WAIT: filter_resume will go on. */
enum filter_next filter_start(struct request *request);
/* A waiting filter lets the request go on (or has answered): later filters run, then the route is
 * followed. Called by the filter, never from within its on_request. */
void filter_resume(struct request *request, enum filter_next next);
/* The response's head is about to leave. */
void filter_response(struct request *request, struct http_head *head);
/* The request is over. */
void filter_end(struct request *request);

#endif
