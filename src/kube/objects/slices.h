/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints of a Service, out of all EndpointSlices: shared by packet rules and DNS.
 *
 * An endpoint counts when it is ready; when none is, those that still serve while they terminate.
 */
#ifndef WEFT_KUBE_OBJECTS_SLICES_H
#define WEFT_KUBE_OBJECTS_SLICES_H

#include "base/prelude.h"
#include "wire/json.h"

struct slices_source {
    json_t *(*next)(size_t *cursor, void *ctx); /* *cursor starts with 0; NULL at the end */
    void *ctx;
};

/* All borrowed. */
struct slices_endpoint {
    const char *ip;
    const char *hostname;  /* NULL: none */
    const char *port_name; /* "" when unnamed */
    const char *protocol;  /* "TCP" */
    unsigned port;         /* 0 when addresses_only */
};

/* Visits each endpoint and port of the Service; with addresses_only each address once. */
void slices_each(const struct slices_source *source, const json_t *service, bool addresses_only,
                 void (*on_endpoint)(const struct slices_endpoint *endpoint, void *ctx), void *ctx);

#endif
