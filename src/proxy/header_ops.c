/* SPDX-License-Identifier: Apache-2.0 */
/* Applies header operations. See header_ops.h.
 */
#include "proxy/header_ops.h"

static void add(const struct header_op *op, struct slice value, struct http_headers *headers,
                struct arena *arena)
{
    bool exists = http_headers_get(headers, op->name) != NULL;

    switch (op->action) {
    case HEADER_OP_APPEND:
        http_headers_add(headers, arena, op->name, value);
        break;
    case HEADER_OP_ADD_IF_ABSENT:
        if (!exists)
            http_headers_add(headers, arena, op->name, value);
        break;
    case HEADER_OP_OVERWRITE:
        http_headers_set(headers, arena, op->name, value);
        break;
    case HEADER_OP_OVERWRITE_IF_EXISTS:
        if (exists)
            http_headers_set(headers, arena, op->name, value);
        break;
    }
}

void header_ops_apply(const struct header_ops *ops, struct http_headers *headers,
                      struct arena *arena, const struct info *info)
{
    for (size_t i = 0; i < ops->remove_count; i++)
        http_headers_remove(headers, ops->removes[i]);
    for (size_t i = 0; i < ops->add_count; i++) {
        const struct header_op *op = &ops->adds[i];
        struct slice value = op->text;

        if (!op->constant) {
            struct buf text;

            buf_init(&text, 16384);
            format_print(op->format, info, &text);
            value = slice_eq(buf_slice(&text), SLICE("-"))
                        ? SLICE("")
                        : arena_slice_dup(arena, buf_slice(&text));
            buf_deinit(&text);
        }
        if (value.len == 0 && !op->keep_empty)
            continue;
        add(op, value, headers, arena);
    }
}
