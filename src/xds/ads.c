/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a stream to the discovery server: see ads.h.
 *
 * Nothing is torn down inside a callback of the stream: its end is noted, and the timer or the task
 * that follows frees the pool and starts anew.
 */
#include "xds/ads.h"

#include "base/backoff.h"
#include "base/buf.h"
#include "base/mem.h"
#include "http/client.h"
#include "http/grpc.h"

#include <stdio.h>

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 10000, PING_INTERVAL_MS = 20000, REASON_SIZE = 600 };

struct ads {
    struct loop *loop;
    struct xds_client *client;
    struct rng rng;
    char *host;
    unsigned port;
    char *authority;
    struct tls_config *tls;
    struct http_header *metadata;
    size_t metadata_count;
    struct resolver *resolver;
    struct backoff backoff;
    void (*on_state)(bool connected, const char *reason, void *ctx);
    void *ctx;
    /* one attempt */
    struct resolver_query *query;
    struct http_pool *pool;
    struct grpc_call *call;
    bool blocked;   /* the stream takes no more until on_writable */
    bool connected; /* a message came on this stream */
    /* between attempts */
    unsigned attempt_count; /* since the last message */
    struct loop_timer retry_timer;
    struct loop_task flush_task;
    struct loop_task fail_task; /* ends a stream that sent nonsense, outside its callback */
    char reason[REASON_SIZE];
};

static void attempt_end(struct ads *ads)
{
    resolver_cancel(ads->query);
    ads->query = NULL;
    grpc_call_cancel(ads->call);
    ads->call = NULL;
    http_pool_free(ads->pool);
    ads->pool = NULL;
    ads->blocked = false;
    loop_task_cancel(&ads->flush_task);
    loop_task_cancel(&ads->fail_task);
}

/* Tells the user, and comes back later: full jitter under a bound that doubles. */
static void attempt_failed(struct ads *ads, const char *reason)
{
    uint64_t bound_ms = backoff_next(&ads->backoff);

    ads->attempt_count++;
    xds_client_stream_end(ads->client);
    loop_timer_start(ads->loop, &ads->retry_timer, 1 + rng_below(&ads->rng, bound_ms));
    ads->connected = false;
    if (ads->on_state)
        ads->on_state(false, reason, ads->ctx);
}

static void pump(struct ads *ads)
{
    SCOPED(buf_deinit) struct buf request = {0};

    buf_init(&request, 0);
    while (ads->call && !ads->blocked) {
        int rc;

        buf_reset(&request);
        if (!xds_client_request_next(ads->client, &request))
            return;
        rc = grpc_call_send(ads->call, buf_slice(&request));
        ads->blocked = rc == ERR_AGAIN;
        if (rc < 0 && rc != ERR_AGAIN)
            return; /* on_finish follows */
    }
}

static void on_flush(void *ctx)
{
    pump(ctx);
}

static void on_message(struct grpc_call *call, struct slice message, void *ctx)
{
    struct ads *ads = ctx;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    (void)call;
    if (!ads->connected) {
        ads->connected = true;
        ads->attempt_count = 0;
        backoff_reset(&ads->backoff);
        if (ads->on_state)
            ads->on_state(true, NULL, ads->ctx);
    }
    if (xds_client_message(ads->client, message, &err) < 0) {
        snprintf(ads->reason, sizeof ads->reason, "the server sent nonsense: %.500s",
                 err_format(&err, text, sizeof text));
        loop_task_add(ads->loop, &ads->fail_task);
        return;
    }
    loop_task_add(ads->loop, &ads->flush_task);
}

static void on_writable(struct grpc_call *call, void *ctx)
{
    struct ads *ads = ctx;

    (void)call;
    ads->blocked = false;
    loop_task_add(ads->loop, &ads->flush_task);
}

static void on_finish(struct grpc_call *call, enum grpc_status status, const char *message,
                      void *ctx)
{
    struct ads *ads = ctx;

    (void)call;
    ads->call = NULL;
    loop_task_cancel(&ads->fail_task);
    snprintf(ads->reason, sizeof ads->reason, "gRPC status %d: %.500s", (int)status,
             message && *message ? message : "stream ended");
    attempt_failed(ads, ads->reason);
}

static void on_nonsense(void *ctx)
{
    struct ads *ads = ctx;

    grpc_call_cancel(ads->call);
    ads->call = NULL;
    attempt_failed(ads, ads->reason);
}

static void stream_start(struct ads *ads, const struct addr *addr)
{
    static const struct grpc_events events = {on_message, NULL, on_writable, on_finish};
    const struct http_pool_options options = {
        .addr = *addr,
        .codec = HTTP_CODEC_HTTP2,
        .tls = ads->tls,
        .server_name = ads->authority,
        .ping_interval_ms = PING_INTERVAL_MS,
        .conns_max = 1,
    };
    const struct grpc_method method = {
        .authority = ads->authority,
        .path = xds_client_path(ads->client),
        .metadata = ads->metadata,
        .metadata_count = ads->metadata_count,
    };
    int rc = http_pool_new(ads->loop, &options, &ads->pool);

    if (rc == 0)
        rc = grpc_call_start(ads->pool, &method, &events, ads, &ads->call);
    if (rc < 0) {
        attempt_failed(ads, err_text(rc));
        return;
    }
    xds_client_stream_begin(ads->client);
    pump(ads);
}

static void on_resolved(int code, const struct addr *addrs, size_t count, unsigned ttl_s, void *ctx)
{
    struct ads *ads = ctx;

    (void)ttl_s;
    ads->query = NULL;
    if (code < 0 || count == 0) {
        snprintf(ads->reason, sizeof ads->reason, "cannot resolve %s: %s", ads->host,
                 err_text(code < 0 ? code : ERR_NOT_FOUND));
        attempt_failed(ads, ads->reason);
        return;
    }
    stream_start(ads, &addrs[ads->attempt_count % count]);
}

static void on_retry(void *ctx)
{
    struct ads *ads = ctx;
    struct addr addr;
    int rc;

    attempt_end(ads);
    if (addr_parse_ip(slice_str(ads->host), ads->port, &addr) == 0 ||
        (strncmp(ads->host, "unix:", 5) == 0 && addr_parse(slice_str(ads->host), &addr) == 0)) {
        stream_start(ads, &addr);
        return;
    }
    rc = resolver_lookup(ads->resolver, ads->host, ads->port, AF_UNSPEC, on_resolved, ads,
                         &ads->query);
    if (rc < 0)
        attempt_failed(ads, err_text(rc));
}

static void metadata_clear(struct ads *ads)
{
    for (size_t i = 0; i < ads->metadata_count; i++) {
        mem_free((char *)ads->metadata[i].name.data);
        mem_free((char *)ads->metadata[i].value.data);
    }
    mem_free(ads->metadata);
    ads->metadata = NULL;
    ads->metadata_count = 0;
}

void ads_metadata_set(struct ads *ads, const struct http_header *metadata, size_t count)
{
    metadata_clear(ads);
    ads->metadata = mem_calloc(count + 1, sizeof *ads->metadata);
    ads->metadata_count = count;
    for (size_t i = 0; i < count; i++) {
        ads->metadata[i].name = slice_str(mem_slice_dup(metadata[i].name));
        ads->metadata[i].value = slice_str(mem_slice_dup(metadata[i].value));
    }
}

int ads_open(struct loop *loop, const struct ads_options *options, struct ads **ret,
             struct error *err)
{
    struct ads *ads;
    struct addr addr;

    if (!options->host || !*options->host)
        return err_set_path(err, ERR_INVALID, "host", "the discovery server's address is missing");
    if (!options->resolver && strncmp(options->host, "unix:", 5) != 0 &&
        addr_parse_ip(slice_str(options->host), options->port, &addr) < 0)
        return err_set_path(err, ERR_INVALID, "host", "\"%s\" is no address", options->host);
    ads = MEM_NEW(struct ads);
    ads->loop = loop;
    ads->client = xds_client_new(&options->client);
    rng_init(&ads->rng, options->seed);
    ads->host = mem_strdup(options->host);
    ads->port = options->port;
    ads->authority = mem_strdup(options->authority ? options->authority : options->host);
    ads->tls = options->tls ? tls_config_ref(options->tls) : NULL;
    ads_metadata_set(ads, options->metadata, options->metadata_count);
    ads->resolver = options->resolver;
    ads->backoff = (struct backoff){
        .min_ms = options->backoff_min_ms ? options->backoff_min_ms : BACKOFF_MIN_MS,
        .max_ms = options->backoff_max_ms ? options->backoff_max_ms : BACKOFF_MAX_MS};
    ads->on_state = options->on_state;
    ads->ctx = options->client.ctx;
    loop_timer_init(&ads->retry_timer, on_retry, ads);
    loop_task_init(&ads->flush_task, on_flush, ads);
    loop_task_init(&ads->fail_task, on_nonsense, ads);
    loop_timer_start(loop, &ads->retry_timer, 0);
    *ret = ads;
    return 0;
}

struct xds_client *ads_client(struct ads *ads)
{
    return ads->client;
}

void ads_flush(struct ads *ads)
{
    loop_task_add(ads->loop, &ads->flush_task);
}

bool ads_is_connected(const struct ads *ads)
{
    return ads->connected;
}

void ads_free(struct ads *ads)
{
    if (!ads)
        return;
    loop_timer_stop(ads->loop, &ads->retry_timer);
    attempt_end(ads);
    xds_client_free(ads->client);
    metadata_clear(ads);
    tls_config_unref(ads->tls);
    mem_free(ads->host);
    mem_free(ads->authority);
    mem_free(ads);
}
