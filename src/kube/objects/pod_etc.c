/* SPDX-License-Identifier: Apache-2.0 */
/* Files of /etc, see pod_etc.h. */
#include "kube/objects/pod_etc.h"

#include "base/buf.h"
#include "kube/objects/object.h"

enum { TEXT_MAX = 1 << 20 };

static void text_put(json_t *files, const char *name, struct buf *text)
{
    json_object_set_new(files, name, json_string_slice(buf_slice(text)));
    buf_reset(text);
}

static void hosts_write(const struct pod_view *view, const char *hostname, struct buf *text)
{
    json_t *alias;
    size_t i;

    buf_append_str(text, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"
                         "::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
                         "fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\n"
                         "fe00::2\tip6-allrouters\n");
    buf_printf(text, "%s\t%s\n", view->pod_ip, hostname);
    json_array_foreach(json_path_get(view->pod, "spec.hostAliases"), i, alias)
    {
        json_t *name;
        size_t j;

        buf_append_str(text, json_path_string_or(alias, "ip", ""));
        json_array_foreach(json_object_get(alias, "hostnames"), j, name)
            buf_printf(text, "\t%s", json_is_string(name) ? json_string_value(name) : "");
        buf_append_char(text, '\n');
    }
}

json_t *pod_etc_build(const struct pod_view *view, const char *dns_ip)
{
    const char *hostname = json_path_string_or(view->pod, "spec.hostname", kube_name(view->pod));
    const char *policy = json_path_string_or(view->pod, "spec.dnsPolicy", "ClusterFirst");
    json_t *files = json_object();
    struct buf text;

    buf_init(&text, TEXT_MAX);
    hosts_write(view, hostname, &text);
    text_put(files, "hosts", &text);
    buf_printf(&text, "%s\n", hostname);
    text_put(files, "hostname", &text);
    if (strcmp(policy, "Default") == 0)
        buf_printf(&text, "nameserver %s\n", dns_ip);
    else
        buf_printf(&text,
                   "search %s.svc.cluster.local svc.cluster.local cluster.local\n"
                   "nameserver %s\noptions ndots:5\n",
                   kube_namespace(view->pod), dns_ip);
    text_put(files, "resolv.conf", &text);
    buf_deinit(&text);
    return files;
}
