/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP connection manager on one worker: serves the connections of one filter chain and turns
 * each request into a struct request.
 *
 *   http/server --on_stream--> request: head fixed up -> route -> router (router.c) or local reply
 *
 * Place   inbound.c gives it connections; http/ gives it streams
 * Owns    one HTTP server; requests live in their stream's arena
 * Limits  those of its configuration (sizes, counts, time-outs)
 * Threads the worker's
 */
#ifndef WEFT_PROXY_HCM_H
#define WEFT_PROXY_HCM_H

#include "base/list.h"
#include "base/prelude.h"
#include "http/server.h"
#include "proxy/listener_conf.h"
#include "proxy/worker.h"

struct hcm {
    struct list node; /* in worker->hcms */
    struct worker *worker;
    struct hcm_conf *conf; /* one reference */
    struct http_server *server;
    size_t requests;      /* alive */
    bool retired;         /* no listener of the configuration uses it any more */
    uint64_t drain_at_ms; /* retired: when idle connections close too; 0: they did */
};

/* The worker's manager for that configuration: the one there is, or a new one. NULL when out of
 * descriptors. */
struct hcm *hcm_get(struct worker *worker, struct hcm_conf *conf);
/* Takes a descriptor, or a connection whose first bytes were read. */
MUST_USE int hcm_adopt_fd(struct hcm *hcm, int fd);
MUST_USE int hcm_adopt_conn(struct hcm *hcm, struct conn *conn, struct slice seen);
/* Each connection closes with its next response, idle ones after some seconds. */
void hcm_retire(struct hcm *hcm);
/* As hcm_retire, but idle connections close now. */
void hcm_drain(struct hcm *hcm);
/* Frees a retired manager that nothing uses; returns true when it did. Never from within a
 * request's callbacks: the worker's tick calls it. */
bool hcm_reap(struct hcm *hcm);
/* Whatever is open. */
void hcm_free(struct hcm *hcm);

#endif
