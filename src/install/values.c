/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys, and setting them.
 */
#include "install/values.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>

enum value_type { VALUE_STRING, VALUE_BOOL, VALUE_INT, VALUE_ANY };

/* What is carried out; a key may end in ".*": everything below it. */
static const struct {
    const char *key;
    enum value_type type;
} known_keys[] = {
    {"profile", VALUE_STRING},
    {"hub", VALUE_STRING},
    {"tag", VALUE_STRING},
    {"revision", VALUE_STRING},
    {"meshConfig.defaultConfig.*", VALUE_ANY},
    {"components.ingressGateways[0].enabled", VALUE_BOOL},
    {"components.pilot.enabled", VALUE_BOOL},
    {"values.global.hub", VALUE_STRING},
    {"values.global.tag", VALUE_STRING},
    {"values.global.imagePullPolicy", VALUE_STRING},
    {"values.global.meshID", VALUE_STRING},
    {"values.global.multiCluster.clusterName", VALUE_STRING},
    {"values.global.logging.level", VALUE_STRING},
    {"values.global.proxy.*", VALUE_ANY},
    {"values.pilot.replicaCount", VALUE_INT},
    {"values.pilot.autoscaleEnabled", VALUE_BOOL},
    {"values.gateways.istio-ingressgateway.type", VALUE_STRING},
    {"values.gateways.istio-ingressgateway.replicaCount", VALUE_INT},
    {"values.gateways.istio-ingressgateway.autoscaleEnabled", VALUE_BOOL},
};

static const char *const profiles[] = {"default", "minimal", "demo", "empty"};

static const char default_tree[] =
    "{\"hub\":\"docker.io/weft\",\"tag\":\"" WEFT_VERSION "\",\"revision\":\"default\","
    "\"meshConfig\":{\"defaultConfig\":{\"discoveryAddress\":\"istiod.istio-system.svc:15010\"},"
    "\"defaultProviders\":{\"metrics\":[\"prometheus\"]},\"enablePrometheusMerge\":false,"
    "\"rootNamespace\":\"istio-system\",\"trustDomain\":\"cluster.local\"},"
    "\"components\":{\"pilot\":{\"enabled\":true},\"ingressGateways\":[{\"enabled\":true}]},"
    "\"values\":{\"global\":{\"multiCluster\":{\"clusterName\":\"Kubernetes\"},"
    "\"proxy\":{\"image\":\"proxyv2\",\"logLevel\":\"warning\","
    "\"componentLogLevel\":\"misc:error\",\"clusterDomain\":\"cluster.local\","
    "\"autoInject\":\"enabled\",\"includeIPRanges\":\"*\",\"excludeIPRanges\":\"\","
    "\"includeInboundPorts\":\"*\",\"excludeInboundPorts\":\"\","
    "\"resources\":{\"requests\":{\"cpu\":\"100m\",\"memory\":\"128Mi\"},"
    "\"limits\":{\"cpu\":\"2\",\"memory\":\"1Gi\"}}}},"
    "\"sidecarInjectorWebhook\":{\"rewriteAppHTTPProbe\":false}}}";

static void profile_apply(struct install_values *values, const char *profile)
{
    if (strcmp(profile, "minimal") == 0 || strcmp(profile, "empty") == 0)
        (void)json_path_set(values->tree, "components.ingressGateways[0].enabled", json_false());
    if (strcmp(profile, "empty") == 0)
        (void)json_path_set(values->tree, "components.pilot.enabled", json_false());
    if (strcmp(profile, "demo") == 0) {
        (void)json_path_set(values->tree, "values.global.proxy.resources.requests.cpu",
                            json_string("10m"));
        (void)json_path_set(values->tree, "values.global.proxy.resources.requests.memory",
                            json_string("40Mi"));
        (void)json_path_set(values->tree, "values.pilot.autoscaleEnabled", json_false());
        (void)json_path_set(values->tree, "values.gateways.istio-ingressgateway.autoscaleEnabled",
                            json_false());
    }
}

int install_values_init(struct install_values *values, const char *profile, struct error *err)
{
    const char *name = profile ? profile : "default";
    bool known = false;

    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        known = known || strcmp(profiles[i], name) == 0;
    if (!known)
        return err_set(err, ERR_NOT_FOUND,
                       "profile \"%.64s\" not found (there are default, minimal, demo, empty)",
                       name);
    int rc = json_parse(slice_str(default_tree), NULL, &values->tree, err);

    if (rc >= 0)
        profile_apply(values, name);
    return rc;
}

void install_values_deinit(struct install_values *values)
{
    json_decref(values->tree);
    values->tree = NULL;
}

/* The type of a key, or -1. */
static int key_type(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(known_keys); i++) {
        struct slice pattern = slice_str(known_keys[i].key);

        if (slice_ends_with(pattern, SLICE(".*"))
                ? slice_starts_with(slice_str(key), slice_head(pattern, pattern.len - 1))
                : slice_eq_str(pattern, key))
            return (int)known_keys[i].type;
    }
    return -1;
}

/* The text of --set as a value of that type; NULL when it is not one. */
static json_t *value_parse(const char *text, enum value_type type)
{
    int64_t number;
    bool is_true = strcmp(text, "true") == 0;

    if (type == VALUE_STRING)
        return json_string(text);
    if (type != VALUE_INT && (is_true || strcmp(text, "false") == 0))
        return json_boolean(is_true);
    if (type == VALUE_BOOL)
        return NULL;
    if (slice_parse_i64(slice_str(text), &number) == 0)
        return json_integer(number);
    return type == VALUE_ANY ? json_string(text) : NULL;
}

/* Sets a leaf; takes `value`. */
static int leaf_set(struct install_values *values, const char *key, json_t *value,
                    struct error *err)
{
    if (!value)
        return err_set_path(err, ERR_INVALID, key, "the value has the wrong type");
    if (strcmp(key, "revision") == 0 &&
        strcmp(json_path_string_or(value, "", ""), "default") != 0) {
        json_decref(value);
        return err_set_path(err, ERR_UNSUPPORTED, key, "not supported: other than \"default\"");
    }
    if (json_path_set(values->tree, key, value) < 0)
        return err_set_path(err, ERR_INVALID, key, "a value above it is not an object");
    return 0;
}

int install_values_set(struct install_values *values, const char *assignment, struct error *err)
{
    const char *equals = strchr(assignment, '=');
    char key[ERR_PATH_SIZE];
    int type;

    if (!equals || equals == assignment || (size_t)(equals - assignment) >= sizeof key)
        return err_set(err, ERR_INVALID, "\"%.100s\" is not of the form key=value", assignment);
    memcpy(key, assignment, (size_t)(equals - assignment));
    key[equals - assignment] = 0;
    type = key_type(key);
    if (type < 0)
        return err_set_path(err, ERR_INVALID, key, "unknown field (or not supported)");
    return leaf_set(values, key, value_parse(equals + 1, (enum value_type)type), err);
}

/* Walks down to leaves; `path` is where `value` stands. */
static int tree_merge(struct install_values *values, struct buf *path, const json_t *value,
                      struct error *err)
{
    static const char *const skipped[] = {"profile", "namespace"};
    size_t len = path->len;
    const char *key;
    json_t *child;
    int type, rc = 0;

    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, child)
        {
            if (len == 0 && (!strcmp(key, skipped[0]) || !strcmp(key, skipped[1])))
                continue;
            buf_printf(path, "%s%s", len ? "." : "", key);
            rc = tree_merge(values, path, child, err);
            path->len = len;
            if (rc < 0)
                return rc;
        }
        return 0;
    }
    buf_append_str(path, "");
    path->data[len] = 0;
    type = key_type(path->data);
    if (type < 0)
        return err_set_path(err, ERR_INVALID, path->data, "unknown field (or not supported)");
    if (type != VALUE_ANY && (type == VALUE_STRING) != json_is_string(value))
        return err_set_path(err, ERR_INVALID, path->data, "the value has the wrong type");
    return leaf_set(values, path->data, json_deep_copy(value), err);
}

static const json_t *spec_of(const json_t *document)
{
    const json_t *spec = json_object_get(document, "spec");

    return spec ? spec : document;
}

int install_values_merge(struct install_values *values, const json_t *document, struct error *err)
{
    const char *kind = json_get_string(document, "kind");
    struct buf path;
    int rc;

    if (kind && strcmp(kind, "IstioOperator") != 0)
        return err_set_path(err, ERR_INVALID, "kind", "\"%.64s\" is not IstioOperator", kind);
    if (!json_is_object(spec_of(document)))
        return err_set(err, ERR_INVALID, "not a mapping");
    buf_init(&path, 4096);
    rc = tree_merge(values, &path, spec_of(document), err);
    buf_deinit(&path);
    return rc;
}

const char *install_profile_of(const json_t *document)
{
    return json_get_string(spec_of(document), "profile");
}
