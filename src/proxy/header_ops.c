/* SPDX-License-Identifier: Apache-2.0 */
/* Applies header operations. See header_ops.h.
 */
#include "proxy/header_ops.h"

/* What an addition comes to, judged on the headers as they were before any of its set. */
struct outcome {
    enum { SKIP, OVERWRITE, ADD } what;
    struct slice value;
};

static struct slice value_of(const struct header_op *op, struct arena *arena,
                             const struct info *info)
{
    struct slice value = op->text;
    struct buf text;

    if (op->constant)
        return value;
    buf_init(&text, 16384);
    format_print(op->format, info, &text);
    value = slice_eq(buf_slice(&text), SLICE("-")) ? SLICE("")
                                                   : arena_slice_dup(arena, buf_slice(&text));
    buf_deinit(&text);
    return value;
}

static struct outcome judge(const struct header_op *op, const struct http_headers *headers,
                            struct arena *arena, const struct info *info)
{
    struct outcome outcome = {.value = value_of(op, arena, info)};
    bool exists = http_headers_get(headers, op->name) != NULL;

    if (outcome.value.len == 0 && !op->keep_empty)
        return outcome;
    switch (op->action) {
    case HEADER_OP_APPEND:
        outcome.what = ADD;
        break;
    case HEADER_OP_ADD_IF_ABSENT:
        outcome.what = exists ? SKIP : ADD;
        break;
    case HEADER_OP_OVERWRITE:
        outcome.what = OVERWRITE;
        break;
    case HEADER_OP_OVERWRITE_IF_EXISTS:
        outcome.what = exists ? OVERWRITE : SKIP;
        break;
    }
    return outcome;
}

void header_ops_apply(const struct header_ops *ops, struct http_headers *headers,
                      struct arena *arena, const struct info *info)
{
    struct outcome *outcomes;

    for (size_t i = 0; i < ops->remove_count; i++)
        http_headers_remove(headers, ops->removes[i]);
    if (ops->add_count == 0)
        return;
    outcomes = ARENA_ARRAY(arena, struct outcome, ops->add_count);
    for (size_t i = 0; i < ops->add_count; i++)
        outcomes[i] = judge(&ops->adds[i], headers, arena, info);
    for (size_t i = 0; i < ops->add_count; i++)
        if (outcomes[i].what == OVERWRITE)
            http_headers_set(headers, arena, ops->adds[i].name, outcomes[i].value);
    for (size_t i = 0; i < ops->add_count; i++)
        if (outcomes[i].what == ADD)
            http_headers_add(headers, arena, ops->adds[i].name, outcomes[i].value);
}
