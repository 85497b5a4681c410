/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the API server share: the server, and one call on its way through it.
 *
 *   apiserver_http.c   path, user, body --> struct apiserver_call --> answer in JSON, YAML, Table
 *   apiserver_read.c   get, list            apiserver_watch.c    watch
 *   apiserver_write.c  create, update, patch:  prepare -> mutate -> check -> validate -> commit
 *                      apiserver_managed.c: server-side apply, and who owns which field
 *   apiserver_delete.c delete, deletecollection
 *
 * Place   apiserver*.c
 * Owns    see each struct
 */
#ifndef WEFT_SANDBOX_APISERVER_INT_H
#define WEFT_SANDBOX_APISERVER_INT_H

#include "api/check.h"
#include "base/arena.h"
#include "base/list.h"
#include "http/client.h"
#include "http/server.h"
#include "kube/objects/kinds.h"
#include "kube/objects/media.h"
#include "kube/objects/path.h"
#include "kube/objects/selector.h"
#include "sandbox/apiserver.h"
#include "store/store.h"
#include "wire/url.h"
#include "wire/json.h"

enum {
    APISERVER_BODY_MAX = 3 * 1024 * 1024,
    APISERVER_HEAD_MAX = 1024 * 1024, /* as Go's: commands of exec are in the URL */
    APISERVER_ATTEMPTS_MAX = 5,       /* of a patch that met another writer */
    APISERVER_GROUPS_MAX = 16,
};

struct apiserver_auth;
struct apiserver_admission;
struct kube_webhooks;

struct sandbox_apiserver {
    struct loop *loop;
    struct store *store;
    struct kinds kinds;
    struct http_server *http;
    struct apiserver_auth *auth;
    struct http_pool *node_pool;    /* to the node agent, made with the first use */
    struct kube_webhooks *webhooks; /* calls of apiserver_admission.c */
    struct list calls;              /* unfinished, for the end */
    struct store_watch crd_watch;
    json_t *groups;      /* of apiserver_discovery.c; NULL until it is asked for */
    json_t *field_sets;  /* pool of kube_managed_share */
    struct arena memory; /* copies of options */
    struct sandbox_apiserver_options options;
    uint32_t service_base, service_count; /* ClusterIPs, host order; count of addresses */
    unsigned port;                        /* of the last listen address */
};

/* Who calls. Borrows. */
struct apiserver_user {
    const char *name;
    const char *uid;                          /* "" unknown */
    const char *groups[APISERVER_GROUPS_MAX]; /* NULL at the end */
    json_t *extra;                            /* may be NULL; borrowed */
};

struct apiserver_call {
    struct sandbox_apiserver *server;
    struct arena arena; /* lives as long as the call */
    struct list node;   /* in server->calls */
    /* request */
    enum kube_path_verb verb;
    const struct kind *kind;
    const char *ns;          /* "" for cluster-scoped or all */
    const char *name;        /* "" for collections */
    const char *subresource; /* "" for none */
    struct slice query;      /* not decoded */
    struct slice content_type;
    struct slice user_agent; /* empty: a call of the server's own */
    enum kube_accept accept;
    struct apiserver_user user;
    json_t *body;    /* decoded; owned */
    json_t *unknown; /* texts of unknown and repeated fields, or NULL; owned */
    /* answer */
    unsigned status;             /* HTTP status; 0 while it runs */
    json_t *result;              /* owned; or NULL when `answer` or `text` is set */
    struct store_object *answer; /* reference */
    struct buf text;             /* a finished JSON body (lists) */
    json_t *warnings;            /* array of texts, or NULL; owned */
    void (*on_done)(struct apiserver_call *call, void *ctx); /* may free the call */
    void *ctx;
    /* writing */
    struct store_object *old; /* reference; NULL for a create */
    json_t *object;           /* the new state; owned */
    unsigned attempt;
    bool revision_given; /* the client named the state that it changes */
    json_t *causes;      /* of a 422; owned */
    struct apiserver_admission *admission;
    void (*next)(struct apiserver_call *call); /* after admission */
};

/* --- apiserver_call.c --- */

/* The caller fills it, sets on_done, and calls apiserver_call_run. */
struct apiserver_call *apiserver_call_new(struct sandbox_apiserver *server);
void apiserver_call_free(struct apiserver_call *call);
/* Dispatches by verb and subresource. on_done runs once, within this call or later. */
void apiserver_call_run(struct apiserver_call *call);
/* The answer is set: tells on_done. The call may be gone afterwards. */
void apiserver_call_finish(struct apiserver_call *call);
/* A query parameter, decoded in the call's arena; data NULL when absent. */
struct slice apiserver_call_query(struct apiserver_call *call, const char *name);
bool apiserver_call_query_bool(struct apiserver_call *call, const char *name);
bool apiserver_call_is_dry_run(struct apiserver_call *call);
void apiserver_call_warn(struct apiserver_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* --- apiserver_status.c: each sets the answer to a Status and returns ERR_INVALID --- */

int apiserver_fail(struct apiserver_call *call, unsigned status, const char *reason,
                   const char *fmt, ...) PRINTF_LIKE(4, 5);
/* A request that cannot be carried out, without a word why: details are {}. */
int apiserver_fail_plain(struct apiserver_call *call, unsigned status, const char *reason,
                         const char *message);
int apiserver_fail_not_found(struct apiserver_call *call, const struct kind *kind,
                             const char *name);
/* The store refused with ERR_IO. */
int apiserver_fail_store(struct apiserver_call *call);
int apiserver_fail_exists(struct apiserver_call *call, const char *name);
int apiserver_fail_conflict(struct apiserver_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Collects causes of a 422: reason is "FieldValueInvalid", "FieldValueRequired"... */
void apiserver_invalid_add(struct apiserver_call *call, const char *reason, const char *field,
                           const char *fmt, ...) PRINTF_LIKE(4, 5);
/* 0 when no cause was collected, else the 422. */
int apiserver_invalid_finish(struct apiserver_call *call);
/* The same about another object than the call's: "Scale.autoscaling" and its name. */
int apiserver_invalid_finish_as(struct apiserver_call *call, const char *what, const char *name);

/* --- apiserver_body.c --- */

/* Decodes JSON, YAML or protobuf into call->body. An empty body leaves NULL. Sets a failure. */
MUST_USE int apiserver_body_decode(struct apiserver_call *call, struct slice content_type,
                                   struct slice body);

/* --- apiserver_read.c --- */

void apiserver_read_get(struct apiserver_call *call);
void apiserver_read_list(struct apiserver_call *call);
/* labelSelector and fieldSelector of the query, with the name of the path. Sets a failure. */
MUST_USE int apiserver_read_filter(struct apiserver_call *call, struct kube_filter *ret);
/* The object as this kind's version: fresh reference. */
json_t *apiserver_read_present(const struct kind *kind, const struct store_object *object);
/* The same as an item of a list, which lacks kind and apiVersion in lists of built-in kinds. */
json_t *apiserver_read_item(const struct kind *kind, const struct store_object *object);
/* A Table of the given rows' objects; header: with columnDefinitions. */
json_t *apiserver_read_table_new(const struct kind *kind, bool header);
void apiserver_read_table_add(struct apiserver_call *call, json_t *table, const json_t *object);
/* The object as call->accept asks, where that is no whole object: a Table of its row or a
 * PartialObjectMetadata (fresh reference), else NULL. */
json_t *apiserver_read_shown(struct apiserver_call *call, const json_t *object, bool header);

/* --- apiserver_watch.c --- */

/* Answers the stream itself and keeps it until it ends. Takes the call. */
void apiserver_watch_start(struct apiserver_call *call, struct http_stream *stream);

/* --- apiserver_write.c, apiserver_delete.c --- */

void apiserver_write_start(struct apiserver_call *call);
void apiserver_delete_start(struct apiserver_call *call);
void apiserver_delete_collection(struct apiserver_call *call);

/* --- apiserver_options.c --- */

/* The parameters of a write or a delete. Sets a failure. */
MUST_USE int apiserver_options_check(struct apiserver_call *call);
/* A 422 about a parameter; the reason is "FieldValueForbidden"... */
int apiserver_options_fail(struct apiserver_call *call, const char *reason, const char *field,
                           const char *message);

/* --- apiserver_managed.c: who owns which field --- */

bool apiserver_managed_is_apply(const struct apiserver_call *call);
/* call->body applied to call->old (NULL: it is new): a fresh object. Sets a failure. */
MUST_USE int apiserver_managed_apply(struct apiserver_call *call, json_t **ret);
/* Sets managedFields of call->object after any other write. */
void apiserver_managed_update(struct apiserver_call *call);

/* --- apiserver_schema.c: types, unknown fields, defaults, values --- */

/* Tells of the keys that a JSON body repeats; before apiserver_schema_decode. */
void apiserver_schema_duplicates(struct apiserver_call *call, struct slice text);
/* Makes `object` one of the call's kind: takes out what is unknown, by fieldValidation. Sets a
 * failure. */
MUST_USE int apiserver_schema_decode(struct apiserver_call *call, json_t *object);
void apiserver_schema_default(struct apiserver_call *call);
/* Adds the causes that call->object gives. */
void apiserver_schema_check(struct apiserver_call *call);
/* An api_on_cause that adds it; its ctx is the call. */
void apiserver_schema_on_cause(const struct api_cause *cause, void *ctx);

/* --- apiserver_hooks.c: rules of single kinds --- */

/* After schema defaults, before admission: defaults that depend on other fields, which the writer
 * owns; `old` is NULL for a create. Sets a failure. */
MUST_USE int apiserver_hooks_prepare(struct apiserver_call *call);
/* The built-in admission, whose fields nobody owns. Sets a failure. */
MUST_USE int apiserver_hooks_admit(struct apiserver_call *call);
/* After admission, before the commit: allocations and validation; adds causes. */
void apiserver_hooks_check(struct apiserver_call *call);

/* --- apiserver_sub.c: subresources that are calls --- */

/* A Scale object of what has that subresource: fresh reference. */
json_t *apiserver_sub_scale(const struct kind *kind, const json_t *object);
/* binding, eviction, token, and virtual kinds (reviews). True when it took the call. */
bool apiserver_sub_run(struct apiserver_call *call);

/* --- apiserver_metrics.c: get, list of metrics.k8s.io --- */

void apiserver_metrics_run(struct apiserver_call *call);

/* --- apiserver_admission.c --- */

/* What calls webhooks, until kube_webhooks_free. */
struct kube_webhooks *apiserver_admission_webhooks(struct sandbox_apiserver *server);
/* Runs the mutating (or validating) webhooks on call->object, then call->next, with call->status
 * set when the request was refused. `next` may run within. */
void apiserver_admission_run(struct apiserver_call *call, bool mutating,
                             void (*next)(struct apiserver_call *call));
/* Stops what is on its way (the call is freed). */
void apiserver_admission_cancel(struct apiserver_call *call);

/* --- apiserver_auth.c, apiserver_pki.c --- */

struct tls_config;
/* Writes the administrator's kubeconfig, with the server at `addr`. */
MUST_USE int apiserver_auth_kubeconfig(struct sandbox_apiserver *server, const struct addr *addr,
                                       struct error *err);
/* Loads or makes the CA, server certificate, token key. */
MUST_USE int apiserver_auth_open(struct sandbox_apiserver *server, struct tls_config **ret_tls,
                                 struct error *err);
void apiserver_auth_free(struct apiserver_auth *auth);
/* PEM of the cluster's CA. */
const char *apiserver_auth_ca(const struct apiserver_auth *auth);
/* Fills *ret from the connection's certificate or the bearer token (empty: none). ERR_DENIED: a bad
 * token. Nobody known: system:anonymous. */
MUST_USE int apiserver_auth_user(struct sandbox_apiserver *server, struct arena *arena,
                                 struct slice peer_cert_der, struct slice token,
                                 struct apiserver_user *ret, struct error *err);
/* The names of the user's groups: a fresh array. */
json_t *apiserver_auth_groups(const struct apiserver_user *user);
/* TokenRequest, TokenReview. */
void apiserver_auth_token_request(struct apiserver_call *call);
void apiserver_auth_token_review(struct apiserver_call *call);
/* /openid/v1/jwks: fresh reference. */
json_t *apiserver_auth_jwks(const struct apiserver_auth *auth);

/* --- apiserver_discovery.c --- */

/* What is served, for kube/objects/discovery.h; borrowed until a definition changes. */
const json_t *apiserver_discovery_groups(struct sandbox_apiserver *server);
/* Answers /api, /apis (`path`; else NULL), /version, /openapi...: true when there is such a
 * document. The result is set. */
bool apiserver_discovery_run(struct apiserver_call *call, struct slice target,
                             const struct kube_path *path, bool is_aggregated);

/* --- apiserver_crd.c --- */

/* Serves the definitions that are stored, and follows their changes. */
MUST_USE int apiserver_crd_start(struct sandbox_apiserver *server);

/* --- apiserver_stream.c --- */

/* logs, exec, attach: relays to the node agent. Takes the call; answers the stream itself. */
void apiserver_stream_start(struct apiserver_call *call, struct http_stream *stream);
/* Connections to the node agent; NULL when its socket cannot be named. */
struct http_pool *apiserver_node_pool(struct sandbox_apiserver *server);

/* --- apiserver_proxy.c --- */

/* Passes the request on to the pod's port, and takes the call; or sets a failure. */
MUST_USE int apiserver_proxy_start(struct apiserver_call *call, struct http_stream *client);

/* --- apiserver_http.c --- */

void apiserver_http_on_stream(struct http_stream *stream, void *ctx);
/* Sends the call's answer. */
void apiserver_http_respond(struct apiserver_call *call, struct http_stream *stream);

#endif
