/* SPDX-License-Identifier: Apache-2.0 */
/* The table of resources, and paths.
 */
#include "kube/resource.h"

static const struct kube_resource resources[KUBE_RESOURCE_COUNT] = {
#define KUBE_RESOURCE_ENTRY(name, group, version, plural, kind, namespaced)                        \
    [KUBE_RESOURCE_##name] = {group, version, plural, kind, namespaced},
    KUBE_RESOURCE_MAP(KUBE_RESOURCE_ENTRY)
#undef KUBE_RESOURCE_ENTRY
};

const struct kube_resource *kube_resource_get(enum kube_resource_id id)
{
    return &resources[id];
}

const struct kube_resource *kube_resource_find(const char *api_version, const char *kind)
{
    const char *slash = strchr(api_version, '/');
    struct slice group = slice_make(api_version, slash ? (size_t)(slash - api_version) : 0);

    for (size_t i = 0; i < KUBE_RESOURCE_COUNT; i++)
        if (strcmp(resources[i].kind, kind) == 0 && slice_eq_str(group, resources[i].group))
            return &resources[i];
    return NULL;
}

/* "/" and the segment; what is not unreserved (RFC 3986 section 2.3) is encoded. */
static void segment_append(struct buf *out, const char *segment)
{
    buf_append_char(out, '/');
    for (const unsigned char *c = (const unsigned char *)segment; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || strchr("-._~:", *c) != NULL;

        if (plain)
            buf_append_char(out, (char)*c);
        else
            buf_printf(out, "%%%02X", *c);
    }
}

void kube_resource_path(const struct kube_resource *resource, const char *ns, const char *name,
                        const char *subresource, struct buf *out)
{
    buf_append_str(out, resource->group[0] ? "/apis" : "/api");
    if (resource->group[0])
        segment_append(out, resource->group);
    segment_append(out, resource->version);
    if (ns && *ns && resource->namespaced) {
        segment_append(out, "namespaces");
        segment_append(out, ns);
    }
    segment_append(out, resource->plural);
    if (name)
        segment_append(out, name);
    if (name && subresource)
        segment_append(out, subresource);
}
