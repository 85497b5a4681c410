/* SPDX-License-Identifier: Apache-2.0 */
/* Container logs to an HTTP stream: what a query asks for, out of the lines of oci/log.h.
 *
 * Following looks at the file ten times a second; it ends when the run has ended and all was sent.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "oci/log.h"
#include "sandbox/node_http.h"
#include "wire/url.h"

enum { PIECE = 65536, FOLLOW_MS = 100 };

struct log_session {
    struct node *node;
    struct http_stream *stream;
    char pod_uid[64];
    char container_name[64];
    unsigned attempt;
    struct oci_log log;
    bool follow, timestamps;
    int64_t since_ms;    /* wall clock; 0: all */
    uint64_t limit_size; /* bytes left to send */
    bool line_open;      /* the last piece was P: no timestamp for the next */
    bool paused;
    bool ended;
    struct loop_timer timer;
};

/* --- sending --- */

static void session_end(struct log_session *session)
{
    loop_timer_stop(session->node->loop, &session->timer);
    if (!session->ended && http_stream_send_data(session->stream, slice_make("", 0), true) < 0)
        session->paused = true; /* taken; on_close comes when it is written */
    session->ended = true;
}

static void text_send(struct log_session *session, struct buf *out)
{
    struct slice text = slice_head(buf_slice(out), session->limit_size);

    session->limit_size -= text.len;
    if (text.len > 0 && http_stream_send_data(session->stream, text, false) == ERR_AGAIN)
        session->paused = true;
    buf_reset(out);
    if (session->limit_size == 0)
        session_end(session);
}

static void line_append(struct log_session *session, const struct oci_log_line *line,
                        struct buf *out)
{
    int64_t at_ms = 0;

    if (session->since_ms && clock_parse_rfc3339(line->time, &at_ms) == 0 &&
        at_ms < session->since_ms)
        return;
    if (session->timestamps && !session->line_open) { /* conmon's zone is UTC, in numbers */
        bool utc = slice_ends_with(line->time, SLICE("+00:00"));

        buf_printf(out, "%.*s%s ",
                   SLICE_ARG(slice_head(line->time, line->time.len - (utc ? 6 : 0))),
                   utc ? "Z" : "");
    }
    buf_append(out, line->text);
    if (line->full)
        buf_append_char(out, '\n');
    session->line_open = !line->full;
}

/* Sends about a piece; false at the end of the file. */
static bool piece_send(struct log_session *session)
{
    SCOPED(buf_deinit) struct buf out;
    struct oci_log_line line;
    bool any = false;

    buf_init(&out, 4 * PIECE);
    while (out.len < PIECE && oci_log_next(&session->log, &line)) {
        line_append(session, &line, &out);
        any = true;
    }
    text_send(session, &out);
    return any;
}

/* Whether more may be written to the file. */
static bool run_goes_on(const struct log_session *session)
{
    const struct node_pod *pod = map_get_str(&session->node->pods, session->pod_uid);
    const struct node_container *c = pod ? node_pod_container(pod, session->container_name) : NULL;

    return c && c->life->attempt == session->attempt && c->life->state == CONTAINER_RUNNING;
}

static void pump(void *ctx)
{
    struct log_session *session = ctx;
    bool goes_on = run_goes_on(session); /* asked first: what it wrote before is read below */

    while (!session->paused && !session->ended && piece_send(session))
        ;
    if (session->ended || session->paused)
        return;
    if (session->follow && goes_on)
        loop_timer_start(session->node->loop, &session->timer, FOLLOW_MS);
    else
        session_end(session);
}

static void on_writable(struct http_stream *stream, void *ctx)
{
    struct log_session *session = ctx;

    (void)stream;
    session->paused = false;
    pump(session);
}

static void on_close(struct http_stream *stream, void *ctx)
{
    struct log_session *session = ctx;

    (void)stream;
    loop_timer_stop(session->node->loop, &session->timer);
    oci_log_close(&session->log);
    mem_free(session);
}

static const struct http_stream_events log_events = {.on_writable = on_writable,
                                                     .on_close = on_close};

/* --- start --- */

static bool flag(struct arena *arena, struct slice query, const char *name)
{
    struct slice value = url_query_value(arena, query, name);

    return slice_eq_str(value, "true") || slice_eq_str(value, "1");
}

/* The attempt whose log is wanted; -1 with a refusal sent. */
static int attempt_choose(struct http_stream *stream, const struct node_container *c, bool previous)
{
    bool running = c->life->state == CONTAINER_RUNNING || c->life->state == CONTAINER_EXITED;
    int latest = running ? (int)c->life->attempt : (int)c->life->attempt - 1;

    if (latest < 0) {
        node_http_refuse(stream, 400, "container \"%s\" in pod \"%s\" is waiting to start: %s",
                         c->life->name, c->pod->name, c->life->waiting_reason);
        return -1;
    }
    if (previous && latest == 0) {
        node_http_refuse(stream, 400,
                         "previous terminated container \"%s\" in pod \"%s\" not found",
                         c->life->name, c->pod->name);
        return -1;
    }
    return previous ? latest - 1 : latest;
}

static void options_read(struct log_session *session, struct slice query)
{
    struct arena *arena = http_stream_arena(session->stream);
    uint64_t number;

    session->follow = flag(arena, query, "follow");
    session->timestamps = flag(arena, query, "timestamps");
    session->limit_size = UINT64_MAX;
    if (slice_parse_u64(url_query_value(arena, query, "limitBytes"), UINT64_MAX, &number) == 0)
        session->limit_size = number;
    if (slice_parse_u64(url_query_value(arena, query, "sinceSeconds"), UINT32_MAX, &number) == 0)
        session->since_ms = clock_realtime_ms() - (int64_t)number * 1000;
    if (clock_parse_rfc3339(url_query_value(arena, query, "sinceTime"), &session->since_ms) < 0)
        return;
}

void node_log_serve(struct node *node, struct http_stream *stream, struct node_container *container,
                    struct slice query)
{
    struct arena *arena = http_stream_arena(stream);
    const struct http_head head = {.status = 200, .content_length = -1};
    struct http_head answer = head;
    int attempt = attempt_choose(stream, container, flag(arena, query, "previous"));
    struct log_session *session;
    char bundle[INSTANCE_PATH_SIZE];
    uint64_t tail;

    if (attempt < 0)
        return;
    node_container_bundle(container, (unsigned)attempt, bundle);
    session = MEM_NEW(struct log_session);
    session->node = node;
    session->stream = stream;
    session->attempt = (unsigned)attempt;
    snprintf(session->pod_uid, sizeof session->pod_uid, "%s", container->pod->uid);
    snprintf(session->container_name, sizeof session->container_name, "%s", container->life->name);
    oci_log_open(&session->log, bundle);
    loop_timer_init(&session->timer, pump, session);
    options_read(session, query);
    if (slice_parse_u64(url_query_value(arena, query, "tailLines"), OCI_LOG_TAIL_MAX, &tail) == 0)
        oci_log_tail(&session->log, tail);
    http_stream_events_set(stream, &log_events, session);
    http_headers_add(&answer.headers, arena, SLICE("content-type"), SLICE("text/plain"));
    if (http_stream_send_head(stream, &answer, false) < 0)
        http_stream_reset(stream, HTTP_RESET_LOCAL);
    else
        pump(session);
}
