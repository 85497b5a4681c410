/* SPDX-License-Identifier: Apache-2.0 */
/* Cells by (kind, column): one small function each, one table at the end. See kinds_cells.h; the
 * pod's, which are the long ones, are in kinds_cells_pod.c.
 */
#include "sandbox/kinds_cells.h"

#include "base/clock.h"
#include "base/mem.h"
#include "sandbox/kinds_cells_pod.h"

#include <stdio.h>

static json_t *text_or(const json_t *object, const char *path, const char *fallback)
{
    const char *text = json_path_string(object, path);

    return json_string(text && text[0] ? text : fallback);
}

static json_t *take_text(struct buf *buf, const char *fallback)
{
    json_t *cell = buf->len ? json_string_slice(buf_slice(buf)) : json_string(fallback);

    buf_deinit(buf);
    return cell;
}

static json_t *number(const json_t *object, const char *path)
{
    return json_integer(json_path_int(object, path, 0));
}

static json_t *since(const char *time_text, int64_t now_ms)
{
    int64_t then_ms;
    char age[32];

    if (time_text == NULL || clock_parse_rfc3339(slice_str(time_text), &then_ms) != 0)
        return json_string("<unknown>");
    return json_string(kinds_table_age(now_ms - then_ms, age));
}

/* "a=b,c=d" */
static json_t *map_cell(const json_t *map)
{
    struct buf out;
    const char *key;
    json_t *value;

    buf_init(&out, 0);
    json_object_foreach((json_t *)map, key, value)
        buf_printf(&out, "%s%s=%s", out.len ? "," : "", key, json_string_value(value));
    return take_text(&out, "<none>");
}

/* Some member of each item of a list, "," between. */
static json_t *join_cell(const json_t *list, const char *member, const char *fallback)
{
    struct buf out;
    size_t i;
    json_t *item;

    buf_init(&out, 0);
    json_array_foreach(list, i, item)
    {
        const char *text = member ? json_get_string(item, member) : json_string_value(item);

        if (text != NULL)
            buf_printf(&out, "%s%s", out.len ? "," : "", text);
    }
    return take_text(&out, fallback);
}

/* --- workloads --- */

static json_t *containers(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return join_cell(json_path_get(object, "spec.template.spec.containers"), "name", "");
}

static json_t *images(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return join_cell(json_path_get(object, "spec.template.spec.containers"), "image", "");
}

static json_t *match_labels(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return map_cell(json_path_get(object, "spec.selector.matchLabels"));
}

static json_t *ready_of_desired(const json_t *object, int64_t now_ms)
{
    char text[32];

    (void)now_ms;
    snprintf(text, sizeof text, "%lld/%lld",
             (long long)json_path_int(object, "status.readyReplicas", 0),
             (long long)json_path_int(object, "spec.replicas", 0));
    return json_string(text);
}

static json_t *status_updated(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return number(object, "status.updatedReplicas");
}

static json_t *status_available(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return number(object, "status.availableReplicas");
}

static json_t *spec_replicas(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return number(object, "spec.replicas");
}

static json_t *status_replicas(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return number(object, "status.replicas");
}

static json_t *status_ready(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return number(object, "status.readyReplicas");
}

/* --- services and endpoints --- */

static json_t *cluster_ip(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "spec.clusterIP", "<none>");
}

static json_t *external_ip(const json_t *object, int64_t now_ms)
{
    const json_t *ingress = json_path_get(object, "status.loadBalancer.ingress");
    const char *type = json_path_string_or(object, "spec.type", "ClusterIP");

    (void)now_ms;
    if (strcmp(type, "ExternalName") == 0)
        return text_or(object, "spec.externalName", "<none>");
    if (strcmp(type, "LoadBalancer") == 0)
        return json_array_size(ingress) ? join_cell(ingress, "ip", "<pending>")
                                        : json_string("<pending>");
    return join_cell(json_path_get(object, "spec.externalIPs"), NULL, "<none>");
}

static json_t *service_ports(const json_t *object, int64_t now_ms)
{
    struct buf out;
    size_t i;
    json_t *port;

    (void)now_ms;
    buf_init(&out, 0);
    json_array_foreach(json_path_get(object, "spec.ports"), i, port)
    {
        int64_t node_port = json_get_int(port, "nodePort", 0);

        buf_printf(&out, "%s%lld", out.len ? "," : "", (long long)json_get_int(port, "port", 0));
        if (node_port)
            buf_printf(&out, ":%lld", (long long)node_port);
        buf_printf(&out, "/%s", json_path_string_or(port, "protocol", "TCP"));
    }
    return take_text(&out, "<none>");
}

static json_t *service_type(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "spec.type", "");
}

static json_t *service_selector(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return map_cell(json_path_get(object, "spec.selector"));
}

/* The first three, then " + N more...". */
struct first_three {
    struct buf out;
    size_t count;
};

static void three_add(struct first_three *three, const char *address, int64_t port)
{
    if (++three->count > 3)
        return;
    buf_printf(&three->out, "%s%s", three->out.len ? "," : "", address);
    if (port)
        buf_printf(&three->out, ":%lld", (long long)port);
}

static json_t *three_take(struct first_three *three, const char *fallback)
{
    if (three->count > 3)
        buf_printf(&three->out, " + %zu more...", three->count - 3);
    return take_text(&three->out, fallback);
}

static json_t *endpoints_cell(const json_t *object, int64_t now_ms)
{
    struct first_three three = {0};
    size_t i, j, k;
    json_t *subset, *port, *address;

    (void)now_ms;
    buf_init(&three.out, 0);
    json_array_foreach(json_object_get(object, "subsets"), i, subset)
    {
        json_array_foreach(json_object_get(subset, "ports"), j, port)
        {
            json_array_foreach(json_object_get(subset, "addresses"), k, address) three_add(
                &three, json_path_string_or(address, "ip", ""), json_get_int(port, "port", 0));
        }
    }
    return three_take(&three, "<none>");
}

static json_t *slice_ports(const json_t *object, int64_t now_ms)
{
    struct first_three three = {0};
    size_t i;
    json_t *port;

    (void)now_ms;
    buf_init(&three.out, 0);
    json_array_foreach(json_object_get(object, "ports"), i, port)
    {
        char text[16];

        snprintf(text, sizeof text, "%lld", (long long)json_get_int(port, "port", 0));
        three_add(&three, text, 0);
    }
    return three_take(&three, "<unset>");
}

static json_t *slice_endpoints(const json_t *object, int64_t now_ms)
{
    struct first_three three = {0};
    size_t i, j;
    json_t *endpoint, *address;

    (void)now_ms;
    buf_init(&three.out, 0);
    json_array_foreach(json_object_get(object, "endpoints"), i, endpoint)
    {
        json_array_foreach(json_object_get(endpoint, "addresses"), j, address)
            three_add(&three, json_string_value(address), 0);
    }
    return three_take(&three, "<unset>");
}

static json_t *slice_type(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "addressType", "");
}

/* --- configuration and accounts --- */

static json_t *data_count(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return json_integer((json_int_t)(json_object_size(json_object_get(object, "data")) +
                                     json_object_size(json_object_get(object, "binaryData"))));
}

static json_t *secret_count(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return json_integer((json_int_t)json_array_size(json_object_get(object, "secrets")));
}

static json_t *plain_type(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "type", "");
}

static json_t *webhook_count(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return json_integer((json_int_t)json_array_size(json_object_get(object, "webhooks")));
}

static json_t *role_ref(const json_t *object, int64_t now_ms)
{
    char *text = mem_printf("%s/%s", json_path_string_or(object, "roleRef.kind", ""),
                            json_path_string_or(object, "roleRef.name", ""));
    json_t *cell = json_string(text);

    (void)now_ms;
    mem_free(text);
    return cell;
}

static json_t *status_phase(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "status.phase", "");
}

static json_t *created_at(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "metadata.creationTimestamp", "");
}

static json_t *lease_holder(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "spec.holderIdentity", "");
}

/* --- nodes --- */

static json_t *node_status(const json_t *object, int64_t now_ms)
{
    const char *ready = "Unknown";
    size_t i;
    json_t *condition;
    char text[64];

    (void)now_ms;
    json_array_foreach(json_path_get(object, "status.conditions"), i, condition)
    {
        if (strcmp(json_path_string_or(condition, "type", ""), "Ready") == 0)
            ready = strcmp(json_path_string_or(condition, "status", ""), "True") == 0 ? "Ready"
                                                                                      : "NotReady";
    }
    snprintf(text, sizeof text, "%s%s", ready,
             json_path_bool(object, "spec.unschedulable", false) ? ",SchedulingDisabled" : "");
    return json_string(text);
}

static json_t *node_roles(const json_t *object, int64_t now_ms)
{
    static const char prefix[] = "node-role.kubernetes.io/";
    struct buf out;
    const char *key;
    json_t *value;

    (void)now_ms;
    buf_init(&out, 0);
    json_object_foreach(json_path_get(object, "metadata.labels"), key, value)
    {
        if (strncmp(key, prefix, sizeof prefix - 1) == 0)
            buf_printf(&out, "%s%s", out.len ? "," : "", key + sizeof prefix - 1);
    }
    return take_text(&out, "<none>");
}

static json_t *node_address(const json_t *object, const char *type)
{
    size_t i;
    json_t *address;

    json_array_foreach(json_path_get(object, "status.addresses"), i, address)
    {
        if (strcmp(json_path_string_or(address, "type", ""), type) == 0)
            return text_or(address, "address", "<none>");
    }
    return json_string("<none>");
}

static json_t *node_internal_ip(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return node_address(object, "InternalIP");
}

static json_t *node_external_ip(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return node_address(object, "ExternalIP");
}

static json_t *node_version(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "status.nodeInfo.kubeletVersion", "");
}

static json_t *node_os_image(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "status.nodeInfo.osImage", "<unknown>");
}

static json_t *node_kernel(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "status.nodeInfo.kernelVersion", "<unknown>");
}

static json_t *node_runtime(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "status.nodeInfo.containerRuntimeVersion", "<unknown>");
}

/* --- events --- */

static json_t *event_last_seen(const json_t *object, int64_t now_ms)
{
    const char *time_text = json_path_string(object, "lastTimestamp");

    if (time_text == NULL)
        time_text = json_path_string(object, "eventTime");
    return since(time_text, now_ms);
}

static json_t *event_first_seen(const json_t *object, int64_t now_ms)
{
    return since(json_path_string(object, "firstTimestamp"), now_ms);
}

static json_t *event_reason(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "reason", "");
}

static json_t *event_object(const json_t *object, int64_t now_ms)
{
    struct buf out;
    const char *kind = json_path_string_or(object, "involvedObject.kind", "");

    (void)now_ms;
    buf_init(&out, 0);
    for (const char *c = kind; *c; c++)
        buf_append_char(&out, *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c);
    buf_printf(&out, "/%s", json_path_string_or(object, "involvedObject.name", ""));
    return take_text(&out, "");
}

static json_t *event_subobject(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "involvedObject.fieldPath", "");
}

static json_t *event_source(const json_t *object, int64_t now_ms)
{
    const char *host = json_path_string_or(object, "source.host", "");
    char *text = mem_printf("%s%s%s", json_path_string_or(object, "source.component", ""),
                            host[0] ? ", " : "", host);
    json_t *cell = json_string(text);

    (void)now_ms;
    mem_free(text);
    return cell;
}

static json_t *event_message(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return json_string_slice(slice_trim(slice_str(json_path_string_or(object, "message", ""))));
}

static json_t *event_count(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return json_integer(json_path_int(object, "count", 1));
}

static json_t *object_name(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return text_or(object, "metadata.name", "");
}

/* --- autoscalers --- */

static json_t *hpa_reference(const json_t *object, int64_t now_ms)
{
    char *text = mem_printf("%s/%s", json_path_string_or(object, "spec.scaleTargetRef.kind", ""),
                            json_path_string_or(object, "spec.scaleTargetRef.name", ""));
    json_t *cell = json_string(text);

    (void)now_ms;
    mem_free(text);
    return cell;
}

static json_t *hpa_targets(const json_t *object, int64_t now_ms)
{
    struct buf out;
    size_t i;
    json_t *metric;

    (void)now_ms;
    buf_init(&out, 0);
    json_array_foreach(json_path_get(object, "spec.metrics"), i, metric)
    {
        const char *name = json_path_string_or(metric, "resource.name", "?");
        int64_t target = json_path_int(metric, "resource.target.averageUtilization", 0);

        if (i < 2)
            buf_printf(&out, "%s%s: <unknown>/%lld%%", out.len ? ", " : "", name,
                       (long long)target);
    }
    if (json_array_size(json_path_get(object, "spec.metrics")) > 2)
        buf_printf(&out, " + %zu more...",
                   json_array_size(json_path_get(object, "spec.metrics")) - 2);
    return take_text(&out, "<none>");
}

static json_t *hpa_min(const json_t *object, int64_t now_ms)
{
    char text[24];

    (void)now_ms;
    snprintf(text, sizeof text, "%lld", (long long)json_path_int(object, "spec.minReplicas", 1));
    return json_string(text);
}

static json_t *hpa_max(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return number(object, "spec.maxReplicas");
}

static json_t *hpa_replicas(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return number(object, "status.currentReplicas");
}

/* --- the table --- */

typedef json_t *cell_fn(const json_t *object, int64_t now_ms);

static const struct cell_row {
    const char *kind; /* NULL: any */
    const char *column;
    cell_fn *make;
} cell_rows[] = {
    {"Pod", "Ready", kinds_cell_pod_ready},
    {"Pod", "Status", kinds_cell_pod_status},
    {"Pod", "Restarts", kinds_cell_pod_restarts},
    {"Pod", "IP", kinds_cell_pod_ip},
    {"Pod", "Node", kinds_cell_pod_node},
    {"Pod", "Nominated Node", kinds_cell_pod_nominated},
    {"Pod", "Readiness Gates", kinds_cell_pod_gates},
    {"Service", "Cluster-IP", cluster_ip},
    {"Service", "External-IP", external_ip},
    {"Service", "Port(s)", service_ports},
    {"Service", "Selector", service_selector},
    {"Service", "Type", service_type},
    {"Deployment", "Ready", ready_of_desired},
    {"Deployment", "Up-to-date", status_updated},
    {"Deployment", "Available", status_available},
    {"StatefulSet", "Ready", ready_of_desired},
    {"ReplicaSet", "Desired", spec_replicas},
    {"ReplicaSet", "Current", status_replicas},
    {"ReplicaSet", "Ready", status_ready},
    {"ReplicationController", "Desired", spec_replicas},
    {"ReplicationController", "Current", status_replicas},
    {"ReplicationController", "Ready", status_ready},
    {"Endpoints", "Endpoints", endpoints_cell},
    {"EndpointSlice", "Ports", slice_ports},
    {"EndpointSlice", "Endpoints", slice_endpoints},
    {"EndpointSlice", "AddressType", slice_type},
    {"ConfigMap", "Data", data_count},
    {"Secret", "Data", data_count},
    {"Secret", "Type", plain_type},
    {"ServiceAccount", "Secrets", secret_count},
    {"Namespace", "Status", status_phase},
    {"MutatingWebhookConfiguration", "Webhooks", webhook_count},
    {"ValidatingWebhookConfiguration", "Webhooks", webhook_count},
    {"RoleBinding", "Role", role_ref},
    {"ClusterRoleBinding", "Role", role_ref},
    {"Lease", "Holder", lease_holder},
    {"Node", "Status", node_status},
    {"Node", "Roles", node_roles},
    {"Node", "Version", node_version},
    {"Node", "Internal-IP", node_internal_ip},
    {"Node", "External-IP", node_external_ip},
    {"Node", "OS-Image", node_os_image},
    {"Node", "Kernel-Version", node_kernel},
    {"Node", "Container-Runtime", node_runtime},
    {"Event", "Last Seen", event_last_seen},
    {"Event", "First Seen", event_first_seen},
    {"Event", "Type", plain_type},
    {"Event", "Reason", event_reason},
    {"Event", "Object", event_object},
    {"Event", "Subobject", event_subobject},
    {"Event", "Source", event_source},
    {"Event", "Message", event_message},
    {"Event", "Count", event_count},
    {"Event", "Name", object_name},
    {"HorizontalPodAutoscaler", "Reference", hpa_reference},
    {"HorizontalPodAutoscaler", "Targets", hpa_targets},
    {"HorizontalPodAutoscaler", "MinPods", hpa_min},
    {"HorizontalPodAutoscaler", "MaxPods", hpa_max},
    {"HorizontalPodAutoscaler", "Replicas", hpa_replicas},
    {NULL, "Containers", containers},
    {NULL, "Images", images},
    {NULL, "Selector", match_labels},
    {NULL, "Created At", created_at},
};

json_t *kinds_cell(const struct kind *kind, const char *column, const json_t *object,
                   int64_t now_ms)
{
    for (size_t i = 0; i < ARRAY_LEN(cell_rows); i++) {
        const struct cell_row *row = &cell_rows[i];

        if (strcmp(row->column, column) == 0 &&
            (row->kind == NULL || strcmp(row->kind, kind->kind) == 0))
            return row->make(object, now_ms);
    }
    return NULL;
}
