/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a watch. See watch.h. */
#include "kube/objects/watch.h"

const char *kube_watch_type(const struct kube_filter *filter, const json_t *old, const json_t *now)
{
    bool was = old != NULL && kube_filter_match(filter, old);
    bool is = now != NULL && kube_filter_match(filter, now);

    if (is)
        return was ? "MODIFIED" : "ADDED";
    return was ? "DELETED" : NULL;
}

void kube_watch_line(const char *type, struct slice object_text, struct buf *out)
{
    buf_printf(out, "{\"type\":\"%s\",\"object\":", type);
    buf_append(out, object_text);
    buf_append_str(out, "}\n");
}

void kube_watch_line_tree(const char *type, const json_t *object, struct buf *out)
{
    buf_printf(out, "{\"type\":\"%s\",\"object\":", type);
    json_format(object, JSON_FORMAT_COMPACT, out);
    buf_append_str(out, "}\n");
}

void kube_watch_bookmark(const char *api_version, const char *kind, uint64_t revision,
                         bool initial_end, struct buf *out)
{
    buf_printf(out,
               "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\","
               "\"metadata\":{\"resourceVersion\":\"%llu\",\"creationTimestamp\":null%s}}}\n",
               kind, api_version, (unsigned long long)revision,
               initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}
