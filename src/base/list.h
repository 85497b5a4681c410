/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive doubly linked ring: the node lives in the object. An unlinked node points at itself.
 *
 *   struct list conns; list_init(&conns); list_append(&conns, &conn->node);
 *   LIST_EACH (node, &conns) { struct conn *c = CONTAINER_OF(node, struct conn, node); ... }
 */
#ifndef WEFT_BASE_LIST_H
#define WEFT_BASE_LIST_H

#include "base/prelude.h"

struct list {
    struct list *prev;
    struct list *next;
};

/* Visits each node; the visited node may be removed (not its successor). */
#define LIST_EACH(node, head)                                                                      \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)

static inline void list_init(struct list *node)
{
    node->prev = node;
    node->next = node;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

/* Links `node` before `place` (so at the end, when place is the head). */
static inline void list_append(struct list *place, struct list *node)
{
    node->prev = place->prev;
    node->next = place;
    place->prev->next = node;
    place->prev = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

/* Unlinks; harmless on an unlinked, initialised node. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The first node, unlinked, or NULL. */
static inline struct list *list_take_first(struct list *head)
{
    struct list *node = head->next;

    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

static inline size_t list_count(const struct list *head)
{
    size_t count = 0;

    for (const struct list *node = head->next; node != head; node = node->next)
        count++;
    return count;
}

#endif
