/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of kinds. See kinds.h. */
#include "kube/objects/kinds.h"

#include "api/openapi.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>

static struct kind *kind_new(const char *group, const char *version, const char *kind_name)
{
    struct kind *kind = MEM_NEW(struct kind);

    kind->group = group;
    kind->version = version;
    kind->kind = kind_name;
    kind->list_kind = mem_printf("%sList", kind_name);
    kind->api_version = group[0] ? mem_printf("%s/%s", group, version) : mem_strdup(version);
    kind->served = true;
    return kind;
}

static void kind_names_set(struct kind *kind, const char *plural, const char *singular)
{
    kind->plural = plural;
    kind->singular = singular;
    kind->qualified =
        kind->group[0] ? mem_printf("%s.%s", plural, kind->group) : mem_strdup(plural);
}

static void kind_bucket_set(struct kinds *kinds, struct kind *kind)
{
    char *name = mem_printf("%s/%s", kind->group, kind->plural);

    kind->bucket = kinds->bucket_get(name, kinds->ctx);
    mem_free(name);
}

static void builtin_add(struct kinds *kinds, const struct api_kind *api)
{
    for (size_t i = 0; i < api->version_count; i++) {
        struct kind *kind = kind_new(api->group, api->versions[i].name, api->kind);

        kind_names_set(kind, api->plural, api->singular);
        kind->api = api;
        kind->namespaced = api->flags & API_KIND_NAMESPACED;
        kind->has_status = api->flags & API_KIND_STATUS;
        kind->has_scale = api->flags & API_KIND_SCALE;
        kind->has_generation = api->flags & API_KIND_GENERATION;
        kind->is_virtual = api->flags & API_KIND_VIRTUAL;
        if (!kind->is_virtual)
            kind_bucket_set(kinds, kind);
        VEC_PUSH(&kinds->items, kind);
    }
}

static bool is_built_in(const struct api_kind *api)
{
    return !(api->flags & API_KIND_CRD) && strcmp(api->group, "meta.k8s.io") != 0;
}

/* Groups in order of first appearance, so that discovery lists each once. */
static int kind_order(const void *a, const void *b)
{
    const struct kind *x = *(struct kind *const *)a;
    const struct kind *y = *(struct kind *const *)b;
    int order = strcmp(x->group, y->group);

    if (order == 0)
        order = kinds_version_cmp(x->version, y->version);
    return order ? order : strcmp(x->plural, y->plural);
}

static void kinds_sort(struct kinds *kinds)
{
    qsort(kinds->items.items, kinds->items.count, sizeof *kinds->items.items, kind_order);
}

void kinds_init(struct kinds *kinds, void *(*bucket_get)(const char *name, void *ctx), void *ctx)
{
    size_t count;
    const struct api_kind *all = api_kinds(&count);

    *kinds = (struct kinds){.bucket_get = bucket_get, .ctx = ctx};
    for (size_t i = 0; i < count; i++) {
        if (is_built_in(&all[i]))
            builtin_add(kinds, &all[i]);
    }
    kinds_sort(kinds);
}

void kinds_deinit(struct kinds *kinds)
{
    for (size_t i = 0; i < kinds->items.count; i++) {
        struct kind *kind = kinds->items.items[i];

        json_decref(kind->crd);
        mem_free(kind->list_kind);
        mem_free(kind->api_version);
        mem_free(kind->qualified);
        mem_free(kind);
    }
    VEC_DEINIT(&kinds->items);
}

struct kind *kinds_find(const struct kinds *kinds, struct slice group, struct slice version,
                        struct slice plural)
{
    for (size_t i = 0; i < kinds->items.count; i++) {
        struct kind *kind = kinds->items.items[i];

        if (kind->served && slice_eq_str(plural, kind->plural) &&
            slice_eq_str(group, kind->group) && slice_eq_str(version, kind->version))
            return kind;
    }
    return NULL;
}

struct kind *kinds_find_object(const struct kinds *kinds, const char *api_version,
                               const char *kind_name)
{
    for (size_t i = 0; i < kinds->items.count; i++) {
        struct kind *kind = kinds->items.items[i];

        if (kind->served && strcmp(kind->kind, kind_name) == 0 &&
            (api_version == NULL || strcmp(kind->api_version, api_version) == 0))
            return kind;
    }
    return NULL;
}

struct kind *kinds_builtin(const struct kinds *kinds, const char *group, const char *plural)
{
    for (size_t i = 0; i < kinds->items.count; i++) {
        struct kind *kind = kinds->items.items[i];

        if (kind->api != NULL && strcmp(kind->plural, plural) == 0 &&
            strcmp(kind->group, group) == 0)
            return kind;
    }
    ASSERT(!"a built-in kind is missing from api/'s tables");
    return NULL;
}

/* --- custom kinds --- */

static struct kind *custom_find(const struct kinds *kinds, const char *group, const char *version,
                                const char *plural)
{
    for (size_t i = 0; i < kinds->items.count; i++) {
        struct kind *kind = kinds->items.items[i];

        if (kind->api == NULL && strcmp(kind->plural, plural) == 0 &&
            strcmp(kind->group, group) == 0 && strcmp(kind->version, version) == 0)
            return kind;
    }
    return NULL;
}

static struct kind *custom_new(struct kinds *kinds, const char *group, const char *version,
                               const json_t *names)
{
    struct kind *kind = kind_new(group, version, json_path_string_or(names, "kind", ""));
    const char *plural = json_path_string_or(names, "plural", "");

    kind_names_set(kind, plural, json_path_string_or(names, "singular", ""));
    kind_bucket_set(kinds, kind);
    VEC_PUSH(&kinds->items, kind);
    return kind;
}

/* Texts of a custom kind borrow from its definition, so they move with it. */
static void custom_set(struct kind *kind, json_t *crd, const json_t *version)
{
    const json_t *spec = json_object_get(crd, "spec");
    const json_t *names = json_object_get(spec, "names");

    json_incref(crd);
    json_decref(kind->crd);
    kind->crd = crd;
    kind->crd_version = version;
    kind->group = json_path_string_or(spec, "group", "");
    kind->version = json_path_string_or(version, "name", "");
    kind->plural = json_path_string_or(names, "plural", "");
    kind->singular = json_path_string_or(names, "singular", "");
    kind->kind = json_path_string_or(names, "kind", "");
    kind->namespaced = strcmp(json_path_string_or(spec, "scope", ""), "Namespaced") == 0;
    kind->has_status = json_path_get(version, "subresources.status") != NULL;
    kind->has_scale = json_path_get(version, "subresources.scale") != NULL;
    kind->has_generation = true;
    kind->served = json_get_bool(version, "served", false);
}

int kinds_crd_add(struct kinds *kinds, json_t *crd)
{
    const char *group = json_path_string_or(crd, "spec.group", "");
    const char *plural = json_path_string_or(crd, "spec.names.plural", "");
    const json_t *versions = json_path_get(crd, "spec.versions");
    size_t i;
    json_t *version;

    kinds_crd_remove(kinds, crd);
    json_array_foreach(versions, i, version)
    {
        const char *name = json_path_string_or(version, "name", "");
        struct kind *kind = custom_find(kinds, group, name, plural);

        if (kind == NULL && kinds->items.count >= KINDS_MAX)
            return ERR_LIMIT;
        if (kind == NULL)
            kind = custom_new(kinds, group, name, json_path_get(crd, "spec.names"));
        custom_set(kind, crd, version);
    }
    kinds_sort(kinds);
    return 0;
}

void kinds_crd_remove(struct kinds *kinds, const json_t *crd)
{
    const char *group = json_path_string_or(crd, "spec.group", "");
    const char *plural = json_path_string_or(crd, "spec.names.plural", "");

    for (size_t i = 0; i < kinds->items.count; i++) {
        struct kind *kind = kinds->items.items[i];

        if (kind->api == NULL && strcmp(kind->plural, plural) == 0 &&
            strcmp(kind->group, group) == 0)
            kind->served = false;
    }
}

/* --- facts for discovery --- */

static json_t *array_copy(const json_t *array)
{
    return json_is_array(array) ? json_deep_copy(array) : json_array();
}

json_t *kinds_short_names(const struct kind *kind)
{
    return kind->api ? openapi_strings_new(kind->api->short_names)
                     : array_copy(json_path_get(kind->crd, "spec.names.shortNames"));
}

json_t *kinds_categories(const struct kind *kind)
{
    return kind->api ? openapi_strings_new(kind->api->categories)
                     : array_copy(json_path_get(kind->crd, "spec.names.categories"));
}

struct kube_type kinds_type(const struct kind *kind)
{
    if (kind->api != NULL)
        return (struct kube_type){.api = kind->api->schema};
    return (struct kube_type){.open = json_path_get(kind->crd_version, "schema.openAPIV3Schema"),
                              .is_root = true};
}

bool kinds_is_metrics(const struct kind *kind)
{
    return strcmp(kind->group, "metrics.k8s.io") == 0;
}

json_t *kinds_verbs(const struct kind *kind)
{
    static const char *const all[] = {
        "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch", NULL};
    static const char *const create[] = {"create", NULL};
    static const char *const read[] = {"get", "list", NULL};

    if (!kind->is_virtual)
        return openapi_strings_new(all);
    return openapi_strings_new(kinds_is_metrics(kind) ? read : create);
}

void kinds_each_subresource(const struct kind *kind,
                            void (*on_sub)(const char *name, const char *group, const char *version,
                                           const char *kind_name, const char *verbs, void *ctx),
                            void *ctx)
{
    if (kind->has_status)
        on_sub("status", NULL, NULL, kind->kind, "get,patch,update", ctx);
    if (kind->has_scale)
        on_sub("scale", "autoscaling", "v1", "Scale", "get,patch,update", ctx);
    for (size_t i = 0; kind->api != NULL && i < kind->api->subresource_count; i++) {
        const struct api_subresource *sub = &kind->api->subresources[i];

        on_sub(sub->name, sub->group, sub->version, sub->kind, sub->verbs, ctx);
    }
}

struct subresource_search {
    const char *name;
    bool found;
};

static void search_on_sub(const char *name, const char *group, const char *version,
                          const char *kind_name, const char *verbs, void *ctx)
{
    struct subresource_search *search = ctx;

    (void)group, (void)version, (void)kind_name, (void)verbs;
    if (strcmp(name, search->name) == 0)
        search->found = true;
}

bool kinds_has_subresource(const struct kind *kind, const char *name)
{
    struct subresource_search search = {name, false};

    kinds_each_subresource(kind, search_on_sub, &search);
    return search.found;
}

const char *const *kinds_field_labels(const struct kind *kind)
{
    static const char *const none[] = {NULL};

    return kind->api ? kind->api->field_labels : none;
}

/* Rank 2 for GA, 1 for beta, 0 for alpha, -1 for other names. */
static int version_rank(const char *version, long *ret_major, long *ret_minor)
{
    char *end;
    int rank = 2;

    *ret_minor = 0;
    if (version[0] != 'v' || !isdigit((unsigned char)version[1]))
        return -1;
    *ret_major = strtol(version + 1, &end, 10);
    if (*end == '\0')
        return rank;
    rank = strncmp(end, "beta", 4) == 0 ? 1 : strncmp(end, "alpha", 5) == 0 ? 0 : -1;
    if (rank < 0)
        return rank;
    *ret_minor = strtol(end + (rank ? 4 : 5), &end, 10);
    return *end == '\0' ? rank : -1;
}

int kinds_version_cmp(const char *a, const char *b)
{
    long major_a = 0, major_b = 0, minor_a = 0, minor_b = 0;
    int rank_a = version_rank(a, &major_a, &minor_a);
    int rank_b = version_rank(b, &major_b, &minor_b);

    if (rank_a != rank_b)
        return rank_b - rank_a;
    if (rank_a < 0)
        return strcmp(a, b);
    if (major_a != major_b)
        return major_a > major_b ? -1 : 1;
    return minor_a == minor_b ? 0 : minor_a > minor_b ? -1 : 1;
}
