/* SPDX-License-Identifier: Apache-2.0 */
/* Filter chains for what is not read as HTTP: plain TCP, and TLS that is passed on.
 */
#ifndef WEFT_TRANSLATE_TCP_H
#define WEFT_TRANSLATE_TCP_H

#include "translate/translate_int.h"

typedef VEC(struct pb_filter_chain *) tcp_chain_vec;

/* Where the chains of a service's port stand. */
struct tcp_place {
    const char
        *cidr;      /* the service's address is this network; NULL: the listener has its address */
    bool is_shared; /* several services share the listener: server names tell them apart */
};

/* The chains of a service's port, in order: those of the virtual service that counts for its host,
 * then one that takes the rest to the service's own cluster. */
void tcp_chains_service(struct translator *translator, const struct mesh_service *service,
                        const struct mesh_port *port, const struct tcp_place *place,
                        tcp_chain_vec *ret_chains);
/* The chains of a virtual service's tcp routes; true when the last takes all connections. */
bool tcp_chains_virtual(struct translator *translator, const struct route_context *context,
                        const char *cidr, tcp_chain_vec *ret_chains);
/* Which server names of tls routes count, and for which network. */
struct tcp_names {
    const char *cidr;                            /* as in struct tcp_place */
    bool (*covers)(const char *name, void *ctx); /* NULL: all */
    void *ctx;
};
/* The chains of a virtual service's tls routes. */
void tcp_chains_names(struct translator *translator, const struct route_context *context,
                      const struct tcp_names *names, tcp_chain_vec *ret_chains);

/* False when an older chain of the listener asks for the same, which Envoy refuses; server names
 * that are taken are struck from the chain. `taken` is empty before the first. */
bool tcp_chain_claim(struct translator *translator, struct map *taken,
                     const struct pb_listener *listener, struct pb_filter_chain *chain);
/* Whether a chain is chosen by the server name of TLS. */
bool tcp_reads_names(const struct pb_listener *listener);

#endif
