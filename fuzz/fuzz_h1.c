/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP/1 parser on any bytes: it must not crash, and every cutting must give the same events.
 * The first byte chooses the role, the second how the input is cut. */
#include "../tests/unit/wire/h1_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct h1_trace *trace, const uint8_t *data, size_t size, size_t step)
{
    h1_trace_init(trace, data[0] & 1 ? H1_RESPONSE : H1_REQUEST, 512);
    for (size_t at = 2; at < size; at += step)
        h1_trace_feed(trace, slice_make(data + at, MIN(step, size - at)));
    h1_trace_eof(trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct h1_trace whole;
    struct h1_trace cut;

    if (size < 3)
        return 0;
    run(&whole, data, size, size);
    run(&cut, data, size, (size_t)data[1] % 40 + 1);
    ASSERT(slice_eq(buf_slice(&whole.text), buf_slice(&cut.text)));
    h1_trace_deinit(&whole);
    h1_trace_deinit(&cut);
    return 0;
}
