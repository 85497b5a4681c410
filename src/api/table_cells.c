/* SPDX-License-Identifier: Apache-2.0 */
/* Cells that no form of the YAML files in api/ can say: a function by (kind, column). See
 * table_int.h; the pod's are in table_pod.c.
 */
#include "api/table_int.h"

#include "base/buf.h"
#include "base/mem.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

/* --- services and endpoints --- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The addresses, each once and in order: of a point without an IP its host name. */
static json_t *balancer_cell(const json_t *object, const char *fallback)
{
    const json_t *points = json_path_get(object, "status.loadBalancer.ingress");
    const char **texts = mem_calloc(json_array_size(points) + 1, sizeof *texts);
    struct buf out;
    size_t count = 0;
    size_t i;
    json_t *point;

    buf_init(&out, 0);
    json_array_foreach(points, i, point)
    {
        const char *ip = json_path_string_or(point, "ip", "");
        const char *host = json_path_string_or(point, "hostname", "");

        if (ip[0] || host[0])
            texts[count++] = ip[0] ? ip : host;
    }
    qsort(texts, count, sizeof *texts, compare_texts);
    for (i = 0; i < count; i++)
        if (i == 0 || strcmp(texts[i], texts[i - 1]) != 0)
            buf_printf(&out, "%s%s", out.len ? "," : "", texts[i]);
    mem_free(texts);
    return table_cell_of_buf(&out, fallback);
}

static json_t *external_ip(const json_t *object, int64_t now_ms)
{
    const char *type = json_path_string_or(object, "spec.type", "ClusterIP");

    (void)now_ms;
    if (strcmp(type, "ExternalName") == 0)
        return json_string(json_path_string_or(object, "spec.externalName", "<none>"));
    if (strcmp(type, "LoadBalancer") == 0)
        return balancer_cell(object, "<pending>");
    return table_cell_of_join(json_path_get(object, "spec.externalIPs"), NULL, "<none>");
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
    return table_cell_of_buf(&out, "<none>");
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
    return table_cell_of_buf(&three->out, fallback);
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
    return table_cell_of_buf(&out, "<none>");
}

/* --- events --- */

static json_t *event_last_seen(const json_t *object, int64_t now_ms)
{
    const char *time_text = json_path_string(object, "lastTimestamp");

    if (time_text == NULL)
        time_text = json_path_string(object, "eventTime");
    return table_cell_of_age(time_text, "<unknown>", now_ms);
}

static json_t *event_object(const json_t *object, int64_t now_ms)
{
    struct buf out;
    const char *kind = json_path_string_or(object, "involvedObject.kind", "");

    (void)now_ms;
    buf_init(&out, 0);
    for (const char *c = kind; *c; c++)
        buf_append_char(&out, slice_char_lower(*c));
    buf_printf(&out, "/%s", json_path_string_or(object, "involvedObject.name", ""));
    return table_cell_of_buf(&out, "");
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
    return table_cell_of_buf(&out, "<none>");
}

/* --- ingresses and quotas --- */

/* The first three hosts; then how many rules there are more. */
static json_t *ingress_hosts(const json_t *object, int64_t now_ms)
{
    enum { SHOWN_MAX = 3 };
    const json_t *rules = json_path_get(object, "spec.rules");
    struct buf out;
    size_t shown = 0;
    size_t i;
    json_t *rule;

    (void)now_ms;
    buf_init(&out, 0);
    json_array_foreach(rules, i, rule)
    {
        const char *host = json_path_string_or(rule, "host", "");

        if (shown == SHOWN_MAX) {
            buf_printf(&out, " + %zu more...", json_array_size(rules) - SHOWN_MAX);
            break;
        }
        if (host[0])
            buf_printf(&out, "%s%s", shown++ ? "," : "", host);
    }
    return table_cell_of_buf(&out, "*");
}

static json_t *ingress_address(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return balancer_cell(object, "");
}

static json_t *ingress_ports(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return json_string(json_array_size(json_path_get(object, "spec.tls")) ? "80, 443" : "80");
}

/* "pods: 1/10, ...": what is used of each bound, of limits or of everything else. */
static json_t *quota_cell(const json_t *object, bool limits)
{
    struct buf out;
    const char *key;
    json_t *hard;

    buf_init(&out, 0);
    json_object_foreach(json_path_get(object, "spec.hard"), key, hard)
    {
        const char *used = json_get_string(json_path_get(object, "status.used"), key);

        if ((strncmp(key, "limits.", 7) == 0) == limits)
            buf_printf(&out, "%s%s: %s/%s", out.len ? ", " : "", key, used ? used : "0",
                       json_string_value(hard));
    }
    return table_cell_of_buf(&out, "");
}

static json_t *quota_request(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return quota_cell(object, false);
}

static json_t *quota_limit(const json_t *object, int64_t now_ms)
{
    (void)now_ms;
    return quota_cell(object, true);
}

/* --- the table --- */

static const struct cell_row {
    const char *kind, *column;
    json_t *(*make)(const json_t *object, int64_t now_ms);
} cell_rows[] = {
    {"Pod", "Ready", table_pod_ready},
    {"Pod", "Status", table_pod_status},
    {"Pod", "Restarts", table_pod_restarts},
    {"Pod", "Readiness Gates", table_pod_gates},
    {"Service", "External-IP", external_ip},
    {"Service", "Port(s)", service_ports},
    {"Endpoints", "Endpoints", endpoints_cell},
    {"EndpointSlice", "Ports", slice_ports},
    {"EndpointSlice", "Endpoints", slice_endpoints},
    {"ConfigMap", "Data", data_count},
    {"Secret", "Data", data_count},
    {"Node", "Status", node_status},
    {"Node", "Roles", node_roles},
    {"Event", "Last Seen", event_last_seen},
    {"Event", "Object", event_object},
    {"Event", "Source", event_source},
    {"Event", "Message", event_message},
    {"HorizontalPodAutoscaler", "Targets", hpa_targets},
    {"Ingress", "Address", ingress_address},
    {"Ingress", "Hosts", ingress_hosts},
    {"Ingress", "Ports", ingress_ports},
    {"ResourceQuota", "Request", quota_request},
    {"ResourceQuota", "Limit", quota_limit},
};

json_t *table_cell_of_code(const struct api_kind *kind, const char *column, const json_t *object,
                           int64_t now_ms)
{
    for (size_t i = 0; i < ARRAY_LEN(cell_rows); i++) {
        const struct cell_row *row = &cell_rows[i];

        if (strcmp(row->column, column) == 0 && strcmp(row->kind, kind->kind) == 0)
            return row->make(object, now_ms);
    }
    return NULL;
}
