/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as YAML and as JSON; what was read is written and read again, and is then the same. */
#include "wire/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void yaml_again(json_t *value)
{
    struct yaml_limits limits = {.depth_max = 1000, .node_max = 1000000};
    json_t *again = NULL;
    struct error err = {0};
    struct buf text;
    int rc;

    buf_init(&text, 0);
    rc = yaml_format(value, &text);
    ASSERT(rc == 0);
    rc = yaml_parse_one(buf_slice(&text), &limits, &again, &err);
    ASSERT(rc == 0);
    ASSERT(json_equal(value, again));
    json_decref(again);
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct yaml_limits limits = {.size_max = 1 << 20, .depth_max = 50, .node_max = 10000};
    json_t *value = NULL;
    struct error err = {0};

    if (yaml_parse(slice_make(data, size), &limits, &value, &err) == 0)
        yaml_again(value);
    json_drop(&value);
    if (json_parse(slice_make(data, size), NULL, &value, &err) == 0)
        json_decref(value);
    return 0;
}
