/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of rules on JSON trees: trees compared with YAML, and causes as one text. */
#ifndef WEFT_TESTS_KUBE_OBJECTS_H
#define WEFT_TESTS_KUBE_OBJECTS_H

#include "tree.h"

#include "api/check.h"
#include "base/buf.h"
#include "wire/json.h"

/* An api_on_cause: "field: message; field: message" into the struct buf of `ctx`. */
static inline void cause_note(const struct api_cause *cause, void *ctx)
{
    struct buf *told = ctx;

    buf_printf(told, "%s%s: %s", told->len ? "; " : "", cause->field, cause->message);
}

/* Fails when the tree is another one than the YAML says; the order of keys does not count. */
static inline void object_assert(const json_t *found, const char *expected)
{
    json_t *wanted = yaml_tree(expected);

    if (!json_equal(found, wanted))
        fail_msg("found %s, not %s", json_format_str(found, JSON_FORMAT_COMPACT), expected);
    json_decref(wanted);
}

#endif
