/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of users to places in the tree of values, and what may stand there.
 *
 *   hub, components.*, meshConfig.*, values.*  --aliases-->  global.hub, pilot.*, ...  --> schema
 *
 * Place   values.c
 * Limits  of JSON Schema: type, enum, properties, $ref to $defs, additionalProperties of names
 *         that are DNS labels; an object without properties is free-form, and everything below it
 *         is taken
 * Spec    IstioOperator's spec; JSON Schema 2020-12
 */
#include "api/formats.h"
#include "base/mem.h"
#include "install/install_int.h"

enum { STEP_SIZE = 128 };

/* What an IstioOperator calls differently. A key matches whole, or up to a dot or bracket. */
static const struct {
    const char *from;
    const char *to;    /* NULL: `fixed` */
    const char *fixed; /* taken with this value only */
} aliases[] = {
    {"hub", "global.hub", NULL},
    {"tag", "global.tag", NULL},
    {"profile", "profile", NULL},
    {"revision", "revision", NULL},
    {"meshConfig", "meshConfig", NULL},
    {"values", "", NULL},
    {"namespace", NULL, INSTALL_NAMESPACE},
    {"components.base.enabled", NULL, "true"},
    {"components.cni.enabled", NULL, "false"},
    {"components.pilot.enabled", "pilot.enabled", NULL},
    {"components.pilot.k8s.replicaCount", "pilot.replicaCount", NULL},
    {"components.pilot.k8s.resources", "pilot.resources", NULL},
    {"components.pilot.k8s.hpaSpec.minReplicas", "pilot.autoscaleMin", NULL},
    {"components.pilot.k8s.hpaSpec.maxReplicas", "pilot.autoscaleMax", NULL},
    {"components.pilot.k8s.nodeSelector", "pilot.nodeSelector", NULL},
    {"components.pilot.k8s.tolerations", "pilot.tolerations", NULL},
    {"components.pilot.k8s.affinity", "pilot.affinity", NULL},
    {"components.pilot.k8s.podAnnotations", "pilot.podAnnotations", NULL},
    {"components.ingressGateways[0].name", NULL, "istio-ingressgateway"},
    {"components.egressGateways[0].name", NULL, "istio-egressgateway"},
};

/* Of any gateway: components.XGateways[0].FROM -> gateways.istio-Xgateway.TO, and
 * components.XGateways.NAME.FROM -> gateways.NAME.TO (see gateways_by_name() in values.c). */
static const struct {
    const char *from, *to;
} gateway_aliases[] = {
    {"enabled", "enabled"},
    {"kind", "kind"},
    {"namespace", "namespace"},
    {"label", "labels"},
    {"k8s.replicaCount", "replicaCount"},
    {"k8s.resources", "resources"},
    {"k8s.hpaSpec.minReplicas", "autoscaleMin"},
    {"k8s.hpaSpec.maxReplicas", "autoscaleMax"},
    {"k8s.service.type", "type"},
    {"k8s.service.ports", "ports"},
    {"k8s.service.loadBalancerIP", "loadBalancerIP"},
    {"k8s.service.loadBalancerSourceRanges", "loadBalancerSourceRanges"},
    {"k8s.service.externalTrafficPolicy", "externalTrafficPolicy"},
    {"k8s.serviceAnnotations", "serviceAnnotations"},
    {"k8s.nodeSelector", "nodeSelector"},
    {"k8s.tolerations", "tolerations"},
    {"k8s.affinity", "affinity"},
    {"k8s.podAnnotations", "podAnnotations"},
};

/* What follows `prefix` in the key, with its dot or bracket; false when it is another key. */
static bool key_rest(struct slice key, const char *prefix, struct slice *ret)
{
    size_t len = strlen(prefix);

    if (!slice_starts_with(key, slice_str(prefix)) ||
        (key.len > len && key.data[len] != '.' && key.data[len] != '['))
        return false;
    *ret = slice_from(key, len);
    return true;
}

/* Takes the next step off a json_path; false at its end, or when it is too long or an index. */
static bool step_next(struct slice *rest, char name[STEP_SIZE])
{
    struct slice step;

    if (slice_starts_with(*rest, SLICE("[\""))) {
        ptrdiff_t end = slice_find(*rest, SLICE("\"]"));

        if (end < 0)
            return false;
        step = slice_from(slice_head(*rest, (size_t)end), 2);
        *rest = slice_from(*rest, (size_t)end + 2);
    } else {
        size_t len = 0;

        while (len < rest->len && rest->data[len] != '.' && rest->data[len] != '[')
            len++;
        step = slice_head(*rest, len);
        *rest = slice_from(*rest, len);
    }
    if (rest->len && rest->data[0] == '.')
        *rest = slice_from(*rest, 1);
    if (step.len == 0 || step.len >= STEP_SIZE)
        return false;
    memcpy(name, step.data, step.len);
    name[step.len] = 0;
    return true;
}

static bool gateway_translate(struct slice key, struct buf *path)
{
    static const char *const lists[][2] = {{"components.ingressGateways", "istio-ingressgateway"},
                                           {"components.egressGateways", "istio-egressgateway"}};
    char name[STEP_SIZE];
    struct slice rest, tail;

    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        if (!key_rest(key, lists[k][0], &rest) || rest.len == 0)
            continue;
        if (slice_starts_with(rest, SLICE("[0]."))) {
            snprintf(name, sizeof name, "%s", lists[k][1]);
            rest = slice_from(rest, 4);
        } else {
            rest = slice_from(rest, 1);
            if (!step_next(&rest, name))
                return false;
        }
        for (size_t i = 0; i < ARRAY_LEN(gateway_aliases); i++) {
            if (!key_rest(rest, gateway_aliases[i].from, &tail))
                continue;
            buf_printf(path, "gateways.%s.%s%.*s", name, gateway_aliases[i].to, SLICE_ARG(tail));
            return true;
        }
    }
    return false;
}

static bool translate(struct slice key, struct install_key *ret)
{
    struct slice rest;

    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        if (!key_rest(key, aliases[i].from, &rest))
            continue;
        ret->fixed = aliases[i].fixed;
        if (ret->fixed)
            return rest.len == 0;
        if (!*aliases[i].to) /* "values.x" is "x" */
            rest = slice_from(rest, rest.len && rest.data[0] == '.');
        buf_printf(&ret->path, "%s%.*s", aliases[i].to, SLICE_ARG(rest));
        return true;
    }
    return gateway_translate(key, &ret->path);
}

/* --- the schema --- */

static const json_t *follow(const json_t *root, const json_t *node)
{
    static const char place[] = "#/$defs/";
    const char *target = json_get_string(node, "$ref");

    return target && strncmp(target, place, sizeof place - 1) == 0
               ? json_object_get(json_object_get(root, "$defs"), target + sizeof place - 1)
               : node;
}

/* The schema of a member; NULL when it may not be there. */
static const json_t *child_of(const json_t *node, const char *name)
{
    const json_t *child = json_object_get(json_object_get(node, "properties"), name);
    const json_t *any = json_object_get(node, "additionalProperties");

    if (child || !json_is_object(any))
        return child;
    return format_name_wrong(FORMAT_LABEL_1035, name) ? NULL : any;
}

/* False when the schema has no such place. *ret NULL: below a free-form object. */
static bool schema_find(const json_t *root, struct slice path, const json_t **ret)
{
    const json_t *node = root;
    char name[STEP_SIZE];

    while (path.len > 0) {
        const json_t *properties = json_object_get(node, "properties");

        if (!properties) {
            *ret = NULL;
            return strcmp(json_path_string_or(node, "type", ""), "object") == 0;
        }
        if (!step_next(&path, name))
            return false;
        node = follow(root, child_of(node, name));
        if (!node)
            return false;
    }
    *ret = node;
    return true;
}

bool install_key_find(const json_t *schema, struct slice key, struct install_key *ret)
{
    struct install_key found = {0};

    buf_init(&found.path, ERR_PATH_SIZE);
    if (!translate(key, &found) ||
        (!found.fixed && !schema_find(schema, buf_slice(&found.path), &found.schema))) {
        buf_deinit(&found.path);
        return false;
    }
    buf_append_char(&found.path, 0);
    *ret = found;
    return true;
}

void install_key_deinit(struct install_key *key)
{
    buf_deinit(&key->path);
}

/* --- values --- */

static bool enum_has(const json_t *list, const json_t *value)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (json_equal(item, value))
            return true;
    }
    return !list;
}

int install_key_check(const struct install_key *key, const char *shown, const json_t *value,
                      struct error *err)
{
    const char *wanted = json_get_string(key->schema, "type");

    if (key->fixed) {
        char *text = json_is_string(value) ? mem_strdup(json_string_value(value))
                                           : json_format_str(value, JSON_FORMAT_COMPACT);
        bool same = strcmp(text, key->fixed) == 0;

        mem_free(text);
        return same ? 0
                    : err_set_path(err, ERR_UNSUPPORTED, shown, "not supported: other than \"%s\"",
                                   key->fixed);
    }
    if (wanted && strcmp(wanted, json_type_name(value)) != 0)
        return err_set_path(err, ERR_INVALID, shown, "the value has the wrong type: %s, not %s",
                            json_type_name(value), wanted);
    if (!enum_has(json_object_get(key->schema, "enum"), value)) {
        char *list = json_format_str(json_object_get(key->schema, "enum"), JSON_FORMAT_COMPACT);
        int rc = err_set_path(err, ERR_INVALID, shown, "the value is none of %s", list);

        mem_free(list);
        return rc;
    }
    return 0;
}

/* What a text looks like, where any type will do. */
static json_t *guess(const char *text)
{
    int64_t number;
    bool is_true = strcmp(text, "true") == 0;

    if (is_true || strcmp(text, "false") == 0)
        return json_boolean(is_true);
    if (slice_parse_i64(slice_str(text), &number) == 0)
        return json_integer(number);
    return json_string(text);
}

/* helm's "{a,b}", or one item. */
static json_t *list_parse(const char *text)
{
    struct slice rest = slice_str(text), piece;
    json_t *list = json_array();

    if (slice_starts_with(rest, SLICE("{")) && slice_ends_with(rest, SLICE("}")))
        rest = slice_head(slice_from(rest, 1), rest.len - 2);
    while (rest.len && slice_split_next(&rest, ',', &piece))
        json_array_append_new(list, json_string_slice(slice_trim(piece)));
    return list;
}

json_t *install_key_parse(const struct install_key *key, const char *text)
{
    const char *wanted = json_get_string(key->schema, "type");

    if (key->fixed || (wanted && strcmp(wanted, "string") == 0))
        return json_string(text);
    if (wanted && strcmp(wanted, "array") == 0)
        return list_parse(text);
    return guess(text);
}
