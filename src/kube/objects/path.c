/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the API, segment by segment. See path.h. */
#include "kube/objects/path.h"

#include <string.h>

#include "wire/url.h"

struct segments {
    const char *items[KUBE_PATH_SEGMENTS_MAX];
    size_t count;
    size_t at; /* the next one to take */
};

static int segments_split(struct slice path, struct arena *arena, struct segments *ret)
{
    struct slice rest = path;
    struct slice piece;

    *ret = (struct segments){0};
    while (slice_split_next(&rest, '/', &piece)) {
        struct slice text;

        if (piece.len == 0)
            continue;
        if (ret->count == KUBE_PATH_SEGMENTS_MAX)
            return ERR_LIMIT;
        if (url_decode(arena, piece, &text) != 0)
            return ERR_INVALID;
        ret->items[ret->count++] = arena_slice_str(arena, text);
    }
    return 0;
}

static const char *take(struct segments *segments)
{
    return segments->at < segments->count ? segments->items[segments->at++] : "";
}

/* The segment `ahead` of the next one is there and is `text`. */
static bool is_next(const struct segments *segments, size_t ahead, const char *text)
{
    return segments->at + ahead < segments->count &&
           strcmp(segments->items[segments->at + ahead], text) == 0;
}

/* /namespaces/NS/PLURAL; but a namespace is an object too, with subresources of its own. */
static bool is_in_namespace(const struct segments *segments)
{
    return is_next(segments, 0, "namespaces") && segments->at + 2 < segments->count &&
           !is_next(segments, 2, "status") && !is_next(segments, 2, "finalize");
}

int kube_path_parse(struct slice path, struct arena *arena, struct kube_path *ret)
{
    struct segments segments;
    bool is_core;
    int rc = segments_split(path, arena, &segments);

    if (rc != 0)
        return rc;
    is_core = is_next(&segments, 0, "api");
    if (!is_core && !is_next(&segments, 0, "apis"))
        return ERR_NOT_FOUND;
    (void)take(&segments);
    *ret = (struct kube_path){.is_core = is_core, .ns = ""};
    ret->group = is_core ? "" : take(&segments);
    ret->version = take(&segments);
    ret->is_watch = is_next(&segments, 0, "watch") && segments.at + 1 < segments.count;
    if (ret->is_watch)
        (void)take(&segments);
    if (is_in_namespace(&segments)) {
        (void)take(&segments);
        ret->ns = take(&segments);
    }
    ret->plural = take(&segments);
    ret->name = take(&segments);
    ret->subresource = take(&segments);
    ret->has_rest = segments.at < segments.count;
    return 0;
}

enum kube_path_verb kube_path_verb(const struct kube_path *path, struct slice method, bool is_watch)
{
    static const struct {
        const char *method;
        enum kube_path_verb collection, object, subresource;
    } rows[] = {
        {"GET", KUBE_VERB_LIST, KUBE_VERB_GET, KUBE_VERB_GET},
        {"POST", KUBE_VERB_CREATE, KUBE_VERB_NONE, KUBE_VERB_CREATE},
        {"PUT", KUBE_VERB_NONE, KUBE_VERB_UPDATE, KUBE_VERB_UPDATE},
        {"PATCH", KUBE_VERB_NONE, KUBE_VERB_PATCH, KUBE_VERB_PATCH},
        {"DELETE", KUBE_VERB_DELETE_COLLECTION, KUBE_VERB_DELETE, KUBE_VERB_DELETE},
    };

    if (is_watch && slice_eq_str(method, "GET"))
        return KUBE_VERB_WATCH;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (slice_eq_str(method, rows[i].method))
            return path->subresource[0] ? rows[i].subresource
                   : path->name[0]      ? rows[i].object
                                        : rows[i].collection;
    }
    return KUBE_VERB_NONE;
}
