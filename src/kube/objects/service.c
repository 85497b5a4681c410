/* SPDX-License-Identifier: Apache-2.0 */
/* Services. See service.h. */
#include "kube/objects/service.h"

#include <arpa/inet.h>

#include "wire/json.h"

enum { NODE_PORT_MIN = 30000, NODE_PORT_MAX = 32767 };
/* The first address is default/kubernetes, the tenth kube-system/kube-dns. */
enum { RESERVED_COUNT = 16 };

struct allocation {
    json_t *service, *spec;
    const json_t *old; /* NULL: new */
    const struct kube_service_range *range;
    const struct kube_services *others;
    const struct api_cause_sink *sink;
};

static bool is_type(const json_t *service, const char *type)
{
    return strcmp(json_path_string_or(service, "spec.type", "ClusterIP"), type) == 0;
}

/* --- defaults --- */

/* Takes the value. */
static void member_default(json_t *object, const char *name, json_t *value)
{
    if (json_object_get(object, name) == NULL)
        json_object_set_new(object, name, value);
    else
        json_decref(value);
}

static bool is_unset(const json_t *target_port)
{
    return target_port == NULL ||
           (json_is_integer(target_port) && json_integer_value(target_port) == 0) ||
           (json_is_string(target_port) && json_string_length(target_port) == 0);
}

void kube_service_default(json_t *service)
{
    json_t *spec = json_object_get(service, "spec");
    size_t i;
    json_t *port;

    if (!json_is_object(spec)) {
        spec = json_object();
        json_object_set_new(service, "spec", spec);
    }
    json_array_foreach(json_object_get(spec, "ports"), i, port)
    {
        if (is_unset(json_object_get(port, "targetPort")))
            json_object_set(port, "targetPort", json_object_get(port, "port"));
    }
    member_default(service, "status", json_pack("{s:{}}", "loadBalancer"));
    if (is_type(service, "ExternalName"))
        return;
    member_default(spec, "internalTrafficPolicy", json_string("Cluster"));
    if (!is_type(service, "ClusterIP"))
        member_default(spec, "externalTrafficPolicy", json_string("Cluster"));
    if (is_type(service, "LoadBalancer"))
        member_default(spec, "allocateLoadBalancerNodePorts", json_true());
}

/* --- other Services --- */

static bool is_same(const json_t *a, const json_t *b)
{
    return strcmp(json_path_string_or(a, "metadata.name", ""),
                  json_path_string_or(b, "metadata.name", "")) == 0 &&
           strcmp(json_path_string_or(a, "metadata.namespace", ""),
                  json_path_string_or(b, "metadata.namespace", "")) == 0;
}

/* The next one from *i on that is another than the one to allocate for; NULL after the last. */
static const json_t *others_next(const struct allocation *allocation, size_t *i)
{
    const json_t *other;

    do
        other = allocation->others->at((*i)++, allocation->others->ctx);
    while (other != NULL && is_same(other, allocation->service));
    return other;
}

/* --- addresses --- */

static bool ip_is_taken(const struct allocation *allocation, const char *ip)
{
    size_t i = 0;
    const json_t *other;

    while ((other = others_next(allocation, &i)) != NULL) {
        if (strcmp(json_path_string_or(other, "spec.clusterIP", ""), ip) == 0)
            return true;
    }
    return false;
}

static bool ip_find(const struct allocation *allocation, char out[INET_ADDRSTRLEN])
{
    for (uint32_t i = RESERVED_COUNT; i + 1 < allocation->range->count; i++) {
        struct in_addr address = {.s_addr = htonl(allocation->range->base + i)};

        inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
        if (!ip_is_taken(allocation, out))
            return true;
    }
    return false;
}

static void ip_check(const struct allocation *allocation, const char *ip)
{
    struct in_addr address;
    const char *why = NULL;

    if (inet_pton(AF_INET, ip, &address) != 1 ||
        ntohl(address.s_addr) - allocation->range->base >= allocation->range->count)
        why = "the provided IP is not in the valid range";
    else if (ip_is_taken(allocation, ip))
        why = "provided IP is already allocated";
    if (why != NULL)
        api_cause_tell(allocation->sink, "FieldValueInvalid", "spec.clusterIPs",
                       "Invalid value: [\"%s\"]: failed to allocate IP %s: %s", ip, ip, why);
}

static void ip_set(const struct allocation *allocation)
{
    json_t *spec = allocation->spec;
    const char *ip = json_path_string_or(spec, "clusterIP", "");
    const char *before = json_path_string_or(allocation->old, "spec.clusterIP", "");
    char fresh[INET_ADDRSTRLEN];

    if (ip[0] == '\0' && before[0])
        ip = before;
    if (before[0] && strcmp(before, ip) != 0) {
        api_cause_tell(allocation->sink, "FieldValueInvalid", "spec.clusterIPs[0]",
                       "Invalid value: [\"%s\"]: may not change once set", ip);
        return;
    }
    if (ip[0] == '\0') {
        if (!ip_find(allocation, fresh)) {
            api_cause_tell(allocation->sink, "FieldValueInvalid", "spec.clusterIPs",
                           "Invalid value: []: failed to allocate a serviceIP: range is full");
            return;
        }
        ip = fresh;
    } else if (strcmp(ip, "None") != 0) {
        ip_check(allocation, ip);
    }
    json_object_set_new(spec, "clusterIPs", json_pack("[s]", ip));
    json_object_set_new(spec, "clusterIP", json_string(ip));
    member_default(spec, "ipFamilies", json_pack("[s]", "IPv4"));
    member_default(spec, "ipFamilyPolicy", json_string("SingleStack"));
}

/* --- node ports --- */

static bool has_node_ports(const json_t *service)
{
    return is_type(service, "NodePort") ||
           (is_type(service, "LoadBalancer") &&
            json_path_bool(service, "spec.allocateLoadBalancerNodePorts", true));
}

static bool has_node_port(const json_t *service, int64_t number)
{
    size_t i;
    json_t *port;

    json_array_foreach(json_path_get(service, "spec.ports"), i, port)
    {
        if (json_get_int(port, "nodePort", 0) == number)
            return true;
    }
    return false;
}

static bool node_port_is_taken(const struct allocation *allocation, int64_t number)
{
    size_t i = 0;
    const json_t *other = allocation->service;

    while (other != NULL && !has_node_port(other, number))
        other = others_next(allocation, &i);
    return other != NULL;
}

/* A port keeps the node port that it had. */
static int64_t node_port_before(const struct allocation *allocation, const json_t *port)
{
    size_t i;
    json_t *old;

    json_array_foreach(json_path_get(allocation->old, "spec.ports"), i, old)
    {
        if (json_get_int(old, "port", 0) == json_get_int(port, "port", 0) &&
            strcmp(json_path_string_or(old, "protocol", "TCP"),
                   json_path_string_or(port, "protocol", "TCP")) == 0)
            return json_get_int(old, "nodePort", 0);
    }
    return 0;
}

static void node_ports_set(const struct allocation *allocation)
{
    size_t i;
    json_t *port;

    json_array_foreach(json_object_get(allocation->spec, "ports"), i, port)
    {
        int64_t number = json_get_int(port, "nodePort", 0);

        if (!has_node_ports(allocation->service)) {
            json_object_del(port, "nodePort");
            continue;
        }
        if (number == 0)
            number = node_port_before(allocation, port);
        for (int64_t n = NODE_PORT_MIN; number == 0 && n <= NODE_PORT_MAX; n++) {
            if (!node_port_is_taken(allocation, n))
                number = n;
        }
        json_object_set_new(port, "nodePort", json_integer(number));
    }
}

void kube_service_allocate(json_t *service, const json_t *old,
                           const struct kube_service_range *range,
                           const struct kube_services *others, const struct api_cause_sink *sink)
{
    const struct allocation allocation = {
        service, json_object_get(service, "spec"), old, range, others, sink};

    if (is_type(service, "ExternalName"))
        return;
    ip_set(&allocation);
    node_ports_set(&allocation);
}

/* --- who serves --- */

/* The first ready address of the port of that name. */
static bool endpoint_find(const json_t *endpoints, const char *port_name, const char **ret_ip,
                          unsigned *ret_port)
{
    size_t i, j;
    json_t *subset, *port;

    json_array_foreach(json_object_get(endpoints, "subsets"), i, subset)
    {
        const char *ip = json_path_string_or(subset, "addresses[0].ip", "");

        json_array_foreach(json_object_get(subset, "ports"), j, port)
        {
            if (strcmp(json_path_string_or(port, "name", ""), port_name) != 0 || ip[0] == '\0')
                continue;
            *ret_ip = ip;
            *ret_port = (unsigned)json_get_int(port, "port", 0);
            return true;
        }
    }
    return false;
}

int kube_service_endpoint(const json_t *service, const json_t *endpoints, int64_t port,
                          const char **ret_ip, unsigned *ret_port, struct error *err)
{
    const char *name = json_path_string_or(service, "metadata.name", "");
    size_t i;
    json_t *item;

    json_array_foreach(json_path_get(service, "spec.ports"), i, item)
    {
        if (json_get_int(item, "port", 0) != port)
            continue;
        if (endpoint_find(endpoints, json_path_string_or(item, "name", ""), ret_ip, ret_port))
            return 0;
        return err_set(err, ERR_UNREACHABLE, "no endpoints available for service \"%s\"", name);
    }
    return err_set(err, ERR_NOT_FOUND, "no service port %lld found for service \"%s\"",
                   (long long)port, name);
}
