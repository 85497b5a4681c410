/* SPDX-License-Identifier: Apache-2.0 */
/* Cells by (kind, column): a table at the end, by path or by a small function. See kinds_cells.h;
 * the pod's, which are the long ones, are in kinds_cells_pod.c.
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

static json_t *ready_of_desired(const json_t *object, int64_t now_ms)
{
    char text[32];

    (void)now_ms;
    snprintf(text, sizeof text, "%lld/%lld",
             (long long)json_path_int(object, "status.readyReplicas", 0),
             (long long)json_path_int(object, "spec.replicas", 0));
    return json_string(text);
}

/* --- services and endpoints --- */

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

/* --- configuration and accounts --- */

static json_t *data_count(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return json_integer((json_int_t)(json_object_size(json_object_get(object, "data")) +
                                     json_object_size(json_object_get(object, "binaryData"))));
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

/* --- events --- */

static json_t *event_last_seen(const json_t *object, int64_t now_ms)
{
    const char *time_text = json_path_string(object, "lastTimestamp");

    if (time_text == NULL)
        time_text = json_path_string(object, "eventTime");
    return since(time_text, now_ms);
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

/* status.currentMetrics' entry of a resource, or NULL. */
static const json_t *current_metric(const json_t *object, const char *name)
{
    size_t i;
    json_t *metric;

    json_array_foreach(json_path_get(object, "status.currentMetrics"), i, metric)
    {
        if (strcmp(json_path_string_or(metric, "resource.name", ""), name) == 0)
            return metric;
    }
    return NULL;
}

/* The value of the kind that the target has. */
static void hpa_value(const json_t *value, const json_t *target, struct buf *out)
{
    const json_t *percent = json_object_get(value, "averageUtilization");

    if (!json_object_get(target, "averageUtilization"))
        buf_append_str(out, json_path_string_or(value, "averageValue", "<unknown>"));
    else if (percent)
        buf_printf(out, "%lld%%", (long long)json_integer_value(percent));
    else
        buf_append_str(out, "<unknown>");
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
        const json_t *target = json_path_get(metric, "resource.target");

        if (i == 2)
            break;
        buf_printf(&out, "%s%s: ", out.len ? ", " : "", name);
        hpa_value(json_path_get(current_metric(object, name), "resource.current"), target, &out);
        buf_append_char(&out, '/');
        hpa_value(target, target, &out);
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

/* --- the table --- */

enum cell_form {
    CELL_TEXT,    /* the text at the path, or `extra` */
    CELL_NUMBER,  /* the number at the path, 0 when absent */
    CELL_COUNT,   /* of the list's items */
    CELL_MAP,     /* "a=b,c=d" */
    CELL_JOIN,    /* member `extra` of each item */
    CELL_SINCE,   /* age of the time */
    CELL_ADDRESS, /* of a node, of type `extra` */
    CELL_CALL,    /* the function */
};

static const struct cell_row {
    const char *kind; /* NULL: any */
    const char *column;
    enum cell_form form;
    const char *path, *extra;
    json_t *(*make)(const json_t *object, int64_t now_ms);
} cell_rows[] = {
    {"Pod", "Ready", CELL_CALL, .make = kinds_cell_pod_ready},
    {"Pod", "Status", CELL_CALL, .make = kinds_cell_pod_status},
    {"Pod", "Restarts", CELL_CALL, .make = kinds_cell_pod_restarts},
    {"Pod", "IP", CELL_TEXT, "status.podIP", "<none>"},
    {"Pod", "Node", CELL_TEXT, "spec.nodeName", "<none>"},
    {"Pod", "Nominated Node", CELL_TEXT, "status.nominatedNodeName", "<none>"},
    {"Pod", "Readiness Gates", CELL_CALL, .make = kinds_cell_pod_gates},
    {"Service", "Type", CELL_TEXT, "spec.type", ""},
    {"Service", "Cluster-IP", CELL_TEXT, "spec.clusterIP", "<none>"},
    {"Service", "External-IP", CELL_CALL, .make = external_ip},
    {"Service", "Port(s)", CELL_CALL, .make = service_ports},
    {"Service", "Selector", CELL_MAP, "spec.selector"},
    {"Deployment", "Ready", CELL_CALL, .make = ready_of_desired},
    {"Deployment", "Up-to-date", CELL_NUMBER, "status.updatedReplicas"},
    {"Deployment", "Available", CELL_NUMBER, "status.availableReplicas"},
    {"StatefulSet", "Ready", CELL_CALL, .make = ready_of_desired},
    {"ReplicaSet", "Desired", CELL_NUMBER, "spec.replicas"},
    {"ReplicaSet", "Current", CELL_NUMBER, "status.replicas"},
    {"ReplicaSet", "Ready", CELL_NUMBER, "status.readyReplicas"},
    {"ReplicationController", "Desired", CELL_NUMBER, "spec.replicas"},
    {"ReplicationController", "Current", CELL_NUMBER, "status.replicas"},
    {"ReplicationController", "Ready", CELL_NUMBER, "status.readyReplicas"},
    {"Endpoints", "Endpoints", CELL_CALL, .make = endpoints_cell},
    {"EndpointSlice", "Ports", CELL_CALL, .make = slice_ports},
    {"EndpointSlice", "Endpoints", CELL_CALL, .make = slice_endpoints},
    {"EndpointSlice", "AddressType", CELL_TEXT, "addressType", ""},
    {"ConfigMap", "Data", CELL_CALL, .make = data_count},
    {"Secret", "Data", CELL_CALL, .make = data_count},
    {"Secret", "Type", CELL_TEXT, "type", ""},
    {"ServiceAccount", "Secrets", CELL_COUNT, "secrets"},
    {"Namespace", "Status", CELL_TEXT, "status.phase", ""},
    {"MutatingWebhookConfiguration", "Webhooks", CELL_COUNT, "webhooks"},
    {"ValidatingWebhookConfiguration", "Webhooks", CELL_COUNT, "webhooks"},
    {"RoleBinding", "Role", CELL_CALL, .make = role_ref},
    {"ClusterRoleBinding", "Role", CELL_CALL, .make = role_ref},
    {"Lease", "Holder", CELL_TEXT, "spec.holderIdentity", ""},
    {"Node", "Status", CELL_CALL, .make = node_status},
    {"Node", "Roles", CELL_CALL, .make = node_roles},
    {"Node", "Version", CELL_TEXT, "status.nodeInfo.kubeletVersion", ""},
    {"Node", "Internal-IP", CELL_ADDRESS, "", "InternalIP"},
    {"Node", "External-IP", CELL_ADDRESS, "", "ExternalIP"},
    {"Node", "OS-Image", CELL_TEXT, "status.nodeInfo.osImage", "<unknown>"},
    {"Node", "Kernel-Version", CELL_TEXT, "status.nodeInfo.kernelVersion", "<unknown>"},
    {"Node", "Container-Runtime", CELL_TEXT, "status.nodeInfo.containerRuntimeVersion",
     "<unknown>"},
    {"Event", "Last Seen", CELL_CALL, .make = event_last_seen},
    {"Event", "First Seen", CELL_SINCE, "firstTimestamp"},
    {"Event", "Type", CELL_TEXT, "type", ""},
    {"Event", "Reason", CELL_TEXT, "reason", ""},
    {"Event", "Object", CELL_CALL, .make = event_object},
    {"Event", "Subobject", CELL_TEXT, "involvedObject.fieldPath", ""},
    {"Event", "Source", CELL_CALL, .make = event_source},
    {"Event", "Message", CELL_CALL, .make = event_message},
    {"Event", "Count", CELL_NUMBER, "count"},
    {"Event", "Name", CELL_TEXT, "metadata.name", ""},
    {"HorizontalPodAutoscaler", "Reference", CELL_CALL, .make = hpa_reference},
    {"HorizontalPodAutoscaler", "Targets", CELL_CALL, .make = hpa_targets},
    {"HorizontalPodAutoscaler", "MinPods", CELL_CALL, .make = hpa_min},
    {"HorizontalPodAutoscaler", "MaxPods", CELL_NUMBER, "spec.maxReplicas"},
    {"HorizontalPodAutoscaler", "Replicas", CELL_NUMBER, "status.currentReplicas"},
    {NULL, "Containers", CELL_JOIN, "spec.template.spec.containers", "name"},
    {NULL, "Images", CELL_JOIN, "spec.template.spec.containers", "image"},
    {NULL, "Selector", CELL_MAP, "spec.selector.matchLabels"},
    {NULL, "Created At", CELL_TEXT, "metadata.creationTimestamp", ""},
};

static json_t *row_cell(const struct cell_row *row, const json_t *object, int64_t now_ms)
{
    switch (row->form) {
    case CELL_TEXT:
        return text_or(object, row->path, row->extra);
    case CELL_NUMBER:
        return json_integer(json_path_int(object, row->path, 0));
    case CELL_COUNT:
        return json_integer((json_int_t)json_array_size(json_path_get(object, row->path)));
    case CELL_MAP:
        return map_cell(json_path_get(object, row->path));
    case CELL_JOIN:
        return join_cell(json_path_get(object, row->path), row->extra, "");
    case CELL_SINCE:
        return since(json_path_string(object, row->path), now_ms);
    case CELL_ADDRESS:
        return node_address(object, row->extra);
    case CELL_CALL:
        break;
    }
    return row->make(object, now_ms);
}

json_t *kinds_cell(const struct kind *kind, const char *column, const json_t *object,
                   int64_t now_ms)
{
    for (size_t i = 0; i < ARRAY_LEN(cell_rows); i++) {
        const struct cell_row *row = &cell_rows[i];

        if (strcmp(row->column, column) == 0 &&
            (row->kind == NULL || strcmp(row->kind, kind->kind) == 0))
            return row_cell(row, object, now_ms);
    }
    return NULL;
}
