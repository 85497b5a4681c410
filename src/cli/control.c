/* SPDX-License-Identifier: Apache-2.0 */
/* See control.h.
 */
#include "cli/control.h"

#include "base/mem.h"
#include "cli/installed.h"
#include "kube/objects/object.h"
#include "wire/json.h"

#include <stdlib.h>

enum { MONITOR_PORT = 15014, TIMEOUT_MS = 10000 };

int control_pods(struct kube_client *client, const char *ns, const char *revision, json_t **ret,
                 struct error *err)
{
    SCOPED(mem_drop)
    char *query = revision ? mem_printf("labelSelector=app%%3Distiod,istio.io/rev%%3D%s", revision)
                           : mem_strdup("labelSelector=app%3Distiod");
    SCOPED(json_drop) json_t *list = NULL;
    json_t *running = json_array();
    size_t i;
    json_t *pod;
    int rc = installed_query(client, KUBE_RESOURCE_POD, ns, query, &list, err);

    json_array_foreach(list, i, pod)
    {
        if (json_path_is(pod, "status.phase", "Running") && !kube_is_deleting(pod))
            json_array_append(running, pod);
    }
    if (rc >= 0 && json_array_size(running) == 0)
        rc = err_set(err, ERR_NOT_FOUND, "no running Istio pods in \"%s\"", ns);
    if (rc < 0)
        json_decref(running);
    else
        *ret = running;
    return rc;
}

int control_get(struct kube_client *client, const json_t *pod, const char *path, json_t **ret,
                struct error *err)
{
    SCOPED(mem_drop)
    char *raw = mem_printf("/api/v1/namespaces/%s/pods/%s:%d/proxy%s", kube_namespace(pod),
                           kube_name(pod), MONITOR_PORT, path);
    struct kube_request request = {.verb = KUBE_GET, .raw_path = raw, .timeout_ms = TIMEOUT_MS};

    return kube_call_wait(client, &request, ret, err);
}

/* "sidecar~10.0.0.1~POD.NS~NS.svc.cluster.local" is POD.NS. */
static struct slice proxy_name(const char *id)
{
    struct slice rest = slice_str(id);
    struct slice piece = {0};

    for (int i = 0; i < 3; i++)
        if (!slice_split_next(&rest, '~', &piece))
            return slice_str(id);
    return piece;
}

const char *control_proxy_version(const json_t *proxy)
{
    return json_path_string_or(proxy, "weft_version",
                               json_path_string_or(proxy, "istio_version", "unknown"));
}

struct row {
    json_t *proxy; /* borrowed */
    const char *name;
};

static int row_compare(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

/* A new array of the same objects, by name. */
static json_t *sorted(const json_t *list)
{
    size_t count = json_array_size(list);
    struct row *rows = mem_calloc(count + 1, sizeof *rows);
    json_t *ret = json_array();

    for (size_t i = 0; i < count; i++) {
        rows[i].proxy = json_array_get(list, i);
        rows[i].name = json_path_string_or(rows[i].proxy, "proxy", "");
    }
    qsort(rows, count, sizeof *rows, row_compare);
    for (size_t i = 0; i < count; i++)
        json_array_append(ret, rows[i].proxy);
    mem_free(rows);
    return ret;
}

int control_proxies(struct kube_client *client, const json_t *pods, json_t **ret, struct error *err)
{
    SCOPED(json_drop) json_t *all = json_array();
    size_t i, k;
    json_t *pod, *proxy;

    json_array_foreach(pods, i, pod)
    {
        SCOPED(json_drop) json_t *page = NULL;
        int rc = control_get(client, pod, "/debug/syncz", &page, err);

        if (rc < 0)
            return rc;
        json_array_foreach(page, k, proxy)
        {
            struct slice name = proxy_name(json_path_string_or(proxy, "proxy", ""));

            json_object_set_new(proxy, "proxy", json_string_slice(name));
            json_set_string(proxy, "istiod", kube_name(pod));
            json_array_append(all, proxy);
        }
    }
    *ret = sorted(all);
    return 0;
}
