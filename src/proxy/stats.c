/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of statistics scopes and its two printed forms. See stats.h.
 */
#include "proxy/stats.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct slot {
    const char *name;
    bool gauge;
};

#define STATS_SLOT(slot_name, is_gauge) {#slot_name, is_gauge},

static const struct slot cluster_slots[] = {STATS_CLUSTER_MAP(STATS_SLOT)};
static const struct slot listener_slots[] = {STATS_LISTENER_MAP(STATS_SLOT)};
static const struct slot http_slots[] = {STATS_HTTP_MAP(STATS_SLOT)};
static const struct slot tcp_slots[] = {STATS_TCP_MAP(STATS_SLOT)};

static const struct kind {
    const char *prefix;
    const char *label;
    const struct slot *slots;
    size_t slot_count;
} kinds[STATS_KIND_COUNT] = {
    [STATS_CLUSTER] = {"cluster", "cluster_name", cluster_slots, ARRAY_LEN(cluster_slots)},
    [STATS_LISTENER] = {"listener", "listener_address", listener_slots, ARRAY_LEN(listener_slots)},
    [STATS_HTTP] = {"http", "http_conn_manager_prefix", http_slots, ARRAY_LEN(http_slots)},
    [STATS_TCP] = {"tcp", "tcp_prefix", tcp_slots, ARRAY_LEN(tcp_slots)},
};

enum { CELLS_PER_LINE = 8 };

void stats_init(struct stats *stats, unsigned worker_count)
{
    list_init(&stats->scopes);
    stats->worker_count = worker_count;
}

void stats_deinit(struct stats *stats)
{
    struct list *node;

    while ((node = list_take_first(&stats->scopes)) != NULL)
        stats_scope_unref(CONTAINER_OF(node, struct stats_scope, node));
}

struct stats_scope *stats_scope_get(struct stats *stats, enum stats_kind kind, struct slice name)
{
    struct stats_scope *scope;
    size_t lines;

    LIST_EACH (node, &stats->scopes) {
        scope = CONTAINER_OF(node, struct stats_scope, node);
        if (scope->kind == kind && slice_eq_str(name, scope->name)) {
            atomic_fetch_add_explicit(&scope->refs, 1, memory_order_relaxed);
            return scope;
        }
    }
    scope = MEM_NEW(struct stats_scope);
    scope->kind = kind;
    scope->name = mem_slice_dup(name);
    atomic_init(&scope->refs, 2);
    scope->worker_count = stats->worker_count;
    lines = (kinds[kind].slot_count + CELLS_PER_LINE - 1) / CELLS_PER_LINE;
    scope->stride = lines * CELLS_PER_LINE;
    scope->cells = mem_calloc(scope->stride * stats->worker_count, sizeof *scope->cells);
    list_append(&stats->scopes, &scope->node);
    return scope;
}

void stats_scope_unref(struct stats_scope *scope)
{
    if (scope == NULL || atomic_fetch_sub_explicit(&scope->refs, 1, memory_order_acq_rel) != 1)
        return;
    mem_free(scope->cells);
    mem_free(scope->name);
    mem_free(scope);
}

void stats_sweep(struct stats *stats)
{
    LIST_EACH (node, &stats->scopes) {
        struct stats_scope *scope = CONTAINER_OF(node, struct stats_scope, node);

        /* Nobody but the registry can make a new reference, so 1 stays 1. */
        if (atomic_load_explicit(&scope->refs, memory_order_acquire) == 1) {
            list_remove(node);
            stats_scope_unref(scope);
        }
    }
}

uint64_t stats_read(const struct stats_scope *scope, unsigned slot)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < scope->worker_count; i++)
        sum += atomic_load_explicit(&scope->cells[i * scope->stride + slot], memory_order_relaxed);
    return sum;
}

static int compare_scopes(const void *a, const void *b)
{
    const struct stats_scope *left = *(struct stats_scope *const *)a;
    const struct stats_scope *right = *(struct stats_scope *const *)b;

    if (left->kind != right->kind)
        return (int)left->kind - (int)right->kind;
    return strcmp(left->name, right->name);
}

/* All scopes, sorted; the caller frees the array. */
static struct stats_scope **sorted_scopes(struct stats *stats, size_t *ret_count)
{
    struct stats_scope **scopes;
    size_t count = 0;

    LIST_EACH (node, &stats->scopes)
        count++;
    scopes = mem_calloc(count + 1, sizeof *scopes);
    count = 0;
    LIST_EACH (node, &stats->scopes)
        scopes[count++] = CONTAINER_OF(node, struct stats_scope, node);
    qsort(scopes, count, sizeof *scopes, compare_scopes);
    *ret_count = count;
    return scopes;
}

void stats_each(struct stats *stats, void (*visit)(const struct stats_value *value, void *ctx),
                void *ctx)
{
    size_t count;
    struct stats_scope **scopes = sorted_scopes(stats, &count);

    for (size_t i = 0; i < count; i++) {
        const struct kind *kind = &kinds[scopes[i]->kind];

        for (unsigned slot = 0; slot < kind->slot_count; slot++) {
            struct stats_value value = {
                .kind = scopes[i]->kind,
                .prefix = kind->prefix,
                .scope_name = scopes[i]->name,
                .name = kind->slots[slot].name,
                .label = kind->label,
                .gauge = kind->slots[slot].gauge,
                .value = stats_read(scopes[i], slot),
            };
            visit(&value, ctx);
        }
    }
    mem_free(scopes);
}

enum { NAME_SIZE = 64 };

/* A slot's name with `dot` where it has "__". */
static const char *name_text(const char *name, char dot, char out[NAME_SIZE])
{
    size_t at = 0;

    for (; *name != '\0' && at + 1 < NAME_SIZE; name++) {
        bool mark = name[0] == '_' && name[1] == '_';

        out[at++] = mark ? dot : *name;
        name += mark;
    }
    out[at] = '\0';
    return out;
}

struct text_ctx {
    bool used_only;
    bool (*keep)(struct slice name, void *ctx);
    void *ctx;
    struct buf *out;
};

static void print_text(const struct stats_value *value, void *ctx)
{
    struct text_ctx *text = ctx;
    char name[512];
    char slot[NAME_SIZE];

    if (text->used_only && value->value == 0)
        return;
    snprintf(name, sizeof name, "%s.%s.%s", value->prefix, value->scope_name,
             name_text(value->name, '.', slot));
    if (text->keep != NULL && !text->keep(slice_str(name), text->ctx))
        return;
    buf_printf(text->out, "%s: %" PRIu64 "\n", name, value->value);
}

void stats_print_text(struct stats *stats, bool used_only,
                      bool (*keep)(struct slice name, void *ctx), void *ctx, struct buf *out)
{
    struct text_ctx text = {used_only, keep, ctx, out};

    stats_each(stats, print_text, &text);
}

void stats_print_label(struct slice value, struct buf *out)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];

        if (c == '\\' || c == '"')
            buf_append_char(out, '\\');
        if (c == '\n')
            buf_append_str(out, "\\n");
        else
            buf_append_char(out, c);
    }
}

void stats_print_prometheus(struct stats *stats, struct buf *out)
{
    size_t count;
    struct stats_scope **scopes = sorted_scopes(stats, &count);
    char text[NAME_SIZE];

    /* By metric, then by scope: the text form wants the series of a metric together. */
    for (size_t first = 0; first < count;) {
        const struct kind *kind = &kinds[scopes[first]->kind];
        size_t end = first;

        while (end < count && scopes[end]->kind == scopes[first]->kind)
            end++;
        for (unsigned slot = 0; slot < kind->slot_count; slot++) {
            const char *metric = name_text(kind->slots[slot].name, '_', text);

            buf_printf(out, "# TYPE envoy_%s_%s %s\n", kind->prefix, metric,
                       kind->slots[slot].gauge ? "gauge" : "counter");
            for (size_t i = first; i < end; i++) {
                struct slice name = slice_str(scopes[i]->name);

                /* Istio ends names with ';' so that its patterns find the end. */
                if (slice_ends_with(name, SLICE(";")))
                    name = slice_head(name, name.len - 1);
                buf_printf(out, "envoy_%s_%s{%s=\"", kind->prefix, metric, kind->label);
                stats_print_label(name, out);
                buf_printf(out, "\"} %" PRIu64 "\n", stats_read(scopes[i], slot));
            }
        }
        first = end;
    }
    mem_free(scopes);
}
