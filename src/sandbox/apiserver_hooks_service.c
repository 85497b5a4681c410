/* SPDX-License-Identifier: Apache-2.0 */
/* Services: defaults, ClusterIPs, node ports, validation. See apiserver_hooks.h.
 *
 * What is allocated is read off the Services that exist, so nothing can leak: the search is linear,
 * which a few hundred Services do not feel.
 */
#include "sandbox/apiserver_hooks.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { NODE_PORT_MIN = 30000, NODE_PORT_MAX = 32767 };
/* The first address is default/kubernetes, the tenth kube-system/kube-dns: given by name only. */
enum { SERVICE_RESERVED_COUNT = 16 };

static const char *service_type(const json_t *service)
{
    return json_path_string_or(service, "spec.type", "ClusterIP");
}

static bool is_type(const json_t *service, const char *type)
{
    return strcmp(service_type(service), type) == 0;
}

static bool has_node_ports(const json_t *service)
{
    return is_type(service, "NodePort") ||
           (is_type(service, "LoadBalancer") &&
            json_path_bool(service, "spec.allocateLoadBalancerNodePorts", true));
}

/* --- prepare --- */

static void spec_default(json_t *spec, const char *name, json_t *value)
{
    if (json_object_get(spec, name) == NULL)
        json_object_set_new(spec, name, value);
    else
        json_decref(value);
}

int apiserver_hooks_service_prepare(struct apiserver_call *call)
{
    json_t *object = call->object;
    json_t *spec = json_object_get(object, "spec");
    size_t i;
    json_t *port;

    if (!json_is_object(spec)) {
        spec = json_object();
        json_object_set_new(object, "spec", spec);
    }
    json_array_foreach(json_object_get(spec, "ports"), i, port)
    {
        json_t *target = json_object_get(port, "targetPort");

        if (target == NULL || (json_is_integer(target) && json_integer_value(target) == 0) ||
            (json_is_string(target) && json_string_length(target) == 0))
            json_object_set(port, "targetPort", json_object_get(port, "port"));
    }
    if (call->old == NULL)
        json_object_set_new(object, "status", json_pack("{s:{}}", "loadBalancer"));
    if (is_type(object, "ExternalName"))
        return 0;
    spec_default(spec, "internalTrafficPolicy", json_string("Cluster"));
    if (!is_type(object, "ClusterIP"))
        spec_default(spec, "externalTrafficPolicy", json_string("Cluster"));
    if (is_type(object, "LoadBalancer"))
        spec_default(spec, "allocateLoadBalancerNodePorts", json_true());
    return 0;
}

/* --- ClusterIPs --- */

static bool ip_is_taken(struct apiserver_call *call, const char *ip)
{
    const struct store_bucket *bucket = call->kind->bucket;
    const char *name = json_path_string_or(call->object, "metadata.name", "");

    for (size_t i = 0; i < store_bucket_count(bucket); i++) {
        const struct store_object *other = store_bucket_at(bucket, i);
        bool self = strcmp(other->ns, call->ns) == 0 && strcmp(other->name, name) == 0;

        if (!self && strcmp(json_path_string_or(other->tree, "spec.clusterIP", ""), ip) == 0)
            return true;
    }
    return false;
}

static bool ip_allocate(struct apiserver_call *call, char *out)
{
    const struct sandbox_apiserver *server = call->server;

    for (uint32_t i = SERVICE_RESERVED_COUNT; i + 1 < server->service_count; i++) {
        struct in_addr address = {.s_addr = htonl(server->service_base + i)};

        inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
        if (!ip_is_taken(call, out))
            return true;
    }
    return false;
}

static void ip_check_given(struct apiserver_call *call, const char *ip)
{
    const struct sandbox_apiserver *server = call->server;
    struct in_addr address;

    if (inet_pton(AF_INET, ip, &address) != 1 ||
        ntohl(address.s_addr) - server->service_base >= server->service_count)
        apiserver_invalid_add(call, "FieldValueInvalid", "spec.clusterIPs",
                              "Invalid value: [\"%s\"]: failed to allocate IP %s: the provided IP "
                              "is not in the valid range",
                              ip, ip);
    else if (ip_is_taken(call, ip))
        apiserver_invalid_add(call, "FieldValueInvalid", "spec.clusterIPs",
                              "Invalid value: [\"%s\"]: failed to allocate IP %s: provided IP is "
                              "already allocated",
                              ip, ip);
}

static void cluster_ip_set(struct apiserver_call *call, json_t *spec)
{
    const char *ip = json_path_string_or(spec, "clusterIP", "");
    const char *old = call->old ? json_path_string_or(call->old->tree, "spec.clusterIP", "") : "";
    char fresh[INET_ADDRSTRLEN];

    if (ip[0] == '\0' && old[0])
        ip = old;
    if (old[0] && strcmp(old, ip) != 0) {
        apiserver_invalid_add(call, "FieldValueInvalid", "spec.clusterIPs[0]",
                              "Invalid value: [\"%s\"]: may not change once set", ip);
        return;
    }
    if (ip[0] == '\0') {
        if (!ip_allocate(call, fresh)) {
            apiserver_invalid_add(call, "FieldValueInvalid", "spec.clusterIPs",
                                  "Invalid value: []: failed to allocate a serviceIP: range is "
                                  "full");
            return;
        }
        ip = fresh;
    } else if (strcmp(ip, "None") != 0) {
        ip_check_given(call, ip);
    }
    json_object_set_new(spec, "clusterIPs", json_pack("[s]", ip));
    json_object_set_new(spec, "clusterIP", json_string(ip));
    spec_default(spec, "ipFamilies", json_pack("[s]", "IPv4"));
    spec_default(spec, "ipFamilyPolicy", json_string("SingleStack"));
}

/* --- node ports --- */

static bool node_port_is_taken(struct apiserver_call *call, const json_t *spec, int64_t number)
{
    const struct store_bucket *bucket = call->kind->bucket;
    const char *name = json_path_string_or(call->object, "metadata.name", "");
    size_t n;
    json_t *port;

    json_array_foreach(json_object_get(spec, "ports"), n, port)
    {
        if (json_get_int(port, "nodePort", 0) == number)
            return true;
    }
    for (size_t i = 0; i < store_bucket_count(bucket); i++) {
        const struct store_object *other = store_bucket_at(bucket, i);

        if (strcmp(other->ns, call->ns) == 0 && strcmp(other->name, name) == 0)
            continue;
        json_array_foreach(json_path_get(other->tree, "spec.ports"), n, port)
        {
            if (json_get_int(port, "nodePort", 0) == number)
                return true;
        }
    }
    return false;
}

/* A port keeps the node port that it had. */
static int64_t node_port_before(const struct apiserver_call *call, const json_t *port)
{
    size_t i;
    json_t *old;

    json_array_foreach(call->old ? json_path_get(call->old->tree, "spec.ports") : NULL, i, old)
    {
        if (json_get_int(old, "port", 0) == json_get_int(port, "port", 0) &&
            strcmp(json_path_string_or(old, "protocol", "TCP"),
                   json_path_string_or(port, "protocol", "TCP")) == 0)
            return json_get_int(old, "nodePort", 0);
    }
    return 0;
}

static void node_ports_set(struct apiserver_call *call, json_t *spec)
{
    size_t i;
    json_t *port;

    json_array_foreach(json_object_get(spec, "ports"), i, port)
    {
        int64_t number = json_get_int(port, "nodePort", 0);

        if (!has_node_ports(call->object)) {
            json_object_del(port, "nodePort");
            continue;
        }
        if (number == 0)
            number = node_port_before(call, port);
        for (int64_t n = NODE_PORT_MIN; number == 0 && n <= NODE_PORT_MAX; n++) {
            if (!node_port_is_taken(call, spec, n))
                number = n;
        }
        json_object_set_new(port, "nodePort", json_integer(number));
    }
}

/* --- validation --- */

static void ports_check(struct apiserver_call *call, const json_t *spec)
{
    const json_t *ports = json_object_get(spec, "ports");
    bool headless = strcmp(json_path_string_or(spec, "clusterIP", ""), "None") == 0;

    if (json_array_size(ports) == 0 && !headless)
        apiserver_invalid_add(call, "FieldValueRequired", "spec.ports", "Required value");
    for (size_t i = 0; json_array_size(ports) > 1 && i < json_array_size(ports); i++) {
        char field[64];

        snprintf(field, sizeof field, "spec.ports[%zu].name", i);
        if (json_path_string_or(json_array_get(ports, i), "name", "")[0] == '\0')
            apiserver_invalid_add(call, "FieldValueRequired", field, "Required value");
    }
}

void apiserver_hooks_service_check(struct apiserver_call *call)
{
    json_t *spec = json_object_get(call->object, "spec");

    if (is_type(call->object, "ExternalName")) {
        if (json_path_string_or(spec, "externalName", "")[0] == '\0')
            apiserver_invalid_add(call, "FieldValueRequired", "spec.externalName",
                                  "Required value");
        return;
    }
    ports_check(call, spec);
    cluster_ip_set(call, spec);
    node_ports_set(call, spec);
}
