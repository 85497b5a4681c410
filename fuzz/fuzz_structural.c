/* SPDX-License-Identifier: Apache-2.0 */
/* A schema and an object, as a JSON list of two: pruned, defaulted, checked. A second pruning finds
 * nothing more. Also keys that a text repeats. */
#include "api/structural.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_cause(const struct api_cause *cause, void *ctx)
{
    ASSERT(cause->field && cause->message && cause->reason);
    (void)ctx;
}

static void on_path(const char *path, void *ctx)
{
    ASSERT(path);
    ++*(size_t *)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_limits limits = {.size_max = 1 << 16, .depth_max = 60};
    json_t *pair = NULL;
    size_t count = 0;

    json_dup_find(slice_make(data, size), on_path, &count);
    if (json_parse(slice_make(data, size), &limits, &pair, NULL) != 0)
        return 0;
    (void)structural_check_schema(json_array_get(pair, 0), "schema", on_cause, NULL);
    structural_prune(json_array_get(pair, 0), json_array_get(pair, 1), NULL, NULL);
    count = 0;
    structural_prune(json_array_get(pair, 0), json_array_get(pair, 1), on_path, &count);
    ASSERT(count == 0);
    structural_default(json_array_get(pair, 0), json_array_get(pair, 1));
    (void)structural_check(json_array_get(pair, 0), json_array_get(pair, 1), on_cause, NULL);
    json_decref(pair);
    return 0;
}
