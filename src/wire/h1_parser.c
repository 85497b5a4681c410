/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP/1 parser: where heads end, and bodies.
 *
 *   HEAD --whole--> h1_head_parse --> LENGTH | CLOSE | RAW | DONE
 *                                     CHUNK_SIZE -> CHUNK_EXTENSION -> CHUNK_SIZE_LF -> CHUNK_DATA
 *                                         ^--- CHUNK_DATA_LF <- CHUNK_DATA_CR <-'  '-> TRAILERS ->
 * DONE
 *
 * A head is first searched for its end, byte by byte in meaning and 16 or more at a time in fact; a
 * whole one is copied once, into the arena, and parsed there. So the fault found does not depend on
 * how the input was cut.
 *
 * Place   http/h1_conn
 * Owns    `partial`: the bytes of a head that is not whole
 * Limits  see h1.h
 * Spec    RFC 9112 sections 2.2, 6, 7
 */
#include "wire/h1.h"

#include "wire/h1_int.h"
#include "wire/h1_scan.h"

enum {
    STATE_HEAD,
    STATE_LENGTH,
    STATE_CLOSE,
    STATE_RAW,
    STATE_CHUNK_SIZE_FIRST, /* at least one digit must come */
    STATE_CHUNK_SIZE,
    STATE_CHUNK_EXTENSION,
    STATE_CHUNK_SIZE_LF,
    STATE_CHUNK_DATA,
    STATE_CHUNK_DATA_CR,
    STATE_CHUNK_DATA_LF,
    STATE_TRAILERS,
    STATE_DONE,
    STATE_FAILED,
};

enum {
    SCAN_EMPTY,    /* nothing yet: an empty line may precede a request */
    SCAN_EMPTY_LF, /* its LF must come */
    SCAN_LINE,     /* within a line */
    SCAN_LF,       /* after its CR */
    SCAN_START,    /* at the start of a line */
    SCAN_END_LF,   /* after the CR of the empty line at the end */
    SCAN_WHOLE,
};

enum { EMPTY_LINES_MAX = 1, EXTENSION_SIZE_MAX = 4096, CHUNK_DIGITS_MAX = 15 };

void h1_parser_init(struct h1_parser *parser, enum h1_role role, const struct h1_limits *limits)
{
    *parser = (struct h1_parser){.role = role, .limits = limits, .state = STATE_DONE};
    buf_init(&parser->partial, limits->head_size_max + 1);
}

void h1_parser_deinit(struct h1_parser *parser)
{
    buf_deinit(&parser->partial);
}

void h1_parser_begin(struct h1_parser *parser, struct arena *arena, struct http_head *head)
{
    struct buf partial = parser->partial;

    *parser = (struct h1_parser){
        .role = parser->role, .limits = parser->limits, .arena = arena, .head = head};
    parser->partial = partial;
    parser->scan = parser->role == H1_REQUEST ? SCAN_EMPTY : SCAN_LINE;
    *head = (struct http_head){.content_length = -1};
}

void h1_parser_answer_to(struct h1_parser *parser, bool head_request, bool connect_request)
{
    parser->head_request = head_request;
    parser->connect_request = connect_request;
}

void h1_parser_tunnel(struct h1_parser *parser)
{
    parser->state = STATE_RAW;
    parser->body = H1_BODY_RAW;
}

bool h1_parser_is_done(const struct h1_parser *parser)
{
    return parser->state == STATE_DONE;
}

int h1_fail(struct h1_parser *parser, enum h1_fault fault)
{
    parser->fault = fault;
    parser->state = STATE_FAILED;
    return fault == H1_FAULT_HEAD_SIZE || fault == H1_FAULT_FIELD_COUNT ? ERR_LIMIT : ERR_PROTOCOL;
}

/* --- the end of a head --- */

/* One byte of structure: CR, LF, another control character, or the byte after one of those. */
static int scan_step(struct h1_parser *parser, char c)
{
    switch (parser->scan) {
    case SCAN_EMPTY:
        if (c == '\r' && parser->empty_lines < EMPTY_LINES_MAX) {
            parser->scan = SCAN_EMPTY_LF;
            return 0;
        }
        break;
    case SCAN_START:
        if (c == '\r') {
            parser->scan = SCAN_END_LF;
            return 0;
        }
        break;
    case SCAN_EMPTY_LF:
    case SCAN_LF:
    case SCAN_END_LF:
        if (c != '\n')
            return h1_fail(parser, H1_FAULT_BARE_CR);
        if (parser->scan == SCAN_EMPTY_LF)
            parser->empty_lines++;
        else
            parser->line_count++;
        parser->scan = parser->scan == SCAN_EMPTY_LF ? SCAN_EMPTY
                       : parser->scan == SCAN_LF     ? SCAN_START
                                                     : SCAN_WHOLE;
        return 0;
    default:
        break;
    }
    if (c == '\n')
        return h1_fail(parser, H1_FAULT_BARE_LF);
    parser->scan = c == '\r' ? SCAN_LF : SCAN_LINE;
    if (c != '\r' && h1_byte_is_control((unsigned char)c))
        return h1_fail(parser, H1_FAULT_CONTROL);
    return 0;
}

/* Looks at `in`; *ret_len is how many bytes belong to the head (all, when it is not whole). */
static int scan_run(struct h1_parser *parser, struct slice in, size_t *ret_len)
{
    const char *at = in.data;
    const char *end = in.data + in.len;
    int rc = 0;

    while (rc == 0 && at < end && parser->scan != SCAN_WHOLE) {
        if (parser->scan == SCAN_LINE)
            at = h1_scan_control(at, end);
        if (at < end)
            rc = scan_step(parser, *at++);
    }
    *ret_len = (size_t)(at - in.data);
    return rc;
}

/* Takes a head's bytes off *in. 1: *ret_text holds the whole head in the arena; 0: more is needed.
 */
static int head_take(struct h1_parser *parser, struct slice *in, char **ret_text, size_t *ret_len)
{
    size_t room = parser->limits->head_size_max - parser->partial.len;
    struct slice piece = slice_head(*in, room);
    size_t len;
    int rc = scan_run(parser, piece, &len);

    if (rc)
        return rc;
    if (parser->scan != SCAN_WHOLE && in->len > room)
        return h1_fail(parser, H1_FAULT_HEAD_SIZE);
    piece = slice_head(piece, len);
    *in = slice_from(*in, len);
    if (parser->scan != SCAN_WHOLE)
        return buf_append(&parser->partial, piece);
    *ret_len = parser->partial.len + len;
    *ret_text = arena_bytes(parser->arena, *ret_len);
    if (parser->partial.len)
        memcpy(*ret_text, parser->partial.data, parser->partial.len);
    memcpy(*ret_text + parser->partial.len, piece.data, len);
    if (parser->partial.data) {
        size_t size_max = parser->partial.size_max;

        buf_deinit(&parser->partial);
        buf_init(&parser->partial, size_max);
    }
    return 1;
}

static void body_start(struct h1_parser *parser)
{
    static const unsigned char states[] = {
        [H1_BODY_NONE] = STATE_DONE,   [H1_BODY_LENGTH] = STATE_LENGTH,
        [H1_BODY_CLOSE] = STATE_CLOSE, [H1_BODY_CHUNKED] = STATE_CHUNK_SIZE_FIRST,
        [H1_BODY_RAW] = STATE_RAW,
    };

    parser->state = states[parser->body];
    parser->left = parser->body == H1_BODY_LENGTH ? (uint64_t)parser->head->content_length : 0;
}

static int step_head(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    size_t skipped = parser->empty_lines * 2;
    char *text;
    size_t len;
    int rc;

    parser->started = true;
    rc = head_take(parser, in, &text, &len);
    if (rc <= 0)
        return rc;
    skipped = parser->empty_lines * 2;
    rc = h1_head_parse(parser, text + skipped, len - skipped);
    if (rc)
        return rc;
    body_start(parser);
    *ret = (struct h1_event){.kind = H1_EVENT_HEAD, .end = parser->state == STATE_DONE};
    return 0;
}

/* --- bodies --- */

static int step_length(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    struct slice data = slice_head(*in, parser->left);

    *in = slice_from(*in, data.len);
    parser->left -= data.len;
    if (parser->left == 0)
        parser->state = STATE_DONE;
    *ret = (struct h1_event){H1_EVENT_DATA, data, parser->left == 0};
    return 0;
}

static int step_all(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    (void)parser;
    *ret = (struct h1_event){H1_EVENT_DATA, *in, false};
    *in = slice_from(*in, in->len);
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int step_chunk_size(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    char c = in->data[0];
    int digit = hex_value(c);

    (void)ret;
    if (digit >= 0) {
        if (parser->state == STATE_CHUNK_SIZE_FIRST)
            parser->chunk_digits = 0;
        if (++parser->chunk_digits > CHUNK_DIGITS_MAX) /* also of leading zeros */
            return h1_fail(parser, H1_FAULT_CHUNK_SIZE);
        parser->left = parser->left << 4 | (unsigned)digit;
        parser->state = STATE_CHUNK_SIZE;
    } else if (parser->state == STATE_CHUNK_SIZE_FIRST) {
        return h1_fail(parser, H1_FAULT_CHUNK_SIZE);
    } else if (c == '\r') {
        parser->state = STATE_CHUNK_SIZE_LF;
    } else if (c == ';') {
        parser->state = STATE_CHUNK_EXTENSION;
    } else {
        return h1_fail(parser, H1_FAULT_CHUNK_SIZE);
    }
    *in = slice_from(*in, 1);
    return 0;
}

static int step_chunk_extension(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    const char *stop = h1_scan_control(in->data, in->data + in->len);
    size_t len = (size_t)(stop - in->data);

    (void)ret;
    if (len > EXTENSION_SIZE_MAX - parser->extension_size)
        return h1_fail(parser, H1_FAULT_CHUNK_EXTENSION);
    parser->extension_size += (unsigned)len;
    if (len < in->len) {
        if (*stop != '\r')
            return h1_fail(parser, H1_FAULT_CHUNK_EXTENSION);
        parser->state = STATE_CHUNK_SIZE_LF;
        len++;
    }
    *in = slice_from(*in, len);
    return 0;
}

static int step_chunk_size_lf(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    (void)ret;
    if (in->data[0] != '\n')
        return h1_fail(parser, H1_FAULT_CHUNK_SIZE);
    *in = slice_from(*in, 1);
    if (parser->left > 0) {
        parser->state = STATE_CHUNK_DATA;
    } else {
        parser->state = STATE_TRAILERS;
        parser->scan = SCAN_START;
        parser->line_count = 0;
    }
    return 0;
}

/* The usual end, when it is all there, goes with the last data: one event, one write. */
static int step_chunk_data(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    static const struct slice last = SLICE("\r\n0\r\n\r\n");
    struct slice data = slice_head(*in, parser->left);

    *in = slice_from(*in, data.len);
    parser->left -= data.len;
    *ret = (struct h1_event){H1_EVENT_DATA, data, false};
    if (parser->left > 0)
        return 0;
    parser->state = STATE_CHUNK_DATA_CR;
    if (slice_starts_with(*in, last)) {
        *in = slice_from(*in, last.len);
        parser->state = STATE_DONE;
        ret->end = true;
    }
    return 0;
}

static int step_chunk_data_end(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    bool cr = parser->state == STATE_CHUNK_DATA_CR;

    (void)ret;
    if (in->data[0] != (cr ? '\r' : '\n'))
        return h1_fail(parser, H1_FAULT_CHUNK_END);
    parser->state = cr ? STATE_CHUNK_DATA_LF : STATE_CHUNK_SIZE_FIRST;
    *in = slice_from(*in, 1);
    return 0;
}

static int step_trailers(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    char *text;
    size_t len;
    int rc = head_take(parser, in, &text, &len);

    if (rc <= 0)
        return rc;
    rc = h1_trailers_parse(parser, text, len);
    if (rc)
        return rc;
    parser->state = STATE_DONE;
    *ret = (struct h1_event){.kind = parser->trailers.count ? H1_EVENT_TRAILERS : H1_EVENT_DATA,
                             .end = true};
    return 0;
}

int h1_parser_next(struct h1_parser *parser, struct slice *in, struct h1_event *ret)
{
    static int (*const steps[])(struct h1_parser *, struct slice *, struct h1_event *) = {
        [STATE_HEAD] = step_head,
        [STATE_LENGTH] = step_length,
        [STATE_CLOSE] = step_all,
        [STATE_RAW] = step_all,
        [STATE_CHUNK_SIZE_FIRST] = step_chunk_size,
        [STATE_CHUNK_SIZE] = step_chunk_size,
        [STATE_CHUNK_EXTENSION] = step_chunk_extension,
        [STATE_CHUNK_SIZE_LF] = step_chunk_size_lf,
        [STATE_CHUNK_DATA] = step_chunk_data,
        [STATE_CHUNK_DATA_CR] = step_chunk_data_end,
        [STATE_CHUNK_DATA_LF] = step_chunk_data_end,
        [STATE_TRAILERS] = step_trailers,
    };

    *ret = (struct h1_event){.kind = H1_EVENT_NONE};
    while (in->len > 0 && ret->kind == H1_EVENT_NONE && parser->state != STATE_DONE) {
        int rc;

        if (parser->state == STATE_FAILED)
            return ERR_PROTOCOL;
        rc = steps[parser->state](parser, in, ret);
        if (rc)
            return rc;
    }
    return 0;
}

int h1_parser_eof(struct h1_parser *parser, struct h1_event *ret)
{
    *ret = (struct h1_event){.kind = H1_EVENT_NONE};
    if (parser->state == STATE_CLOSE || parser->state == STATE_RAW) {
        parser->state = STATE_DONE;
        *ret = (struct h1_event){.kind = H1_EVENT_DATA, .end = true};
        return 0;
    }
    if (parser->state == STATE_DONE || (parser->state == STATE_HEAD && !parser->started))
        return ERR_EOF;
    return h1_fail(parser, H1_FAULT_TRUNCATED);
}
