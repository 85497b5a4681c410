/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a server: does it answer a GET, take a connection, or call itself healthy by gRPC?
 *
 * Place   the sandbox's node agent: probes and lifecycle hooks of containers
 * Owns    its connection; frees itself after the answer or the cancellation
 * Limits  10 KiB of an answer's body; one connection, none kept
 * Threads the loop's
 * Spec    gRPC health checking protocol (grpc.health.v1)
 */
#ifndef WEFT_HTTP_CHECK_H
#define WEFT_HTTP_CHECK_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/client.h"

enum http_check_kind { HTTP_CHECK_GET, HTTP_CHECK_CONNECT, HTTP_CHECK_GRPC };

/* Borrowed until http_check_start returns. */
struct http_check_spec {
    enum http_check_kind kind;
    struct addr addr;
    uint64_t timeout_ms; /* of the whole */
    /* HTTP_CHECK_GET */
    const char *path;
    const char *authority; /* NULL: the address */
    const struct http_header *headers;
    size_t header_count;
    bool tls;        /* whoever the server is */
    bool any_status; /* else 200 to 399 is fine */
    /* HTTP_CHECK_GRPC */
    const char *service; /* "": the server as a whole */
};

struct http_check;

/* `on_done` runs once, never within this call; `text` says why not, borrowed. */
MUST_USE int http_check_start(struct loop *loop, const struct http_check_spec *spec,
                              void (*on_done)(bool fine, const char *text, void *ctx), void *ctx,
                              struct http_check **ret);
/* on_done does not run any more. NULL is fine; not after on_done ran. */
void http_check_cancel(struct http_check *check);

#endif
