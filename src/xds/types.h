/* SPDX-License-Identifier: Apache-2.0 */
/* The resource types that the discovery protocols carry here.
 *
 * Place   both ends of the discovery protocols, proxy, control
 */
#ifndef WEFT_XDS_TYPES_H
#define WEFT_XDS_TYPES_H

#include "base/prelude.h"
#include "base/slice.h"

struct proto_message;

/* In the order in which changes are sent and applied (make before break). X(name, short, message
 * table, "wildcard": subscribed as a whole) */
#define XDS_TYPE_MAP(X)                                                                            \
    X(CLUSTER, "CDS", pb_cluster_desc, true)                                                       \
    X(ENDPOINT, "EDS", pb_cluster_load_assignment_desc, false)                                     \
    X(LISTENER, "LDS", pb_listener_desc, true)                                                     \
    X(ROUTE, "RDS", pb_route_configuration_desc, false)                                            \
    X(SECRET, "SDS", pb_secret_desc, false)

enum xds_type {
#define XDS_TYPE_ENUM(name, short_name, desc, wildcard) XDS_TYPE_##name,
    XDS_TYPE_MAP(XDS_TYPE_ENUM)
#undef XDS_TYPE_ENUM
        XDS_TYPE_COUNT
};

/* "type.googleapis.com/envoy.config.cluster.v3.Cluster" */
const char *xds_type_url(enum xds_type type);
/* "CDS" */
const char *xds_type_short(enum xds_type type);
/* The table of its message, for proto_decode. */
const struct proto_message *xds_type_desc(enum xds_type type);
/* CDS and LDS: an empty subscription means all. */
bool xds_type_is_wildcard(enum xds_type type);
/* The type of a URL, or -1. */
int xds_type_find(struct slice type_url);
/* The name inside an encoded resource (field 1 of each of these types): borrowed from `bytes`;
 * empty when it is absent or the bytes are malformed. */
struct slice xds_resource_name(struct slice bytes);

#endif
