/* SPDX-License-Identifier: Apache-2.0 */
/* A path (up to the first newline) looked up in any text: the line is one that the text has.
 */
#include "base/mem.h"
#include "wire/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct slice path;
    size_t lines = 1;
    char *name;

    if (!slice_split_next(&text, '\n', &path))
        return 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    name = mem_slice_dup(path);
    for (size_t document = 0; document < 3; document++)
        ASSERT(yaml_line_find(text, document, name) <= lines);
    mem_free(name);
    return 0;
}
