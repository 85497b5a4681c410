/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC over http streams: five-byte message frames, status in trailers. Client and server calls
 * look the same.
 *
 * Place   xds (ADS both ends), control (CA service), proxy (later: ext_authz, OTLP)
 * Owns    the reassembly buffer of a call
 * Limits  message_size_max per call (default 32 MiB; beyond: status RESOURCE_EXHAUSTED); compressed
 * messages are refused (UNIMPLEMENTED), as none is announced in grpc-accept-encoding Spec    gRPC
 * over HTTP/2 (grpc.io, PROTOCOL-HTTP2)
 */
#ifndef WEFT_HTTP_GRPC_H
#define WEFT_HTTP_GRPC_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/client.h"
#include "http/stream.h"

enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

struct grpc_call;

struct grpc_events {
    /* One whole message, borrowed until return. */
    void (*on_message)(struct grpc_call *call, struct slice message, void *ctx);
    /* The peer will send no more messages (servers; clients hear on_finish). */
    void (*on_half_close)(struct grpc_call *call, void *ctx);
    /* After grpc_call_send returned ERR_AGAIN. */
    void (*on_writable)(struct grpc_call *call, void *ctx);
    /* Last; `message` borrowed. Clients: the server's status or what stands for a broken stream
     * (UNAVAILABLE). Servers: CANCELLED when the client went away, OK after grpc_call_finish was
     * carried out. */
    void (*on_finish)(struct grpc_call *call, enum grpc_status status, const char *message,
                      void *ctx);
};

/* What is called. Borrowed until grpc_call_start returns. */
struct grpc_method {
    const char *authority;
    const char *path;                   /* "/package.Service/Method" */
    const struct http_header *metadata; /* extra headers (e.g. authorization); may be NULL */
    size_t metadata_count;
};

MUST_USE int grpc_call_start(struct http_pool *pool, const struct grpc_method *method,
                             const struct grpc_events *events, void *ctx, struct grpc_call **ret);
/* Servers: makes a call of a stream whose on_head just ran and whose content-type is
 * application/grpc (else answers 415 and returns ERR_INVALID). The first message may come within
 * later callbacks only. */
MUST_USE int grpc_call_accept(struct http_stream *stream, const struct grpc_events *events,
                              void *ctx, struct grpc_call **ret);
/* 0, ERR_AGAIN (taken; wait for on_writable before more) or ERR_CLOSED. Copies what it cannot
 * write. */
MUST_USE int grpc_call_send(struct grpc_call *call, struct slice message);
/* Clients: no more messages from us. */
void grpc_call_half_close(struct grpc_call *call);
/* Servers: ends with a status (message may be NULL; percent-encoded on the wire). */
void grpc_call_finish(struct grpc_call *call, enum grpc_status status, const char *message);
/* Ends at once; on_finish does not run. NULL is fine. */
void grpc_call_cancel(struct grpc_call *call);
/* Clients, within on_finish: nothing of HTTP/2 came from the other end, so that the status is not a
 * server's own. */
bool grpc_call_unreached(const struct grpc_call *call);
/* The status as gRPC's libraries print it: "Unavailable". */
const char *grpc_status_name(enum grpc_status status);
/* A status message as grpc-message carries it: printable ASCII, the rest percent-encoded. */
struct slice grpc_message_encode(struct arena *arena, struct slice text);
struct http_stream *grpc_call_stream(struct grpc_call *call);
/* The request's head (servers). */
const struct http_head *grpc_call_head(struct grpc_call *call);

#endif
