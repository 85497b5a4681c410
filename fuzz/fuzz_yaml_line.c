/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of any text: lines never go back, and are ones that the text has.
 */
#include "wire/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t line, document, line_max;
};

static bool on_field(size_t document, struct slice path, size_t line, void *ctx)
{
    struct seen *seen = ctx;

    ASSERT(path.len == 0 || path.data);
    ASSERT(line >= seen->line && line <= seen->line_max);
    ASSERT(document >= seen->document);
    seen->line = line;
    seen->document = document;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct seen seen = {.line_max = size + 1}; /* a line break is at least one byte */

    yaml_fields_each(text, on_field, &seen);
    return 0;
}
