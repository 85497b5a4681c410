/* SPDX-License-Identifier: Apache-2.0 */
/* State of the client: shared by its requests (client.c) and its responses (client_message.c).
 *
 * Place   those two only
 */
#ifndef WEFT_XDS_CLIENT_INT_H
#define WEFT_XDS_CLIENT_INT_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "xds/client.h"

enum { CLIENT_NAME_DEFAULT_MAX = 100000, CLIENT_ANSWER_MAX = 1000, CLIENT_TEXT_MAX = 4096 };

/* One name of a type: wanted by the user, known to the server, held by the user. */
struct client_entry {
    bool wanted;   /* subscribed by name */
    bool sent;     /* the server was told of the subscription on this stream */
    bool held;     /* a resource was taken */
    char *version; /* of the held one */
    uint64_t hash; /* of its bytes */
};

struct client_kind {
    bool watched; /* wildcard */
    bool asked;   /* the first request went out on this stream */
    bool changed; /* subscriptions that the server does not know yet */
    struct map entries;
    size_t held_count;
    char *nonce;   /* of the last response on this stream; NULL before */
    char *version; /* of the last response taken; NULL before */
    char *error;   /* text of the last refusal; NULL when none since */
    uint64_t update_count;
    uint64_t rejected_count;
};

/* An ACK or NACK that is due. */
struct client_answer {
    enum xds_type type;
    char *nonce;
    char *error; /* NULL: ACK */
};

struct xds_client {
    struct arena arena; /* the node */
    struct pb_node *node;
    bool state_of_the_world;
    const struct xds_client_events *events;
    void *ctx;
    bool streaming;
    bool node_sent;
    struct client_kind kinds[XDS_TYPE_COUNT];
    VEC(struct client_answer) answers;
};

struct client_entry *xds_client_entry_get(const struct xds_client *client, enum xds_type type,
                                          struct slice name);
/* The entry, made when it is missing; NULL past the limit. */
struct client_entry *xds_client_entry_make(struct xds_client *client, enum xds_type type,
                                           struct slice name);
void xds_client_entry_hold(struct client_kind *kind, struct client_entry *entry,
                           struct slice version, uint64_t hash);
/* Not held any more; the entry goes when nobody wants it and the server need not hear of it. */
void xds_client_entry_release(struct client_kind *kind, struct slice name);

#endif
