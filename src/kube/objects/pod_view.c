/* SPDX-License-Identifier: Apache-2.0 */
/* The downward API, see pod_view.h. */
#include "kube/objects/pod_view.h"

#include <unistd.h>

#include "api/quantity.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "kube/objects/object.h"

enum { TEXT_MAX = 1 << 20 };

/* --- fields --- */

static void labels_format(const json_t *labels, struct buf *out)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)labels, name, value)
    {
        buf_printf(out, "%s%s=\"", out->len ? "\n" : "", name);
        for (const char *c = json_string_value(value); c && *c; c++) {
            if (*c == '"' || *c == '\\')
                buf_append_char(out, '\\');
            if (*c == '\n')
                buf_append_str(out, "\\n");
            else
                buf_append_char(out, *c);
        }
        buf_append_char(out, '"');
    }
}

/* "metadata.labels['app']" -> the label; true when `path` has that form. */
static bool keyed_get(const json_t *pod, const char *path, const char **ret)
{
    static const char *const maps[] = {"labels", "annotations"};

    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        SCOPED(mem_drop) char *prefix = mem_printf("metadata.%s['", maps[i]);
        SCOPED(mem_drop) char *key = NULL;
        size_t len = strlen(path);

        if (strncmp(path, prefix, strlen(prefix)) != 0 || len < strlen(prefix) + 2 ||
            strcmp(path + len - 2, "']") != 0)
            continue;
        key = mem_slice_dup(slice_make(path + strlen(prefix), len - strlen(prefix) - 2));
        *ret = json_get_string(
            json_path_get(pod, i == 0 ? "metadata.labels" : "metadata.annotations"), key);
        return true;
    }
    return false;
}

int pod_view_field(const struct pod_view *view, const char *path, char **ret, struct error *err)
{
    const struct {
        const char *path;
        const char *value;
    } fields[] = {
        {"metadata.name", kube_name(view->pod)},
        {"metadata.namespace", kube_namespace(view->pod)},
        {"metadata.uid", json_path_string(view->pod, "metadata.uid")},
        {"spec.nodeName", view->node_name},
        {"spec.serviceAccountName",
         json_path_string_or(view->pod, "spec.serviceAccountName", "default")},
        {"status.podIP", view->pod_ip},
        {"status.podIPs", view->pod_ip},
        {"status.hostIP", view->host_ip},
        {"status.hostIPs", view->host_ip},
    };
    const char *keyed = NULL;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(path, fields[i].path) == 0) {
            *ret = mem_strdup(fields[i].value ? fields[i].value : "");
            return 0;
        }
    }
    if (keyed_get(view->pod, path, &keyed)) {
        *ret = mem_strdup(keyed ? keyed : "");
        return 0;
    }
    if (strcmp(path, "metadata.labels") == 0 || strcmp(path, "metadata.annotations") == 0) {
        struct buf text;

        buf_init(&text, TEXT_MAX);
        labels_format(json_path_get(view->pod, path), &text);
        *ret = text.data ? buf_take(&text) : mem_strdup("");
        return 0;
    }
    return err_set(err, ERR_INVALID, "fieldRef \"%s\" is not supported", path);
}

static const json_t *container_find(const json_t *pod, const char *name)
{
    const json_t *spec = json_object_get(pod, "spec");
    const json_t *found = json_array_find(json_object_get(spec, "containers"), "name", name);

    return found ? found : json_array_find(json_object_get(spec, "initContainers"), "name", name);
}

/* What a limit is when the container has none: what the machine has. */
static int64_t machine_milli(const char *resource)
{
    if (strcmp(resource, "cpu") == 0)
        return (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1000;
    if (strcmp(resource, "memory") == 0)
        return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) * 1000;
    return 0;
}

int pod_view_resource(const struct pod_view *view, const json_t *container, const json_t *reference,
                      char **ret, struct error *err)
{
    const char *name = json_get_string(reference, "containerName");
    const char *resource = json_path_string_or(reference, "resource", "");
    const char *dot = strchr(resource, '.');
    SCOPED(mem_drop) char *path = mem_printf("resources.%s", resource);
    int64_t milli = 0;
    int64_t divisor_milli = 1000;

    if (name && name[0])
        container = container_find(view->pod, name);
    if (!container || !dot ||
        (strncmp(resource, "limits.", 7) != 0 && strncmp(resource, "requests.", 9) != 0))
        return err_set(err, ERR_INVALID, "resourceFieldRef \"%s\" of container \"%s\" is not there",
                       resource, name ? name : "");
    if (quantity_parse(json_path_get(container, path), &milli) < 0 &&
        strncmp(resource, "limits.", 7) == 0)
        milli = machine_milli(dot + 1);
    if (json_object_get(reference, "divisor") &&
        (quantity_parse(json_object_get(reference, "divisor"), &divisor_milli) < 0 ||
         divisor_milli == 0))
        divisor_milli = 1000;
    *ret = mem_printf("%lld", (long long)((milli + divisor_milli - 1) / divisor_milli));
    return 0;
}

/* --- other objects --- */

int pod_view_object(const struct pod_view *view, bool is_secret, const char *name, bool optional,
                    json_t **ret, struct error *err)
{
    const struct pod_lookup *lookup = view->lookup;
    const char *ns = kube_namespace(view->pod);
    json_t *object = is_secret ? lookup->secret(ns, name, lookup->ctx)
                               : lookup->config_map(ns, name, lookup->ctx);

    if (!object && !optional)
        return err_set(err, ERR_NOT_FOUND, "%s \"%s\" not found",
                       is_secret ? "secret" : "configmap", name);
    *ret = object;
    return 0;
}
