/* SPDX-License-Identifier: Apache-2.0 */
/* Environment, see pod_env.h: Services first, then envFrom, then env, each later one overriding; a
 * value may refer to what was defined before it.
 */
#include "kube/objects/pod_env.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "kube/objects/object.h"
#include "wire/base64.h"

enum { VALUE_MAX = 1 << 20 };

/* --- references --- */

char *pod_env_expand(const char *text, const json_t *env)
{
    struct buf out;

    buf_init(&out, VALUE_MAX);
    for (const char *at = text; *at;) {
        const char *end = at[0] == '$' && at[1] == '(' ? strchr(at, ')') : NULL;

        if (at[0] == '$' && at[1] == '$') {
            buf_append_char(&out, '$');
            at += 2;
            continue;
        }
        if (end) {
            SCOPED(mem_drop) char *name = mem_slice_dup(slice_make(at + 2, (size_t)(end - at) - 2));
            const char *value = json_get_string(env, name);

            buf_append(&out, value ? slice_str(value) : slice_make(at, (size_t)(end - at) + 1));
            at = end + 1;
            continue;
        }
        buf_append_char(&out, *at++);
    }
    if (!out.data)
        return mem_strdup("");
    return buf_take(&out);
}

json_t *pod_env_expand_list(const json_t *list, const json_t *env)
{
    json_t *out;
    json_t *item;
    size_t i;

    if (!list)
        return NULL;
    out = json_array();
    json_array_foreach(list, i, item)
    {
        SCOPED(mem_drop)
        char *text = pod_env_expand(json_is_string(item) ? json_string_value(item) : "", env);

        json_array_append_new(out, json_string(text));
    }
    return out;
}

/* --- Services --- */

static void env_put(json_t *env, const char *value, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void env_put(json_t *env, const char *value, const char *fmt, ...)
{
    char name[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    json_set_string(env, name, value);
}

static void upper_name(const char *name, char *out, size_t size)
{
    size_t len = 0;

    for (; *name && len + 1 < size; name++)
        out[len++] = *name == '-' || *name == '.' ? '_' : (char)toupper((unsigned char)*name);
    out[len] = '\0';
}

static void service_port_put(json_t *env, const char *prefix, const char *ip, const json_t *port,
                             bool first)
{
    char number[16], protocol[16], upper[72];
    const char *low = json_path_string_or(port, "protocol", "TCP");
    const char *name = json_path_string_or(port, "name", "");
    SCOPED(mem_drop) char *url = NULL;
    size_t len = 0;

    for (; low[len] && len + 1 < sizeof protocol; len++)
        protocol[len] = (char)tolower((unsigned char)low[len]);
    protocol[len] = '\0';
    snprintf(number, sizeof number, "%u", (unsigned)json_get_int(port, "port", 0) & 0xFFFF);
    url = mem_printf("%s://%s:%s", protocol, ip, number);
    if (first) {
        env_put(env, ip, "%s_SERVICE_HOST", prefix);
        env_put(env, number, "%s_SERVICE_PORT", prefix);
        env_put(env, url, "%s_PORT", prefix);
    }
    if (name[0]) {
        upper_name(name, upper, sizeof upper);
        env_put(env, number, "%s_SERVICE_PORT_%s", prefix, upper);
    }
    env_put(env, url, "%s_PORT_%s_%s", prefix, number, low);
    env_put(env, protocol, "%s_PORT_%s_%s_PROTO", prefix, number, low);
    env_put(env, number, "%s_PORT_%s_%s_PORT", prefix, number, low);
    env_put(env, ip, "%s_PORT_%s_%s_ADDR", prefix, number, low);
}

static void services_put(const struct pod_view *view, json_t *env)
{
    bool links = json_path_bool(view->pod, "spec.enableServiceLinks", true);
    size_t cursor = 0;
    json_t *service;

    if (!view->lookup->service_next)
        return;
    while ((service = view->lookup->service_next(&cursor, view->lookup->ctx))) {
        const char *ip = json_path_string_or(service, "spec.clusterIP", "");
        bool kubernetes = strcmp(kube_name(service), "kubernetes") == 0 &&
                          strcmp(kube_namespace(service), "default") == 0;
        bool own = links && strcmp(kube_namespace(service), kube_namespace(view->pod)) == 0;
        char prefix[72];
        json_t *port;
        size_t i;

        if ((!kubernetes && !own) || ip[0] == '\0' || strcmp(ip, "None") == 0)
            continue;
        upper_name(kube_name(service), prefix, sizeof prefix);
        json_array_foreach(json_path_get(service, "spec.ports"), i, port)
            service_port_put(env, prefix, ip, port, i == 0);
    }
}

/* --- env and envFrom --- */

/* The value of a Secret's key, decoded; false when there is none. */
static bool secret_value(const json_t *secret, const char *key, struct buf *out)
{
    json_t *encoded = json_object_get(json_object_get(secret, "data"), key);

    return encoded && base64_decode(json_slice(encoded), out) == 0;
}

/* *ret stays NULL for what is optional and missing. */
static int key_ref_get(const struct pod_view *view, const json_t *reference, bool is_secret,
                       json_t **ret, struct error *err)
{
    const char *name = json_path_string_or(reference, "name", "");
    const char *key = json_path_string_or(reference, "key", "");
    bool optional = json_get_bool(reference, "optional", false);
    SCOPED(buf_deinit) struct buf bytes;
    json_t *object = NULL;
    json_t *text;
    int rc = pod_view_object(view, is_secret, name, optional, &object, err);

    buf_init(&bytes, VALUE_MAX);
    if (rc < 0)
        return rc;
    text = json_object_get(json_object_get(object, "data"), key);
    if (text && !is_secret)
        *ret = json_incref(text);
    else if (text && secret_value(object, key, &bytes))
        *ret = json_string_slice(buf_slice(&bytes));
    else if (!optional)
        return err_set(err, ERR_NOT_FOUND, "couldn't find key %s in %s %s/%s", key,
                       is_secret ? "secret" : "configmap", kube_namespace(view->pod), name);
    return 0;
}

static int value_from_get(const struct pod_view *view, const json_t *container,
                          const json_t *source, json_t **ret, struct error *err)
{
    const json_t *reference;
    SCOPED(mem_drop) char *text = NULL;
    int rc = 0;

    if ((reference = json_object_get(source, "configMapKeyRef")))
        return key_ref_get(view, reference, false, ret, err);
    if ((reference = json_object_get(source, "secretKeyRef")))
        return key_ref_get(view, reference, true, ret, err);
    if ((reference = json_object_get(source, "fieldRef")))
        rc = pod_view_field(view, json_path_string_or(reference, "fieldPath", ""), &text, err);
    else if ((reference = json_object_get(source, "resourceFieldRef")))
        rc = pod_view_resource(view, container, reference, &text, err);
    else
        return err_set(err, ERR_INVALID, "valueFrom has no source that is supported");
    if (rc == 0)
        *ret = json_string_slice(slice_str(text));
    return rc;
}

static int env_from_put(const struct pod_view *view, const json_t *source, json_t *env,
                        struct error *err)
{
    const json_t *map_ref = json_object_get(source, "configMapRef");
    const json_t *reference = map_ref ? map_ref : json_object_get(source, "secretRef");
    const char *name = json_path_string_or(reference, "name", "");
    const char *prefix = json_path_string_or(source, "prefix", "");
    json_t *object = NULL;
    const char *key;
    json_t *value;
    int rc = pod_view_object(view, !map_ref, name, json_get_bool(reference, "optional", false),
                             &object, err);

    if (rc < 0)
        return rc;
    json_object_foreach(json_object_get(object, "data"), key, value)
    {
        SCOPED(mem_drop) char *full = mem_printf("%s%s", prefix, key);
        SCOPED(buf_deinit) struct buf bytes;

        buf_init(&bytes, VALUE_MAX);
        if (map_ref)
            json_object_set(env, full, value);
        else if (secret_value(object, key, &bytes))
            json_object_set_new(env, full, json_string_slice(buf_slice(&bytes)));
    }
    return 0;
}

static int env_put_one(const struct pod_view *view, const json_t *container, const json_t *entry,
                       json_t *env, struct error *err)
{
    const char *name = json_path_string_or(entry, "name", "");
    const json_t *source = json_object_get(entry, "valueFrom");
    json_t *value = NULL;
    int rc;

    if (!source) {
        SCOPED(mem_drop) char *text = pod_env_expand(json_path_string_or(entry, "value", ""), env);

        json_object_set_new(env, name, json_string_slice(slice_str(text)));
        return 0;
    }
    rc = value_from_get(view, container, source, &value, err);
    if (rc == 0 && value)
        json_object_set_new(env, name, value);
    return rc;
}

int pod_env_build(const struct pod_view *view, const json_t *container, json_t **ret,
                  struct error *err)
{
    SCOPED(json_drop) json_t *env = json_object();
    json_t *entry;
    size_t i;
    int rc = 0;

    json_set_string(env, "HOSTNAME",
                    json_path_string_or(view->pod, "spec.hostname", kube_name(view->pod)));
    services_put(view, env);
    json_array_foreach(json_object_get(container, "envFrom"), i, entry)
    {
        rc = env_from_put(view, entry, env, err);
        if (rc < 0)
            return rc;
    }
    json_array_foreach(json_object_get(container, "env"), i, entry)
    {
        rc = env_put_one(view, container, entry, env, err);
        if (rc < 0)
            return rc;
    }
    *ret = TAKE(env);
    return 0;
}
