/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as responses of a discovery server (first byte: which protocol; then, each behind its
 * length in one byte, the messages). Whatever came, the client has a next request or none.
 */
#include "wire/proto.h"
#include "xds/client.h"
#include "xds/pb/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_update(const struct xds_update *update, struct error *err, void *ctx)
{
    struct xds_client **client = ctx;

    for (size_t i = 0; i < update->item_count; i++) {
        update->items[i].rejected = update->items[i].bytes.len % 5 == 4;
        if (xds_client_subscribe(*client, XDS_TYPE_ENDPOINT, update->items[i].name) < 0)
            return err_set(err, ERR_LIMIT, "too many");
    }
    for (size_t i = 0; i < update->removed_count; i++)
        xds_client_unsubscribe(*client, XDS_TYPE_ENDPOINT, update->removed[i]);
    return 0;
}

static void requests_drain(struct xds_client *client)
{
    struct buf request;

    buf_init(&request, 0);
    for (unsigned i = 0; xds_client_request_next(client, &request); i++) {
        ASSERT(i < 3000);
        buf_reset(&request);
    }
    buf_deinit(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct xds_client_events events = {on_update};
    const struct pb_node node = {.id = SLICE("me")};
    struct xds_client *client = NULL;
    struct xds_client_options options = {
        .node = &node, .name_max = 50, .events = &events, .ctx = &client};
    struct error err = {0};

    if (size == 0)
        return 0;
    options.state_of_the_world = data[0] & 1;
    client = xds_client_new(&options);
    xds_client_watch(client, XDS_TYPE_CLUSTER);
    xds_client_stream_begin(client);
    for (size_t at = 1; at < size;) {
        size_t len = MIN((size_t)data[at], size - at - 1);

        requests_drain(client);
        if (data[at] == 255)
            xds_client_stream_begin(client);
        else if (xds_client_message(client, slice_make(data + at + 1, len), &err) < 0)
            ASSERT(err.reason[0]);
        at += 1 + len;
    }
    requests_drain(client);
    xds_client_free(client);
    return 0;
}
