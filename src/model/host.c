/* SPDX-License-Identifier: Apache-2.0 */
/* Host names as Istio reads them: short names, wildcards; and who may see what (exportTo).
 *
 * Place   this folder and translate
 * Owns    nothing
 */
#include <stdio.h>

#include "model/mesh_int.h"

bool mesh_host_resolve(const char *host, const char *namespace, const char *domain, char *out,
                       size_t out_size)
{
    bool is_short = !strchr(host, '.') && !strchr(host, '*') && !strchr(host, ':') && host[0];
    int len;

    if (is_short)
        len = snprintf(out, out_size, "%s.%s.svc.%s", host, namespace, domain);
    else
        len = snprintf(out, out_size, "%s", host);
    if (len < 0 || (size_t)len >= out_size)
        return false;
    for (char *c = out; *c; c++)
        *c = slice_char_lower(*c);
    return true;
}

bool mesh_host_covers(const char *pattern, const char *host)
{
    struct slice suffix;
    struct slice text = slice_str(host);

    if (pattern[0] != '*')
        return strcmp(pattern, host) == 0;
    suffix = slice_str(pattern + 1);
    /* "*.a.b" covers "x.a.b" and the wildcard "*.a.b" itself, never "a.b" */
    return text.len > suffix.len && slice_ends_with(text, suffix);
}

bool mesh_export_covers(const char *const *items, size_t count, const char *own_namespace,
                        const char *namespace)
{
    bool is_own = strcmp(own_namespace, namespace) == 0;
    bool is_hidden = false;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i], "*") == 0)
            return true;
        is_hidden = is_hidden || strcmp(items[i], "~") == 0;
    }
    if (count == 0)
        return true;
    if (is_hidden)
        return false;
    for (size_t i = 0; i < count; i++)
        if ((is_own && strcmp(items[i], ".") == 0) || strcmp(items[i], namespace) == 0)
            return true;
    return false;
}

bool mesh_service_visible(const struct mesh_service *service, const char *namespace)
{
    return mesh_export_covers(service->export_to, service->export_to_count, service->meta.namespace,
                              namespace);
}

bool mesh_virtual_service_visible(const struct mesh_virtual_service *vs, const char *namespace)
{
    return mesh_export_covers((const char *const *)vs->spec->export_to, vs->spec->export_to_count,
                              vs->meta.namespace, namespace);
}

bool mesh_virtual_service_bound(const struct mesh_virtual_service *vs, const char *gateway)
{
    for (size_t i = 0; i < vs->gateway_count; i++)
        if (strcmp(vs->gateways[i], gateway) == 0)
            return true;
    return false;
}
