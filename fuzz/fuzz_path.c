/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a request's path (first byte: the options). A normalised path begins with '/', holds
 * no dot segment, and is not changed by being normalised again.
 */
#include "proxy/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_segments(struct slice path)
{
    struct slice rest = path_only(path);
    struct slice segment;

    while (slice_split_next(&rest, '/', &segment))
        ASSERT(!slice_eq(segment, SLICE(".")) && !slice_eq(segment, SLICE("..")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct path_options options = {0};
    struct arena arena;
    struct slice path;
    struct slice again;
    bool redirect = false;

    if (size < 2 || data[1] != '/')
        return 0;
    options.normalize = data[0] & 1;
    options.merge_slashes = data[0] & 2;
    options.escaped = (enum path_escaped)((data[0] >> 2) % 5);
    arena_init(&arena, 0);
    if (path_normalize(slice_make(data + 1, size - 1), &options, &arena, &path, &redirect) == 0) {
        ASSERT(path.len > 0 && path.data[0] == '/');
        if (options.normalize)
            check_segments(path);
        options.escaped = PATH_ESCAPED_KEEP; /* decoding happens once */
        ASSERT(path_normalize(path, &options, &arena, &again, &redirect) == 0);
        ASSERT(slice_eq(again, path));
    }
    arena_deinit(&arena);
    return 0;
}
