/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the Kubernetes API: one call at a time on the loop, or blocking for commands.
 *
 * Place   weftd, node agent, controllers, webhooks' set-up, CLI; kube/cache.h watches on top of it
 * Owns    one connection pool to the server (HTTP/2 over TLS by ALPN, HTTP/1.1 otherwise)
 * Limits  an answer of 64 MiB; 30 s a call; 1,024 calls at once
 * Spec    Kubernetes API conventions; answers that are a Status become an error with its message
 */
#ifndef WEFT_KUBE_CLIENT_H
#define WEFT_KUBE_CLIENT_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/client.h"
#include "io/loop.h"
#include "kube/config.h"
#include "kube/objects/object.h"
#include "kube/resource.h"

#include <jansson.h>

struct kube_client;
struct kube_call;

/* Copies what it needs of `config`. Looks a host name up, blocking, once; connects with the first
 * call. `user_agent` (copied) names the program: it is the field manager too. */
MUST_USE int kube_client_new(struct loop *loop, const struct kube_config *config,
                             const char *user_agent, struct kube_client **ret, struct error *err);
/* Calls that run are cancelled without their callbacks; caches must be gone. NULL is fine. */
void kube_client_free(struct kube_client *client);
struct loop *kube_client_loop(const struct kube_client *client);

enum kube_verb {
    KUBE_GET,    /* an object, or a list when name is NULL */
    KUBE_CREATE, /* POST to the collection, or to the subresource of `name` */
    KUBE_UPDATE, /* PUT */
    KUBE_PATCH_MERGE,
    KUBE_PATCH_STRATEGIC,
    KUBE_PATCH_JSON,
    KUBE_PATCH_APPLY, /* server-side apply; put fieldManager and force into `query` */
    KUBE_DELETE,
};

/* Borrowed until kube_call_start returns. Zero-initialise. */
struct kube_request {
    enum kube_verb verb;
    const struct kube_resource *resource;
    const char *ns;          /* NULL: cluster-scoped, or all namespaces */
    const char *name;        /* NULL: the collection */
    const char *subresource; /* "status", "scale", "binding", "token"...; NULL: none */
    const char *query;       /* without '?', already encoded; NULL: none */
    const char *raw_path;    /* instead of resource, ns, name, subresource: "/version" */
    const json_t *body;      /* NULL: none */
    uint64_t timeout_ms;     /* 0: 30,000 */
};

struct kube_result {
    int code;           /* 0; ERR_NOT_FOUND 404, ERR_CONFLICT 409 (Conflict), ERR_EXISTS 409
                           (AlreadyExists), ERR_EXPIRED 410, ERR_INVALID 400 and 422, ERR_DENIED 401
                           and 403, ERR_AGAIN 429 and 503, ERR_INTERNAL other answers, or the
                           transport's */
    unsigned status;    /* HTTP status; 0 when there was no answer */
    const char *reason; /* the Status' message or the transport's text; "" on success */
    json_t *object; /* the answer (on failure a Status); NULL when none. Borrowed: json_incref to
                       keep */
};

/* `on_done` runs once, never within this call. */
MUST_USE int kube_call_start(struct kube_client *client, const struct kube_request *request,
                             void (*on_done)(const struct kube_result *result, void *ctx),
                             void *ctx, struct kube_call **ret);
/* After this on_done never runs. NULL is fine; not after on_done ran. */
void kube_call_cancel(struct kube_call *call);

/* Runs the client's loop until the answer is there: for commands and tests, never within a
 * callback. *ret (may be NULL) gets the object, the caller's to json_decref. The error names the
 * object's path and the server's message. */
MUST_USE int kube_call_wait(struct kube_client *client, const struct kube_request *request,
                            json_t **ret, struct error *err);

/* For kube/cache.c and streams of logs: a raw stream with authorization and accept set. `path` with
 * query. */
MUST_USE int kube_stream_start(struct kube_client *client, const char *path,
                               const struct http_stream_events *events, void *ctx,
                               struct http_stream **ret);

#endif
