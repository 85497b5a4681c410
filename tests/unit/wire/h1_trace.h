/* SPDX-License-Identifier: Apache-2.0 */
/* Writes down what the HTTP/1 parser makes of an input that comes in pieces: the same text for any
 * cutting.
 *
 * Place   test_h1.c, fuzz_h1.c
 */
#ifndef WEFT_TESTS_H1_TRACE_H
#define WEFT_TESTS_H1_TRACE_H

#include "wire/h1.h"

struct h1_trace {
    struct h1_parser parser;
    struct h1_limits limits;
    struct arena arena;
    struct http_head head;
    enum h1_role role;
    bool head_request;
    struct buf text;
    int rc;
};

static inline void h1_trace_begin(struct h1_trace *trace)
{
    h1_parser_begin(&trace->parser, &trace->arena, &trace->head);
    h1_parser_answer_to(&trace->parser, trace->head_request, false);
}

static inline void h1_trace_init(struct h1_trace *trace, enum h1_role role, size_t head_size_max)
{
    *trace = (struct h1_trace){.role = role, .limits = {head_size_max, 20}};
    arena_init(&trace->arena, 0);
    buf_init(&trace->text, 0);
    h1_parser_init(&trace->parser, role, &trace->limits);
    h1_trace_begin(trace);
}

static inline void h1_trace_deinit(struct h1_trace *trace)
{
    h1_parser_deinit(&trace->parser);
    buf_deinit(&trace->text);
    arena_deinit(&trace->arena);
}

static inline void h1_trace_headers(struct h1_trace *trace, const struct http_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++)
        (void)buf_printf(&trace->text, "%.*s=%.*s;", SLICE_ARG(headers->items[i].name),
                         SLICE_ARG(headers->items[i].value));
}

static inline void h1_trace_event(struct h1_trace *trace, const struct h1_event *event)
{
    struct http_head *head = &trace->head;

    switch (event->kind) {
    case H1_EVENT_HEAD:
        (void)buf_printf(&trace->text, "[%.*s %.*s://%.*s %.*s", SLICE_ARG(head->method),
                         SLICE_ARG(head->scheme), SLICE_ARG(head->authority),
                         SLICE_ARG(head->path));
        if (head->protocol.len)
            (void)buf_printf(&trace->text, " upgrade %.*s", SLICE_ARG(head->protocol));
        (void)buf_printf(&trace->text, " %u v%d %s%s cl%lld|", head->status, (int)head->version,
                         trace->parser.keep_alive ? "keep" : "close",
                         trace->parser.expect_continue ? " expect" : "",
                         (long long)head->content_length);
        h1_trace_headers(trace, &head->headers);
        (void)buf_append_str(&trace->text, "]");
        break;
    case H1_EVENT_DATA:
        (void)buf_append(&trace->text, event->data);
        break;
    case H1_EVENT_TRAILERS:
        (void)buf_append_str(&trace->text, "<");
        h1_trace_headers(trace, &trace->parser.trailers);
        (void)buf_append_str(&trace->text, ">");
        break;
    case H1_EVENT_NONE:
        break;
    }
    if (event->end) {
        (void)buf_append_str(&trace->text, "$");
        h1_trace_begin(trace);
    }
}

/* One more piece of input. */
static inline void h1_trace_feed(struct h1_trace *trace, struct slice piece)
{
    struct h1_event event;

    while (trace->rc == 0 && piece.len > 0) {
        trace->rc = h1_parser_next(&trace->parser, &piece, &event);
        if (trace->rc)
            (void)buf_printf(&trace->text, "!%s", h1_fault_text(trace->parser.fault));
        else
            h1_trace_event(trace, &event);
    }
}

static inline void h1_trace_eof(struct h1_trace *trace)
{
    struct h1_event event;

    if (trace->rc)
        return;
    trace->rc = h1_parser_eof(&trace->parser, &event);
    if (trace->rc == 0)
        h1_trace_event(trace, &event);
    else if (trace->rc != ERR_EOF)
        (void)buf_printf(&trace->text, "!%s", h1_fault_text(trace->parser.fault));
}

#endif
