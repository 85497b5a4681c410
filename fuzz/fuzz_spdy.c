/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, in two pieces (cut by the first byte), to a SPDY reader. */
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
    size_t total = 0;
    size_t cut;

    if (size < 1)
        return 0;
    cut = MIN((size_t)data[0], size - 1);
    spdy_reader_init(&reader);
    if (spdy_reader_feed(&reader, slice_make((const char *)data + 1, cut), count, &total) == 0 &&
        spdy_reader_feed(&reader, slice_make((const char *)data + 1 + cut, size - 1 - cut), count,
                         &total) < 0)
        total = 0;
    spdy_reader_deinit(&reader);
    return 0;
}
