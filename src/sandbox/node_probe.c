/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: startup, liveness, readiness, by HTTP, TCP or a command.
 *
 * Until a startup or readiness probe succeeds for the first time it is tried more often than its
 * period says, so a pod that is up quickly is ready quickly; a failure still counts once a period.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/conn.h"
#include "sandbox/node_int.h"

enum { EAGER_MS = 250, TEXT_SIZE = 512, ANSWER_MAX = 10240 };

struct node_attempt {
    struct node_probe *probe; /* NULL: nobody waits any more */
    struct loop *loop;
    struct http_pool *pool;
    struct http_fetch *fetch;
    struct conn *conn;
    struct process *process;
    struct tls_config *tls;
    struct loop_timer timeout;
    struct loop_task free_task;
};

static const char *const kind_names[PROBE_COUNT] = {"Startup", "Liveness", "Readiness"};

static uint64_t spec_ms(const struct node_probe *probe, const char *key, int64_t fallback_s)
{
    int64_t value_s = json_get_int(probe->spec, key, fallback_s);

    return (uint64_t)MAX(value_s, (int64_t)0) * 1000;
}

/* --- the end of an attempt --- */

static void on_free(void *ctx)
{
    struct node_attempt *attempt = ctx;

    http_pool_free(attempt->pool);
    tls_config_unref(attempt->tls);
    mem_free(attempt);
}

static void attempt_drop(struct node_attempt *attempt)
{
    if (attempt->probe)
        attempt->probe->attempt = NULL;
    attempt->probe = NULL;
    loop_timer_stop(attempt->loop, &attempt->timeout);
    http_fetch_cancel(attempt->fetch);
    attempt->fetch = NULL;
    conn_close(attempt->conn);
    attempt->conn = NULL;
    if (attempt->process) {
        process_kill(attempt->process, 9);
        process_detach(attempt->process);
    }
    attempt->process = NULL;
    loop_task_add(attempt->loop, &attempt->free_task);
}

static void passed(struct node_probe *probe)
{
    struct node_container *c = probe->container;

    probe->failures = 0;
    probe->successes++;
    if (probe->successes < (unsigned)json_get_int(probe->spec, "successThreshold", 1))
        return;
    probe->succeeded_once = true;
    if (probe->kind == PROBE_STARTUP) {
        c->started = true;
        node_probes_start(c);
        node_pod_wake(c->pod);
    } else if (probe->kind == PROBE_READINESS && !c->ready) {
        c->ready = true;
        node_pod_wake(c->pod);
    }
}

/* A failure within the same period as the last counted one is not counted. */
static bool failure_counts(struct node_probe *probe)
{
    uint64_t now_ms = loop_now_ms(probe->container->pod->node->loop);

    if (probe->counted_ms && now_ms < probe->counted_ms + spec_ms(probe, "periodSeconds", 10))
        return false;
    probe->counted_ms = now_ms;
    return true;
}

static void failed(struct node_probe *probe, const char *text)
{
    struct node_container *c = probe->container;
    const char *name = kind_names[probe->kind];

    probe->successes = 0;
    if (!failure_counts(probe))
        return;
    probe->failures++;
    node_event(c->pod, c, true, "Unhealthy", "%s probe failed: %s", name, text);
    if (probe->failures < (unsigned)json_get_int(probe->spec, "failureThreshold", 3))
        return;
    if (probe->kind == PROBE_READINESS) {
        if (c->ready)
            node_pod_wake(c->pod);
        c->ready = false;
        return;
    }
    node_event(c->pod, c, false, "Killing", "Container %s failed %s probe, will be restarted",
               c->name, probe->kind == PROBE_STARTUP ? "startup" : "liveness");
    node_container_stop(
        c,
        json_get_int(probe->spec, "terminationGracePeriodSeconds",
                     json_path_int(c->pod->object, "spec.terminationGracePeriodSeconds", 30)),
        "probe");
}

static void probe_schedule(struct node_probe *probe, uint64_t delay_ms)
{
    loop_timer_start(probe->container->pod->node->loop, &probe->timer, delay_ms);
}

static void attempt_end(struct node_attempt *attempt, bool ok, const char *text)
{
    struct node_probe *probe = attempt->probe;
    struct node_container *c = probe->container;
    uint64_t period_ms = MAX(spec_ms(probe, "periodSeconds", 10), (uint64_t)100);

    attempt_drop(attempt);
    if (!probe->succeeded_once && probe->kind != PROBE_LIVENESS)
        period_ms = MIN(period_ms, (uint64_t)EAGER_MS);
    probe_schedule(probe, period_ms);
    if (ok)
        passed(probe);
    else
        failed(probe, text);
    if (c->state != CONTAINER_RUNNING || (probe->kind == PROBE_STARTUP && c->started))
        loop_timer_stop(c->pod->node->loop, &probe->timer);
}

static void on_timeout(void *ctx)
{
    attempt_end(ctx, false, "context deadline exceeded");
}

/* --- HTTP --- */

static void on_fetched(const struct http_fetch_result *result, void *ctx)
{
    struct node_attempt *attempt = ctx;
    char text[TEXT_SIZE];

    attempt->fetch = NULL;
    if (result->code < 0) {
        snprintf(text, sizeof text, "Get failed: %s", result->reason);
        attempt_end(attempt, false, text);
        return;
    }
    snprintf(text, sizeof text, "HTTP probe failed with statuscode: %u", result->head->status);
    attempt_end(attempt, result->head->status >= 200 && result->head->status < 400, text);
}

/* The number, or the container's port of that name. */
static unsigned port_get(const struct node_probe *probe, const json_t *port)
{
    json_t *entry;
    size_t i;

    if (json_is_integer(port))
        return (unsigned)json_integer_value(port) & 0xFFFF;
    json_array_foreach(json_object_get(probe->container->spec, "ports"), i, entry)
    {
        const char *name = json_get_string(entry, "name");

        if (name && json_is_string(port) && strcmp(name, json_string_value(port)) == 0)
            return (unsigned)json_get_int(entry, "containerPort", 0) & 0xFFFF;
    }
    return 0;
}

static int target_get(const struct node_probe *probe, const json_t *action, struct addr *ret)
{
    const char *host = json_path_string_or(action, "host", probe->container->pod->ip);
    unsigned port = port_get(probe, json_object_get(action, "port"));

    return port == 0 ? ERR_INVALID : addr_parse_ip(slice_str(host), port, ret);
}

enum { HEADERS_MAX = 16 };

static size_t headers_gather(const json_t *action, struct http_header headers[HEADERS_MAX],
                             char names[HEADERS_MAX][128], const char **ret_authority)
{
    size_t count = 0;
    json_t *entry;
    size_t i;

    headers[count++] = (struct http_header){SLICE("user-agent"), SLICE("kube-probe/1.34")};
    json_array_foreach(json_object_get(action, "httpHeaders"), i, entry)
    {
        const char *name = json_path_string_or(entry, "name", "");
        const char *value = json_path_string_or(entry, "value", "");
        size_t len = 0;

        if (strcasecmp(name, "host") == 0) {
            *ret_authority = value;
            continue;
        }
        if (count == HEADERS_MAX || name[0] == '\0')
            break;
        for (; name[len] && len < 127; len++)
            names[count][len] =
                name[len] >= 'A' && name[len] <= 'Z' ? (char)(name[len] + 32) : name[len];
        names[count][len] = '\0';
        headers[count] = (struct http_header){slice_str(names[count]), slice_str(value)};
        count++;
    }
    return count;
}

static int http_begin(struct node_attempt *attempt, const json_t *action, uint64_t timeout_ms)
{
    struct http_pool_options options = {
        .codec = HTTP_CODEC_HTTP1, .connect_timeout_ms = timeout_ms, .requests_per_conn_max = 1};
    char names[HEADERS_MAX][128];
    struct http_header headers[HEADERS_MAX];
    struct http_fetch_request request = {.path = json_path_string_or(action, "path", "/"),
                                         .headers = headers,
                                         .response_size_max = ANSWER_MAX,
                                         .timeout_ms = timeout_ms};
    int rc = target_get(attempt->probe, action, &options.addr);

    if (rc == 0 && strcmp(json_path_string_or(action, "scheme", "HTTP"), "HTTPS") == 0) {
        const struct tls_options tls = {.insecure_skip_verify = true, .alpn = "http/1.1"};

        rc = tls_client_config_new(&tls, &attempt->tls, NULL);
        options.tls = attempt->tls;
    }
    if (rc == 0)
        rc = http_pool_new(attempt->loop, &options, &attempt->pool);
    if (rc < 0)
        return rc;
    request.header_count = headers_gather(action, headers, names, &request.authority);
    return http_fetch_start(attempt->pool, &request, on_fetched, attempt, &attempt->fetch);
}

/* --- TCP --- */

static void on_connected(struct conn *conn, void *ctx)
{
    (void)conn;
    attempt_end(ctx, true, "");
}

static void on_failed(struct conn *conn, int code, void *ctx)
{
    char text[TEXT_SIZE];

    (void)conn;
    snprintf(text, sizeof text, "dial tcp: %s", err_text(code));
    attempt_end(ctx, false, text);
}

static const struct conn_events tcp_events = {.on_connected = on_connected, .on_failed = on_failed};

static int tcp_begin(struct node_attempt *attempt, const json_t *action, uint64_t timeout_ms)
{
    const struct conn_options options = {.connect_timeout_ms = timeout_ms};
    struct addr to;
    int rc = target_get(attempt->probe, action, &to);

    if (rc < 0)
        return rc;
    return conn_connect(attempt->loop, &to, &options, &tcp_events, attempt, &attempt->conn);
}

/* --- command --- */

static void on_exec(const struct process_result *result, void *ctx)
{
    struct node_attempt *attempt = ctx;
    char text[TEXT_SIZE];

    attempt->process = NULL;
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(slice_head(result->out, TEXT_SIZE - 1)));
    attempt_end(attempt, result->exit_code == 0, text);
}

/* --- start --- */

static int attempt_begin(struct node_attempt *attempt, uint64_t timeout_ms)
{
    struct node_probe *probe = attempt->probe;
    const json_t *action;

    if ((action = json_object_get(probe->spec, "httpGet")))
        return http_begin(attempt, action, timeout_ms);
    if ((action = json_object_get(probe->spec, "tcpSocket")))
        return tcp_begin(attempt, action, timeout_ms);
    if ((action = json_object_get(probe->spec, "exec")))
        return node_exec_start(probe->container, json_object_get(action, "command"), timeout_ms,
                               on_exec, attempt, &attempt->process, NULL);
    return ERR_UNSUPPORTED;
}

static void on_time(void *ctx)
{
    struct node_probe *probe = ctx;
    struct loop *loop = probe->container->pod->node->loop;
    uint64_t timeout_ms = MAX(spec_ms(probe, "timeoutSeconds", 1), (uint64_t)1000);
    struct node_attempt *attempt;
    int rc;

    if (probe->attempt || probe->container->state != CONTAINER_RUNNING)
        return;
    attempt = MEM_NEW(struct node_attempt);
    attempt->probe = probe;
    attempt->loop = loop;
    loop_timer_init(&attempt->timeout, on_timeout, attempt);
    loop_task_init(&attempt->free_task, on_free, attempt);
    probe->attempt = attempt;
    rc = attempt_begin(attempt, timeout_ms);
    if (rc < 0)
        attempt_end(attempt, false,
                    rc == ERR_UNSUPPORTED ? "not supported: this kind of probe" : err_text(rc));
    else
        loop_timer_start(loop, &attempt->timeout, timeout_ms);
}

void node_probes_start(struct node_container *c)
{
    if (!c->probes[PROBE_STARTUP].spec)
        c->started = true;
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        struct node_probe *probe = &c->probes[i];

        if (!probe->spec || (i == PROBE_STARTUP) == c->started)
            continue;
        probe->failures = probe->successes = 0;
        probe->succeeded_once = false;
        probe->counted_ms = 0;
        loop_timer_init(&probe->timer, on_time, probe);
        probe_schedule(probe, MAX(spec_ms(probe, "initialDelaySeconds", 0), (uint64_t)20));
    }
    if (c->started && !c->probes[PROBE_READINESS].spec)
        c->ready = true;
}

void node_probes_stop(struct node_container *c)
{
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        struct node_probe *probe = &c->probes[i];

        loop_timer_stop(c->pod->node->loop, &probe->timer);
        if (probe->attempt)
            attempt_drop(probe->attempt);
    }
}
