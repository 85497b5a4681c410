/* SPDX-License-Identifier: Apache-2.0 */
/* Resource types: see types.h. */
#include "xds/types.h"

#include "wire/proto.h"
#include "xds/pb/cluster.h"
#include "xds/pb/endpoint.h"
#include "xds/pb/listener.h"
#include "xds/pb/route.h"
#include "xds/pb/tls.h"

#define URL_PREFIX "type.googleapis.com/"

static const struct type {
    const char *short_name;
    const struct proto_message *desc;
    bool wildcard;
} types[XDS_TYPE_COUNT] = {
#define TYPE_ROW(name, short_name, desc, wildcard) {short_name, &desc, wildcard},
    XDS_TYPE_MAP(TYPE_ROW)
#undef TYPE_ROW
};

static const char *const urls[XDS_TYPE_COUNT] = {
    URL_PREFIX "envoy.config.cluster.v3.Cluster",
    URL_PREFIX "envoy.config.endpoint.v3.ClusterLoadAssignment",
    URL_PREFIX "envoy.config.listener.v3.Listener",
    URL_PREFIX "envoy.config.route.v3.RouteConfiguration",
    URL_PREFIX "envoy.extensions.transport_sockets.tls.v3.Secret",
};

const char *xds_type_url(enum xds_type type)
{
    return urls[type];
}

const char *xds_type_short(enum xds_type type)
{
    return types[type].short_name;
}

const struct proto_message *xds_type_desc(enum xds_type type)
{
    return types[type].desc;
}

bool xds_type_is_wildcard(enum xds_type type)
{
    return types[type].wildcard;
}

int xds_type_find(struct slice type_url)
{
    for (int i = 0; i < XDS_TYPE_COUNT; i++)
        if (slice_eq_str(type_url, urls[i]))
            return i;
    return -1;
}

static bool varint_next(struct slice *in, uint64_t *ret)
{
    uint64_t value = 0;

    for (size_t i = 0; i < in->len && i < 10; i++) {
        value |= (uint64_t)(in->data[i] & 0x7f) << (7 * i);
        if (!(in->data[i] & 0x80)) {
            *in = slice_from(*in, i + 1);
            *ret = value;
            return true;
        }
    }
    return false;
}

struct slice xds_resource_name(struct slice bytes)
{
    struct slice none = {"", 0};
    uint64_t tag;
    uint64_t len;

    /* Encoders write fields in order, so the name comes first or not at all; but only "should". */
    while (varint_next(&bytes, &tag)) {
        if ((tag & 7) == 2) {
            if (!varint_next(&bytes, &len) || len > bytes.len)
                return none;
            if (tag >> 3 == 1)
                return slice_head(bytes, (size_t)len);
            bytes = slice_from(bytes, (size_t)len);
        } else if ((tag & 7) == 0) {
            if (!varint_next(&bytes, &len))
                return none;
        } else if ((tag & 7) == 1 || (tag & 7) == 5) {
            bytes = slice_from(bytes, (tag & 7) == 1 ? 8 : 4);
        } else {
            return none;
        }
    }
    return none;
}
