/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, in two pieces (cut by the first byte), to a SPDY reader. */
#include "halves.h"
#include "wire/spdy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count(const struct spdy_frame *frame, void *ctx)
{
    size_t *total = ctx;

    *total += frame->data.len + spdy_frame_header(frame, "port").len;
    return frame->kind != SPDY_GOAWAY;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spdy_reader reader;
    struct slice halves[2];
    size_t total = 0;

    if (!halves_cut(data, size, halves))
        return 0;
    spdy_reader_init(&reader);
    if (spdy_reader_feed(&reader, halves[0], count, &total) == 0 &&
        spdy_reader_feed(&reader, halves[1], count, &total) < 0)
        total = 0;
    spdy_reader_deinit(&reader);
    return 0;
}
