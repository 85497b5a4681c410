/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint set while it is made: workload.c adds what EndpointSlices say, entry.c the rest.
 */
#ifndef WEFT_MODEL_ENDPOINT_INT_H
#define WEFT_MODEL_ENDPOINT_INT_H

#include "model/mesh_int.h"

struct endpoint_builder {
    struct mesh_endpoint_node *node; /* the set; its arena holds what is new */
    const struct mesh_service *service;
    VEC(struct mesh_endpoint) items;
    VEC(struct mesh_node *) nodes; /* references that the set will keep */
};

/* entry.c: endpoints of a ServiceEntry, and workload entries that a Service selects. */
void mesh_entry_endpoints_add(struct endpoint_builder *builder,
                              const struct mesh_endpoint_source *source);

/* workload.c: makes the set keep a node that its endpoints point into. */
void mesh_endpoint_keep(struct endpoint_builder *builder, struct mesh_node *node);
/* Whether the service can have an endpoint of that address: names need DNS. */
bool mesh_endpoint_fits(const struct mesh_service *service, const char *address);
/* Canonical name and revision out of the labels; `labels` and `workload` are set. */
void mesh_workload_name(struct mesh_workload *workload);
/* "region/zone/subzone", or with dots, into three texts. */
void mesh_locality_split(const char *text, const char **out[3], struct arena *arena);

#endif
