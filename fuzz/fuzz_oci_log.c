/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as lines of a container's log: what is taken for one lies within it. */
#include "oci/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_make(data, size);
    struct slice text;

    while (slice_split_next(&rest, '\n', &text)) {
        struct oci_log_line line;

        if (!oci_log_line_parse(text, &line))
            continue;
        ASSERT(line.time.data == text.data);
        ASSERT(line.text.len == 0 || (line.text.data > line.time.data + line.time.len &&
                                      line.text.data + line.text.len == text.data + text.len));
    }
    return 0;
}
