/* SPDX-License-Identifier: Apache-2.0 */
/* By which labels rules choose client workloads: proxies that agree in them, and in their
 * namespace, get the same routes.
 *
 * Place   builder.c, after the rules were merged; translate's shared keys
 * Owns    nothing; the list lies in the rules part's arena
 */
#include <stdlib.h>

#include "model/mesh_int.h"

static void put(struct map *keys, const struct api_string_entry *labels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)map_put(keys, slice_str(labels[i].key), (void *)(uintptr_t)labels[i].key, NULL);
}

static void put_routes(struct map *keys, const struct mesh_virtual_service *vs)
{
    const struct api_virtual_service_spec *spec = vs->spec;

    for (size_t i = 0; i < vs->http_count; i++)
        for (size_t j = 0; j < vs->http[i]->match_count; j++)
            put(keys, vs->http[i]->match[j].source_labels,
                vs->http[i]->match[j].source_labels_count);
    for (size_t i = 0; i < spec->tcp_count; i++)
        for (size_t j = 0; j < spec->tcp[i].match_count; j++)
            put(keys, spec->tcp[i].match[j].source_labels,
                spec->tcp[i].match[j].source_labels_count);
    for (size_t i = 0; i < spec->tls_count; i++)
        for (size_t j = 0; j < spec->tls[i].match_count; j++)
            put(keys, spec->tls[i].match[j].source_labels,
                spec->tls[i].match[j].source_labels_count);
}

static int key_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void mesh_client_labels_find(struct mesh_rules_part *rules)
{
    struct map keys;

    map_init(&keys, 0);
    for (size_t i = 0; i < rules->virtual_service_count; i++)
        put_routes(&keys, rules->virtual_services[i]);
    for (size_t i = 0; i < rules->destination_count; i++) {
        const struct mesh_labels *selector = &rules->destinations[i].selector;

        for (size_t j = 0; j < selector->count; j++)
            (void)map_put(&keys, slice_str(selector->items[j].key),
                          (void *)(uintptr_t)selector->items[j].key, NULL);
    }
    rules->client_labels = ARENA_ARRAY(&rules->part.arena, const char *, keys.count + 1);
    MAP_EACH (entry, &keys)
        rules->client_labels[rules->client_label_count++] = entry->value;
    qsort(rules->client_labels, rules->client_label_count, sizeof(*rules->client_labels), key_cmp);
    map_deinit(&keys);
}

const char *const *mesh_client_labels(const struct mesh *mesh, size_t *ret_count)
{
    *ret_count = mesh->rules->client_label_count;
    return mesh->rules->client_labels;
}
