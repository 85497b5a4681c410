/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by server.c (state) and server_reply.c (responses).
 */
#ifndef WEFT_XDS_SERVER_INT_H
#define WEFT_XDS_SERVER_INT_H

#include "base/arena.h"
#include "base/map.h"
#include "xds/server.h"

/* One type's subscription. */
struct xds_server_watch {
    bool subscribed;
    bool wildcard;
    bool responded;   /* at least one response went out */
    bool due;         /* the set or the subscription changed since it was looked at */
    bool forced;      /* respond even when nothing differs */
    bool outstanding; /* the last response is not answered */
    struct map names; /* asked for by name */
    struct map held;  /* name -> hash that the client has (hash | 1), or XDS_SERVER_ABSENT */
    uint64_t nonce;   /* of the last response; 0: none */
    uint64_t sent_version;
    uint64_t sending_version;
    uint64_t acked_version;
    uint64_t nack_count;
    char *nack_reason;
};

struct xds_server {
    bool delta;
    const struct xds_server_hooks *hooks;
    void *ctx;
    const void *set; /* NULL before the first update */
    uint64_t version;
    bool node_known;
    bool blocked;           /* no room: wait for xds_server_writable */
    uint64_t hold_until_ms; /* listeners and routes wait for endpoints until then; 0: no */
    struct xds_server_watch watches[XDS_TYPE_COUNT];
    struct map leaving;       /* SotW: name -> leaving_cluster that the set has no more */
    struct map unknown_types; /* told about once */
    struct arena arena;       /* of one message */
};

/* A cluster on its way out, as it was last sent. */
struct leaving_cluster {
    size_t len;
    char bytes[];
};

/* The client was told that there is no such resource. */
#define XDS_SERVER_ABSENT ((void *)2)

/* Sends the difference of a type, when there is one (or when it is forced). `with_removals`: also
 * what the client has and the set has not. Returns whether something is left out for that. */
bool xds_server_reply(struct xds_server *server, enum xds_type type, bool with_removals);
/* Forgets the clusters on their way out. */
void xds_server_leaving_clear(struct xds_server *server);
/* Answers a subscription to a type that is not served: all its names do not exist (delta). */
void xds_server_reply_unknown(struct xds_server *server, struct slice type_url,
                              const struct slice *names, size_t name_count);

#endif
