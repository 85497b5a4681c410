/* SPDX-License-Identifier: Apache-2.0 */
/* Delays and aborts. See fault.h.
 *
 *   matched? --no--> on
 *      | yes
 *   delay drawn --yes--> wait (DI) --.
 *      | no                          v
 *      `---------------------> abort drawn --yes--> status, "fault filter abort" (FI)
 *                                    `--no--> on
 *
 * Each percentage is drawn on its own. With header_delay and header_abort the request says what it
 * wants (x-envoy-fault-*), and may lower the percentage; what it says is no fault when it cannot be
 * read.
 */
#include "proxy/fault.h"

#include "proxy/compile.h"
#include "proxy/flags.h"
#include "proxy/request.h"
#include "xds/pb/fault.h"
#include "xds/pb/fault_common.h"

enum { FAULT_NODES_MAX = 64 };

struct fault_delay {
    bool by_header;
    uint64_t ms; /* 0: none */
    struct match_fraction share;
};

struct fault_abort {
    bool by_header;
    unsigned status; /* 0: none */
    int grpc_status; /* REQUEST_GRPC_BY_STATUS, or what a gRPC caller is told */
    struct match_fraction share;
};

struct fault_conf {
    struct fault_delay delay;
    struct fault_abort abort;
    struct slice cluster; /* only requests for it; empty: all */
    struct match_header *headers;
    size_t header_count;
    struct slice *nodes; /* only from them; none: all */
    size_t node_count;
    uint64_t active_max;
};

struct fault_state {
    struct request *request;
    struct filter_run *run;
    struct loop_timer timer;
    bool active; /* counted */
};

/* --- compiling --- */

static void compile_delay(const struct pb_fault_delay *in, struct fault_delay *out)
{
    if (in == NULL)
        return;
    out->share = compile_fraction(in->percentage);
    out->by_header = in->fault_delay_secifier_case == PB_FAULT_DELAY_CASE_HEADER_DELAY;
    if (in->fault_delay_secifier_case == PB_FAULT_DELAY_CASE_FIXED_DELAY)
        out->ms = compile_ms(true, in->fixed_delay, 0);
}

static int compile_abort(const struct pb_fault_abort *in, struct fault_abort *out,
                         struct error *err)
{
    out->grpc_status = REQUEST_GRPC_BY_STATUS;
    if (in == NULL)
        return 0;
    out->share = compile_fraction(in->percentage);
    switch (in->error_type_case) {
    case PB_FAULT_ABORT_CASE_HTTP_STATUS:
        if (in->http_status < 200 || in->http_status > 599)
            return err_set_path(err, ERR_INVALID, "abort.http_status", "%u is not 200 to 599",
                                in->http_status);
        out->status = in->http_status;
        return 0;
    case PB_FAULT_ABORT_CASE_GRPC_STATUS:
        out->status = 200;
        out->grpc_status = (int)MIN(in->grpc_status, (uint32_t)INT16_MAX);
        return 0;
    case PB_FAULT_ABORT_CASE_HEADER_ABORT:
        out->by_header = true;
        return 0;
    default:
        return err_set_path(err, ERR_INVALID, "abort", "neither a status nor header_abort is set");
    }
}

static int compile_fault(struct resource *resource, const struct pb_http_fault *in,
                         struct fault_conf *out, struct error *err)
{
    struct arena *arena = &resource->arena;

    compile_delay(in->delay, &out->delay);
    if (compile_abort(in->abort, &out->abort, err) < 0)
        return err->code;
    out->cluster = arena_slice_dup(arena, in->upstream_cluster);
    out->headers = ARENA_ARRAY(arena, struct match_header, in->headers_count + 1);
    out->header_count = in->headers_count;
    for (size_t i = 0; i < in->headers_count; i++)
        if (compile_header_matcher(resource, in->headers[i], &out->headers[i], err) < 0)
            return err_prefix(err, "headers[%zu]", i);
    if (in->downstream_nodes_count > FAULT_NODES_MAX)
        return err_set_path(err, ERR_LIMIT, "downstream_nodes", "more than %d", FAULT_NODES_MAX);
    out->nodes = ARENA_ARRAY(arena, struct slice, in->downstream_nodes_count + 1);
    out->node_count = in->downstream_nodes_count;
    for (size_t i = 0; i < in->downstream_nodes_count; i++)
        out->nodes[i] = arena_slice_dup(arena, in->downstream_nodes[i]);
    out->active_max = in->has_max_active_faults ? in->max_active_faults : UINT64_MAX;
    return 0;
}

static int fault_compile_override(struct resource *resource, const void *message,
                                  const void *general, const void **ret, struct error *err)
{
    struct fault_conf *conf = ARENA_NEW(&resource->arena, struct fault_conf);

    (void)general; /* the most specific one counts alone */
    *ret = conf;
    return compile_fault(resource, message, conf, err);
}

static int fault_compile(struct resource *resource, const void *message, const void **ret,
                         struct error *err)
{
    const struct pb_http_fault *in = message;

    if (in->delay == NULL && in->abort == NULL)
        return 0;
    return fault_compile_override(resource, message, NULL, ret, err);
}

/* --- whom it hits --- */

static bool concerns(const struct fault_conf *conf, const struct request *request)
{
    const struct http_head *head = request->head;

    if (conf->cluster.len > 0 &&
        (request->target == NULL || !slice_eq(conf->cluster, request->target->cluster_name)))
        return false;
    if (conf->node_count > 0) {
        struct slice node =
            http_headers_value(&head->headers, SLICE("x-envoy-downstream-service-node"));
        size_t i = 0;

        while (i < conf->node_count && !slice_eq(node, conf->nodes[i]))
            i++;
        if (node.len == 0 || i == conf->node_count)
            return false;
    }
    for (size_t i = 0; i < conf->header_count; i++)
        if (!match_header_test(&conf->headers[i], head))
            return false;
    return true;
}

/* A number that the request itself asks for. */
static bool asked(const struct request *request, struct slice name, uint64_t max, uint64_t *ret)
{
    struct slice value = http_headers_value(&request->head->headers, name);

    return value.data != NULL && slice_parse_u64(value, max, ret) == 0;
}

static bool drawn(const struct request *request, const struct match_fraction *share, bool by_header,
                  struct slice header)
{
    struct match_fraction lowered = *share;
    uint64_t numerator;

    if (by_header && asked(request, header, UINT32_MAX, &numerator))
        lowered.numerator = MIN(lowered.numerator, numerator);
    return match_fraction_hit(&lowered, rng_u64(&request->worker->rng));
}

static uint64_t delay_of(const struct fault_conf *conf, const struct request *request)
{
    uint64_t ms = conf->delay.ms;

    if (conf->delay.by_header &&
        !asked(request, SLICE("x-envoy-fault-delay-request"), UINT32_MAX, &ms))
        return 0;
    if (ms == 0 || !drawn(request, &conf->delay.share, conf->delay.by_header,
                          SLICE("x-envoy-fault-delay-request-percentage")))
        return 0;
    return ms;
}

static unsigned abort_of(const struct fault_conf *conf, const struct request *request)
{
    uint64_t status = conf->abort.status;

    if (conf->abort.by_header &&
        (!asked(request, SLICE("x-envoy-fault-abort-request"), 599, &status) || status < 200))
        return 0;
    if (status == 0 || !drawn(request, &conf->abort.share, conf->abort.by_header,
                              SLICE("x-envoy-fault-abort-request-percentage")))
        return 0;
    return (unsigned)status;
}

/* --- injecting --- */

static void count(const struct request *request, unsigned slot, uint64_t amount)
{
    stats_add(request->hcm->conf->stats, request->worker->index, slot, amount);
}

/* One request counts once, however many faults it meets. */
static bool enter(struct fault_state *state)
{
    const struct fault_conf *conf = state->run->conf;
    struct request *request = state->request;

    if (state->active)
        return true;
    if (conf->active_max < UINT64_MAX &&
        stats_read(request->hcm->conf->stats, STATS_HTTP_fault__active_faults) >=
            conf->active_max) {
        count(request, STATS_HTTP_fault__faults_overflow, 1);
        return false;
    }
    state->active = true;
    count(request, STATS_HTTP_fault__active_faults, 1);
    return true;
}

static enum filter_next maybe_abort(struct fault_state *state)
{
    const struct fault_conf *conf = state->run->conf;
    struct request *request = state->request;
    unsigned status = abort_of(conf, request);

    if (status == 0 || !enter(state))
        return FILTER_NEXT;
    count(request, STATS_HTTP_fault__aborts_injected, 1);
    request->reply_grpc_status = conf->abort.grpc_status;
    /* Where a redirect or direct response would stand no operations apply, as in Envoy. */
    request->bare = request->route != NULL && request->route->action != ROUTE_FORWARD;
    request_reply(request, status, FLAG_FAULT_INJECTED, SLICE("fault_filter_abort"),
                  SLICE("fault filter abort"));
    return FILTER_ANSWERED;
}

static void on_delay_end(void *ctx)
{
    struct fault_state *state = ctx;

    filter_resume(state->request, maybe_abort(state));
}

static enum filter_next fault_on_request(struct request *request, struct filter_run *run)
{
    struct fault_state *state;
    uint64_t delay_ms;

    if (!concerns(run->conf, request))
        return FILTER_NEXT;
    state = ARENA_NEW(request->arena, struct fault_state);
    state->request = request;
    state->run = run;
    run->state = state;
    delay_ms = delay_of(run->conf, request);
    if (delay_ms == 0 || !enter(state))
        return maybe_abort(state);
    count(request, STATS_HTTP_fault__delays_injected, 1);
    request->info.flags |= FLAG_DELAY_INJECTED;
    loop_timer_init(&state->timer, on_delay_end, state);
    loop_timer_start(request->worker->loop, &state->timer, delay_ms);
    return FILTER_WAIT;
}

static void fault_on_end(struct request *request, struct filter_run *run)
{
    struct fault_state *state = run->state;

    if (state == NULL)
        return;
    loop_timer_stop(request->worker->loop, &state->timer);
    if (state->active)
        count(request, STATS_HTTP_fault__active_faults, UINT64_MAX);
}

const struct filter_ops fault_filter = {
    .message = &pb_http_fault_desc,
    .override_message = &pb_http_fault_desc,
    .compile = fault_compile,
    .compile_override = fault_compile_override,
    .on_request = fault_on_request,
    .on_end = fault_on_end,
};
