/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values of a test, written as YAML.
 *
 *   json_t *pod = yaml_tree("{metadata: {name: a}, spec: {}}");
 */
#ifndef WEFT_TESTS_SUPPORT_TREE_H
#define WEFT_TESTS_SUPPORT_TREE_H

#include <jansson.h>

#include "test.h"
#include "wire/yaml.h"

/* A new tree; NULL for an empty text. Text that is no YAML fails the test. */
static inline json_t *yaml_tree(const char *text)
{
    struct error err = {0};
    json_t *tree = NULL;

    if (text[0] && yaml_parse_one(slice_str(text), NULL, &tree, &err) < 0)
        fail_msg("%s in %s", err.reason, text);
    return tree;
}

#endif
