/* SPDX-License-Identifier: Apache-2.0 */
/* EndpointSlices of a Service, see slices.h. */
#include "kube/objects/slices.h"

#include "kube/objects/object.h"

static bool is_of(const json_t *slice, const json_t *service)
{
    const char *name = kube_label(slice, "kubernetes.io/service-name");

    return name && strcmp(name, kube_name(service)) == 0 &&
           strcmp(kube_namespace(slice), kube_namespace(service)) == 0;
}

static bool counts(const json_t *endpoint, bool terminating_too)
{
    const json_t *conditions = json_object_get(endpoint, "conditions");
    bool ready = json_get_bool(conditions, "ready", true);

    if (!terminating_too)
        return ready;
    return json_get_bool(conditions, "serving", ready) &&
           json_get_bool(conditions, "terminating", false);
}

static size_t slice_each(const json_t *slice, const json_t *endpoint, bool addresses_only,
                         void (*on_endpoint)(const struct slices_endpoint *endpoint, void *ctx),
                         void *ctx)
{
    struct slices_endpoint out = {.ip = json_path_string_or(endpoint, "addresses[0]", ""),
                                  .hostname = json_get_string(endpoint, "hostname"),
                                  .port_name = "",
                                  .protocol = "TCP"};
    json_t *port;
    size_t i;

    if (addresses_only) {
        on_endpoint(&out, ctx);
        return 1;
    }
    json_array_foreach(json_object_get(slice, "ports"), i, port)
    {
        out.port_name = json_path_string_or(port, "name", "");
        out.protocol = json_path_string_or(port, "protocol", "TCP");
        out.port = (unsigned)json_get_int(port, "port", 0) & 0xFFFF;
        on_endpoint(&out, ctx);
    }
    return 1;
}

void slices_each(const struct slices_source *source, const json_t *service, bool addresses_only,
                 void (*on_endpoint)(const struct slices_endpoint *endpoint, void *ctx), void *ctx)
{
    size_t seen = 0;

    for (int terminating_too = 0; terminating_too < 2 && seen == 0; terminating_too++) {
        size_t cursor = 0;
        json_t *slice;

        while ((slice = source->next(&cursor, source->ctx))) {
            json_t *endpoint;
            size_t i;

            if (!is_of(slice, service))
                continue;
            json_array_foreach(json_object_get(slice, "endpoints"), i, endpoint)
            {
                if (counts(endpoint, terminating_too))
                    seen += slice_each(slice, endpoint, addresses_only, on_endpoint, ctx);
            }
        }
    }
}
