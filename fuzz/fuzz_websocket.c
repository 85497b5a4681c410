/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, in two pieces (cut by the first byte), to a server's reader. */
#include "halves.h"
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
    struct slice halves[2];
    size_t total = 0;

    if (!halves_cut(data, size, halves))
        return 0;
    websocket_reader_init(&reader, true, 65536);
    if (websocket_reader_feed(&reader, halves[0], count, &total) == 0 &&
        websocket_reader_feed(&reader, halves[1], count, &total) < 0)
        total = 0;
    websocket_reader_deinit(&reader);
    return 0;
}
