/* SPDX-License-Identifier: Apache-2.0 */
/* A table of parameters with fixed values, and the rules of fieldManager. See options.h. */
#include "kube/objects/options.h"

#include <string.h>

#include "base/arena.h"
#include "wire/url.h"

enum {
    MANAGER_MAX = 128, /* bytes */
    VALUES_MAX = 5,
    /* sets of enum kube_path_verb */
    WRITES = 1U << KUBE_VERB_CREATE | 1U << KUBE_VERB_UPDATE | 1U << KUBE_VERB_PATCH,
    DELETES = 1U << KUBE_VERB_DELETE | 1U << KUBE_VERB_DELETE_COLLECTION,
};

static const struct option {
    const char *name;
    unsigned verbs; /* whose parameter it is */
    bool is_list;   /* its value is shown as one */
    const char *values[VALUES_MAX];
    const char *supported; /* said of them */
} options[] = {
    {"dryRun", WRITES | DELETES, true, {"", "All"}, "\"All\""},
    {"fieldValidation",
     WRITES,
     false,
     {"", "Ignore", "Strict", "Warn"},
     "\"\", \"Ignore\", \"Strict\", \"Warn\""},
    {"propagationPolicy",
     DELETES,
     false,
     {"", "Foreground", "Background", "Orphan"},
     "\"Foreground\", \"Background\", \"Orphan\", \"nil\""},
};

struct checking {
    enum kube_path_verb verb;
    bool is_apply;
    struct slice query;
    const json_t *body;
    struct arena *arena;
    api_on_cause *on_cause;
    void *ctx;
};

const char *kube_options_kind(enum kube_path_verb verb)
{
    static const char *const kinds[] = {
        [KUBE_VERB_NONE] = "ListOptions",
        [KUBE_VERB_GET] = "ListOptions",
        [KUBE_VERB_LIST] = "ListOptions",
        [KUBE_VERB_WATCH] = "ListOptions",
        [KUBE_VERB_CREATE] = "CreateOptions",
        [KUBE_VERB_UPDATE] = "UpdateOptions",
        [KUBE_VERB_PATCH] = "PatchOptions",
        [KUBE_VERB_DELETE] = "DeleteOptions",
        [KUBE_VERB_DELETE_COLLECTION] = "DeleteOptions",
    };

    return kinds[verb];
}

static bool is_among(enum kube_path_verb verb, unsigned verbs)
{
    return verbs & 1U << verb;
}

static int refuse(const struct checking *checking, const char *reason, const char *field,
                  const char *message)
{
    const struct api_cause cause = {reason, field, message};

    checking->on_cause(&cause, checking->ctx);
    return ERR_INVALID;
}

/* "" when absent. */
static const char *value_of(const struct checking *checking, const char *name)
{
    const json_t *value =
        is_among(checking->verb, DELETES) ? json_object_get(checking->body, name) : NULL;
    struct slice given = url_query_value(checking->arena, checking->query, name);

    if (json_is_array(value))
        value = json_array_get(value, 0);
    if (json_is_string(value))
        return json_string_value(value);
    return given.data ? arena_slice_str(checking->arena, given) : "";
}

static int check_value(const struct checking *checking, const struct option *option)
{
    const char *value = value_of(checking, option->name);

    if (!is_among(checking->verb, option->verbs))
        return 0;
    for (size_t i = 0; i < VALUES_MAX && option->values[i]; i++) {
        if (strcmp(value, option->values[i]) == 0)
            return 0;
    }
    return refuse(checking, "FieldValueNotSupported", option->name,
                  arena_printf(checking->arena,
                               "Unsupported value: %s\"%s\"%s: supported values: %s",
                               option->is_list ? "[" : "", value, option->is_list ? "]" : "",
                               option->supported));
}

static int check_manager(const struct checking *checking)
{
    struct slice manager = url_query_value(checking->arena, checking->query, "fieldManager");
    struct slice force = url_query_value(checking->arena, checking->query, "force");

    if (checking->is_apply && manager.len == 0)
        return refuse(checking, "FieldValueRequired", "fieldManager",
                      "Required value: is required for apply patch");
    if (checking->verb == KUBE_VERB_PATCH && !checking->is_apply && force.data != NULL)
        return refuse(checking, "FieldValueForbidden", "force",
                      "Forbidden: may not be specified for non-apply patch");
    if (manager.len > MANAGER_MAX)
        return refuse(checking, "FieldValueTooLong", "fieldManager",
                      "Too long: may not be more than 128 bytes");
    return 0;
}

int kube_options_check(enum kube_path_verb verb, bool is_apply, struct slice query,
                       const json_t *body, api_on_cause *on_cause, void *ctx)
{
    struct arena arena;
    const struct checking checking = {verb, is_apply, query, body, &arena, on_cause, ctx};
    int rc = 0;

    if (!is_among(verb, WRITES | DELETES))
        return 0;
    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_LEN(options) && rc == 0; i++)
        rc = check_value(&checking, &options[i]);
    if (rc == 0)
        rc = check_manager(&checking);
    arena_deinit(&arena);
    return rc;
}
