/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, in two pieces (cut by the first byte), to a server's reader. */
#include "wire/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count(enum websocket_opcode opcode, struct slice payload, void *ctx)
{
    size_t *total = ctx;

    *total += payload.len;
    return opcode != WEBSOCKET_CLOSE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct websocket_reader reader;
    size_t total = 0;
    size_t cut;

    if (size < 1)
        return 0;
    cut = MIN((size_t)data[0], size - 1);
    websocket_reader_init(&reader, true, 65536);
    if (websocket_reader_feed(&reader, slice_make(data + 1, cut), count, &total) == 0 &&
        websocket_reader_feed(&reader, slice_make(data + 1 + cut, size - 1 - cut), count, &total) <
            0)
        total = 0;
    websocket_reader_deinit(&reader);
    return 0;
}
