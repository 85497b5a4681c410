/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 and 1.0 between bytes and messages: a strict parser and a serialiser, without I/O.
 *
 *   bytes --h1_parser_next--> HEAD (DATA* (END | TRAILERS))  ... h1_parser_begin: the next message
 *   head --h1_request_format / h1_response_format--> bytes
 *
 * Place   http/h1_conn; fuzz targets
 * Owns    a parser owns the bytes of a head that is not whole yet; a whole head lies in the arena
 *         given to h1_parser_begin, parsed in place there
 * Limits  struct h1_limits, for the head and again for the trailers; 4 KiB of chunk extensions a
 *         message; one empty line before a request
 * Spec    RFC 9112, RFC 9110. Stricter where laxness has let requests be smuggled: no bare CR or
 * LF, no folded lines, no Transfer-Encoding but exactly "chunked", no Content-Length beside it
 */
#ifndef WEFT_WIRE_H1_H
#define WEFT_WIRE_H1_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "wire/message.h"

/* What was wrong; X(name, status a server answers, text). The texts are stable: they are logged. */
#define H1_FAULT_MAP(X)                                                                            \
    X(NONE, 0, "no fault")                                                                         \
    X(BARE_LF, 400, "line feed without carriage return")                                           \
    X(BARE_CR, 400, "carriage return without line feed")                                           \
    X(CONTROL, 400, "control character in head")                                                   \
    X(START_LINE, 400, "malformed request or status line")                                         \
    X(VERSION, 505, "HTTP version not supported")                                                  \
    X(METHOD, 400, "method is not a token")                                                        \
    X(TARGET, 400, "malformed request target")                                                     \
    X(STATUS, 400, "malformed status code")                                                        \
    X(FIELD_NAME, 400, "malformed header name")                                                    \
    X(HOST, 400, "missing, repeated or malformed host")                                            \
    X(CONTENT_LENGTH, 400, "malformed or repeated content-length")                                 \
    X(TRANSFER_ENCODING, 501, "transfer-encoding other than chunked")                              \
    X(TRANSFER_ENCODING_REPEATED, 400, "repeated transfer-encoding")                               \
    X(LENGTH_AND_CHUNKED, 400, "content-length beside transfer-encoding")                          \
    X(CHUNKED_IN_1_0, 400, "transfer-encoding in HTTP/1.0")                                        \
    X(CONNECTION, 400, "connection names a header that must not be dropped")                       \
    X(CHUNK_SIZE, 400, "malformed chunk size")                                                     \
    X(CHUNK_EXTENSION, 400, "malformed or too long chunk extension")                               \
    X(CHUNK_END, 400, "chunk data without line end")                                               \
    X(HEAD_SIZE, 431, "head too large")                                                            \
    X(FIELD_COUNT, 431, "too many headers")                                                        \
    X(TRUNCATED, 400, "input ended within a message")

enum h1_fault {
#define H1_FAULT_ENUM(name, status, text) H1_FAULT_##name,
    H1_FAULT_MAP(H1_FAULT_ENUM)
#undef H1_FAULT_ENUM
};
const char *h1_fault_text(enum h1_fault fault);
/* The status with which a server refuses the request; 0 for NONE. */
unsigned h1_fault_status(enum h1_fault fault);

enum h1_role { H1_REQUEST, H1_RESPONSE };

struct h1_limits {
    size_t head_size_max;     /* bytes of a head, start line and final empty line included */
    unsigned field_count_max; /* headers of a head, before any are consumed */
};

/* How the body of a message ends. */
enum h1_body {
    H1_BODY_NONE,
    H1_BODY_LENGTH,
    H1_BODY_CHUNKED,
    H1_BODY_CLOSE, /* responses: with the connection */
    H1_BODY_RAW,   /* after h1_parser_tunnel: everything is data until the connection ends */
};

struct h1_parser {
    /* read-only, valid from HEAD to the next h1_parser_begin */
    enum h1_body body;
    bool keep_alive;      /* the sender lets the connection go on after this message */
    bool expect_continue; /* "expect: 100-continue" in an HTTP/1.1 request */
    bool started;         /* at least one byte of the message has come */
    enum h1_fault fault;  /* why h1_parser_next failed */
    struct http_headers trailers;
    /* private */
    enum h1_role role;
    unsigned char state;
    unsigned char chunk_digits; /* of the chunk size so far */
    unsigned char scan;         /* where the search for the head's end stands */
    bool head_request;          /* responses: it answers HEAD */
    bool connect_request;       /* responses: it answers CONNECT */
    bool chunked;               /* transfer-encoding: chunked was seen */
    bool host_seen;             /* requests */
    bool connection_seen;       /* headers named by connection are to be dropped */
    bool upgrade_named;         /* connection names upgrade */
    bool close_named;           /* connection names close */
    bool keep_alive_named;      /* connection names keep-alive */
    unsigned empty_lines;       /* skipped before the start line */
    unsigned extension_size;    /* bytes of chunk extensions so far */
    unsigned line_count;        /* line ends in the head so far */
    uint64_t left;              /* bytes left of the body or the chunk */
    const struct h1_limits *limits;
    struct arena *arena;
    struct http_head *head;
    struct buf partial; /* a head that is not whole yet */
};

enum h1_event_kind { H1_EVENT_NONE, H1_EVENT_HEAD, H1_EVENT_DATA, H1_EVENT_TRAILERS };

struct h1_event {
    enum h1_event_kind kind;
    struct slice data; /* of DATA, borrowed from the input; may be empty when end is set */
    bool end;          /* the message is over (always with TRAILERS) */
};

/* Caller's memory; `limits` is kept. h1_parser_begin must follow. */
void h1_parser_init(struct h1_parser *parser, enum h1_role role, const struct h1_limits *limits);
void h1_parser_deinit(struct h1_parser *parser);
/* Gets ready for a message whose head will be filled into `head` and whose text will lie in
 * `arena` (both kept until the message ended). */
void h1_parser_begin(struct h1_parser *parser, struct arena *arena, struct http_head *head);
/* Responses, after begin: what was asked decides whether a body follows. */
void h1_parser_answer_to(struct h1_parser *parser, bool head_request, bool connect_request);
/* Takes what it can from the front of *in (which shrinks) up to one event. NONE: it needs more,
 * and *in is empty, or the message is over. An interim (1xx) response head other than 101 comes as
 * HEAD with body NONE and end set: begin again. Any split of the input gives the same events, but
 * for where DATA is cut. ERR_PROTOCOL or ERR_LIMIT: see parser->fault; the connection is of no more
 * use. */
MUST_USE int h1_parser_next(struct h1_parser *parser, struct slice *in, struct h1_event *ret);
/* The input ended: 0 with DATA and end when that ends the body, ERR_EOF between messages,
 * ERR_PROTOCOL within one. */
MUST_USE int h1_parser_eof(struct h1_parser *parser, struct h1_event *ret);
/* From now on everything is DATA until the input ends (101, or 2xx to CONNECT). */
void h1_parser_tunnel(struct h1_parser *parser);
/* True when the message that was begun is over. */
bool h1_parser_is_done(const struct h1_parser *parser);

/* How to frame what is sent. */
struct h1_framing {
    enum h1_body body;
    uint64_t length;       /* with LENGTH */
    bool close;            /* writes connection: close */
    bool keep_alive;       /* writes connection: keep-alive (to HTTP/1.0 peers) */
    struct slice upgrade;  /* not empty: writes connection: upgrade and this token */
    bool length_forbidden; /* 1xx, 204: a content-length header is left out */
};

/* Append a head. Headers that the codec owns (connection, transfer-encoding ...) are left out;
 * content-length is written from framing->length with body LENGTH when headers lack it, and
 * left out with CHUNKED. ERR_INVALID: a name or value that must not be sent (nothing is appended).
 * ERR_LIMIT: past the buffer's maximum. */
MUST_USE int h1_request_format(struct buf *out, const struct http_head *head,
                               const struct h1_framing *framing);
MUST_USE int h1_response_format(struct buf *out, const struct http_head *head,
                                const struct h1_framing *framing);
/* The final "0" chunk with trailers (may be NULL or empty). */
MUST_USE int h1_trailers_format(struct buf *out, const struct http_headers *trailers);

enum { H1_CHUNK_HEAD_SIZE = 20 };
/* "1a2b\r\n" into out (H1_CHUNK_HEAD_SIZE bytes); returns its length. */
size_t h1_chunk_head_format(char *out, size_t size);
/* "OK" for 200, "" for unknown. */
const char *h1_status_text(unsigned status);

/* Host or :authority: registered name, IPv4 or bracketed IPv6, with an optional port; no user. */
bool h1_authority_is_valid(struct slice authority);
/* RFC 9110 token, not empty. */
bool h1_token_is_valid(struct slice token);
/* No control characters but tab. */
bool h1_value_is_valid(struct slice value);

#endif
