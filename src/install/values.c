/* SPDX-License-Identifier: Apache-2.0 */
/* Values from profile, files and --set.
 */
#include "install/values.h"

#include "api/formats.h"
#include "base/buf.h"
#include "base/mem.h"
#include "install/install_int.h"

#include <ctype.h>

enum { REVISION_SIZE_MAX = 40 };

const char *install_profile_name(size_t index)
{
    return install_profiles[index].name;
}

/* ERR_NOT_FOUND lists what there is. */
static int profile_find(const char *name, const char **ret_json, struct error *err)
{
    char names[128] = "";
    size_t len = 0;

    for (const struct install_profile *profile = install_profiles; profile->name; profile++) {
        if (strcmp(profile->name, name) == 0) {
            *ret_json = profile->json;
            return 0;
        }
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? ", " : "",
                                profile->name);
        len = len < sizeof names ? len : sizeof names - 1;
    }
    return err_set(err, ERR_NOT_FOUND, "profile \"%.64s\" not found (there are %s)", name, names);
}

int install_values_init(struct install_values *values, const char *profile, struct error *err)
{
    SCOPED(json_drop) json_t *overlay = NULL;
    const char *name = profile ? profile : "default";
    const char *text;
    int rc = profile_find(name, &text, err);

    if (rc < 0)
        return rc;
    memset(values, 0, sizeof *values);
    rc = json_parse(slice_str(install_defaults), NULL, &values->tree, err);
    if (rc >= 0)
        rc = json_parse(slice_str(install_schema), NULL, &values->schema, err);
    if (rc >= 0)
        rc = json_parse(slice_str(text), NULL, &overlay, err);
    if (rc < 0) {
        install_values_deinit(values);
        return rc;
    }
    json_object_update_recursive(values->tree, overlay);
    json_set_string(values->tree, "profile", name);
    return 0;
}

void install_values_deinit(struct install_values *values)
{
    json_decref(values->tree);
    json_decref(values->schema);
    memset(values, 0, sizeof *values);
}

/* Names of objects end in it, so it must be one label of DNS. */
static bool revision_is_valid(const char *text)
{
    size_t len = strlen(text);

    if (len == 0)
        return true;
    if (len > REVISION_SIZE_MAX || text[0] == '-' || text[len - 1] == '-')
        return false;
    for (; *text; text++)
        if (!islower((unsigned char)*text) && !isdigit((unsigned char)*text) && *text != '-')
            return false;
    return true;
}

/* Puts a value at a key that was found; takes `value`. `shown` is the key as the user wrote it. */
static int value_put(struct install_values *values, const struct install_key *key,
                     const char *shown, json_t *value, struct error *err)
{
    SCOPED(json_drop) json_t *owned = value;
    json_t *live;
    int rc = install_key_check(key, shown, value, err);

    if (rc < 0 || key->fixed)
        return rc;
    if (strcmp(key->path.data, "revision") == 0 && !revision_is_valid(json_string_value(value)))
        return err_set_path(err, ERR_INVALID, shown, "invalid revision specified: %s",
                            json_string_value(value));
    live = json_path_get(values->tree, key->path.data);
    if (json_is_object(live) && json_is_object(value)) {
        json_object_update_recursive(live, value);
        return 0;
    }
    if (json_path_set(values->tree, key->path.data, TAKE(owned)) < 0)
        return err_set_path(err, ERR_INVALID, shown, "a value above it is not an object");
    return 0;
}

/* Appends a step to a json_path. */
static void step_append(struct buf *path, struct slice step)
{
    if (slice_find_char(step, '.') >= 0)
        buf_printf(path, "[\"%.*s\"]", SLICE_ARG(step));
    else
        buf_printf(path, "%s%.*s", path->len ? "." : "", SLICE_ARG(step));
}

/* "a.b\.c" as a json_path: a["b.c"]. */
static void path_unescape(struct slice key, struct buf *path)
{
    struct buf step;

    buf_init(&step, ERR_PATH_SIZE);
    for (size_t i = 0; i <= key.len; i++) {
        bool is_end = i == key.len || key.data[i] == '.';

        if (!is_end && key.data[i] == '\\' && i + 1 < key.len)
            i++;
        if (!is_end) {
            buf_append_char(&step, key.data[i]);
            continue;
        }
        step_append(path, buf_slice(&step));
        buf_reset(&step);
    }
    buf_deinit(&step);
}

int install_values_set(struct install_values *values, const char *assignment, struct error *err)
{
    const char *equals = strchr(assignment, '=');
    struct install_key found;
    char shown[ERR_PATH_SIZE];
    struct buf path;
    bool known;
    int rc;

    if (!equals || equals == assignment || (size_t)(equals - assignment) >= sizeof shown)
        return err_set(err, ERR_INVALID, "\"%.100s\" is not of the form key=value", assignment);
    memcpy(shown, assignment, (size_t)(equals - assignment));
    shown[equals - assignment] = 0;
    buf_init(&path, ERR_PATH_SIZE);
    path_unescape(slice_str(shown), &path);
    known = install_key_find(values->schema, buf_slice(&path), &found);
    buf_deinit(&path);
    if (!known)
        return err_set_path(err, ERR_INVALID, shown, "unknown field (or not supported)");
    rc = value_put(values, &found, shown, install_key_parse(&found, equals + 1), err);
    install_key_deinit(&found);
    return rc;
}

static int tree_merge(struct install_values *values, struct buf *path, const json_t *value,
                      struct error *err);

static int children_merge(struct install_values *values, struct buf *path, const json_t *value,
                          struct error *err)
{
    size_t len = path->len;
    const char *key;
    json_t *child;
    size_t i;

    json_array_foreach(value, i, child)
    {
        int rc;

        buf_printf(path, "[%zu]", i);
        rc = tree_merge(values, path, child, err);
        path->len = len;
        if (rc < 0)
            return rc;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, child)
    {
        int rc;

        step_append(path, slice_str(key));
        rc = tree_merge(values, path, child, err);
        path->len = len;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Walks down to what the table of keys knows; `path` is where `value` stands. */
static int tree_merge(struct install_values *values, struct buf *path, const json_t *value,
                      struct error *err)
{
    bool has_children = json_object_size(value) + json_array_size(value) > 0;
    struct install_key found;
    char shown[ERR_PATH_SIZE];
    int rc;

    if (path->len == 0)
        return children_merge(values, path, value, err);
    snprintf(shown, sizeof shown, "%.*s", SLICE_ARG(buf_slice(path)));
    if (!install_key_find(values->schema, buf_slice(path), &found))
        return has_children
                   ? children_merge(values, path, value, err)
                   : err_set_path(err, ERR_INVALID, shown, "unknown field (or not supported)");
    if (json_is_object(value) && json_object_get(found.schema, "properties"))
        rc = children_merge(values, path, value, err);
    else
        rc = value_put(values, &found, shown, json_deep_copy(value), err);
    install_key_deinit(&found);
    return rc;
}

static const json_t *spec_of(const json_t *document)
{
    const json_t *spec = json_object_get(document, "spec");

    return spec ? spec : document;
}

/* Those of a kind that a list does not name are off, as istioctl's lists replace each other. */
static void unlisted_disable(const json_t *gateways, const char *kind, json_t *named)
{
    const char *name;
    json_t *gateway;

    json_object_foreach((json_t *)(uintptr_t)gateways, name, gateway)
    {
        if (strcmp(json_path_string_or(gateway, "kind", "ingress"), kind) == 0 &&
            !json_object_get(named, name))
            json_object_set_new(named, name, json_pack("{s:b}", "enabled", false));
    }
}

/* An IstioOperator's list of gateways of a kind as an object by name: each is on unless it says
 * otherwise, and knows its kind. A new object, or NULL. */
static json_t *gateways_by_name(const json_t *list, const char *kind, struct error *err)
{
    SCOPED(json_drop) json_t *named = json_object();
    SCOPED(mem_drop) char *standard = mem_printf("istio-%sgateway", kind);
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        SCOPED(json_drop) json_t *gateway = json_deep_copy(item);
        SCOPED(mem_drop) char *shown = mem_printf("components.%sGateways[%zu].name", kind, i);
        const char *name = json_path_string_or(item, "name", i == 0 ? standard : "");

        if (format_name_wrong(FORMAT_LABEL_1035, name) || json_object_get(named, name)) {
            (void)err_set_path(err, ERR_INVALID, shown,
                               "\"%.64s\" is no name of a Service, or is there twice", name);
            return NULL;
        }
        json_set_string(gateway, "kind", kind);
        if (!json_object_get(gateway, "enabled"))
            json_object_set_new(gateway, "enabled", json_true());
        json_object_del(gateway, "name");
        json_object_set(named, name, gateway);
    }
    return TAKE(named);
}

/* A copy of the spec with its lists of gateways by name; NULL when one of them has no name. */
static json_t *spec_named(const json_t *spec, const json_t *gateways, struct error *err)
{
    static const char *const kinds[][2] = {{"ingressGateways", "ingress"},
                                           {"egressGateways", "egress"}};
    json_t *copy = json_deep_copy(spec);
    json_t *components = json_object_get(copy, "components");

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const json_t *list = json_object_get(components, kinds[i][0]);
        json_t *named;

        if (!json_is_array(list))
            continue;
        named = gateways_by_name(list, kinds[i][1], err);
        if (!named) {
            json_decref(copy);
            return NULL;
        }
        unlisted_disable(gateways, kinds[i][1], named);
        json_object_set_new(components, kinds[i][0], named);
    }
    return copy;
}

int install_values_merge(struct install_values *values, const json_t *document, struct error *err)
{
    const char *kind = json_get_string(document, "kind");
    SCOPED(json_drop) json_t *spec = NULL;
    struct buf path;
    int rc;

    if (kind && strcmp(kind, "IstioOperator") != 0)
        return err_set_path(err, ERR_INVALID, "kind", "\"%.64s\" is not IstioOperator", kind);
    if (!json_is_object(spec_of(document)))
        return err_set(err, ERR_INVALID, "not a mapping");
    spec = spec_named(spec_of(document), json_object_get(values->tree, "gateways"), err);
    if (!spec)
        return err->code;
    buf_init(&path, 4096);
    rc = tree_merge(values, &path, spec, err);
    buf_deinit(&path);
    return rc;
}

int install_values_load(struct install_values *values, const json_t *tree, struct error *err)
{
    SCOPED(json_drop) json_t *document = json_pack("{s:O}", "values", tree);
    int rc = install_values_init(values, NULL, err);

    if (rc < 0)
        return rc;
    rc = install_values_merge(values, document, err);
    if (rc < 0)
        install_values_deinit(values);
    return rc;
}

const char *install_profile_of(const json_t *document)
{
    return json_get_string(spec_of(document), "profile");
}

char *install_suffix(const char *revision)
{
    return revision && *revision && strcmp(revision, "default") != 0 ? mem_printf("-%s", revision)
                                                                     : mem_strdup("");
}
