/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's rules for a ServiceEntry and a WorkloadEntry.
 *
 * Place   validate.c
 * Owns    nothing
 * Spec    Istio's validation of networking.istio.io/v1 ServiceEntry and WorkloadEntry
 */
#include <stdlib.h>
#include <strings.h>

#include "api/rules.h"

enum { PATH_SIZE = ERR_PATH_SIZE };

static bool is_dns(const char *resolution)
{
    return strncmp(resolution, "DNS", 3) == 0;
}

static const char *resolution_of(const struct api_service_entry_spec *spec)
{
    return spec->resolution ? spec->resolution : "NONE";
}

/* ---- hosts, addresses, ports ---- */

static void check_hosts(struct rules *rules, const struct api_service_entry_spec *spec)
{
    bool needs_name =
        is_dns(resolution_of(spec)) && spec->endpoints_count == 0 && !spec->workload_selector;
    char path[PATH_SIZE];

    for (size_t i = 0; i < spec->hosts_count; i++) {
        rules_path(path, sizeof(path), "spec.hosts[%zu]", i);
        if (strcmp(spec->hosts[i], "*") == 0 || !rules_is_host(spec->hosts[i], true))
            rules_tell(rules, ERR_INVALID, path, "invalid host \"%.100s\"", spec->hosts[i]);
        else if (needs_name && spec->hosts[i][0] == '*')
            rules_tell(rules, ERR_INVALID, path,
                       "hosts must be FQDN if no endpoints are provided for resolution mode %s",
                       resolution_of(spec));
    }
}

/* "10.0.0.1" or "10.0.0.0/8". */
static bool is_subnet(const char *text)
{
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    char address[64];
    char *end;
    unsigned long bits;

    if (len >= sizeof(address))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!rules_is_address(address))
        return false;
    if (!slash)
        return true;
    bits = strtoul(slash + 1, &end, 10);
    return slash[1] && !*end && bits <= (strchr(address, ':') ? 128 : 32);
}

static void check_addresses(struct rules *rules, const struct api_service_entry_spec *spec)
{
    bool has_network = false;
    char path[PATH_SIZE];

    for (size_t i = 0; i < spec->addresses_count; i++) {
        rules_path(path, sizeof(path), "spec.addresses[%zu]", i);
        has_network = has_network || strchr(spec->addresses[i], '/');
        if (!is_subnet(spec->addresses[i]))
            rules_tell(rules, ERR_INVALID, path, "\"%.100s\" is not an IP address or a CIDR range",
                       spec->addresses[i]);
    }
    if (has_network && is_dns(resolution_of(spec)))
        rules_tell(rules, ERR_INVALID, "spec.addresses",
                   "CIDR addresses are allowed only for NONE/STATIC resolution types");
}

static void check_ports(struct rules *rules, const struct api_service_entry_spec *spec)
{
    char path[PATH_SIZE];

    for (size_t i = 0; i < spec->ports_count; i++) {
        const struct api_service_entry_port *port = &spec->ports[i];

        rules_path(path, sizeof(path), "spec.ports[%zu].number", i);
        rules_port(rules, path, port->number);
        if (port->target_port) {
            rules_path(path, sizeof(path), "spec.ports[%zu].targetPort", i);
            rules_port(rules, path, port->target_port);
        }
        rules_path(path, sizeof(path), "spec.ports[%zu]", i);
        for (size_t j = 0; j < i; j++) {
            if (spec->ports[j].number == port->number)
                rules_tell(rules, ERR_INVALID, path, "service entry port %u already defined",
                           port->number);
            if (port->name && spec->ports[j].name && strcmp(spec->ports[j].name, port->name) == 0)
                rules_tell(rules, ERR_INVALID, path,
                           "service entry port name \"%.63s\" already "
                           "defined",
                           port->name);
        }
    }
}

/* Hosts that share a port must be told apart by what the client sends first. */
static void check_several(struct rules *rules, const struct api_service_entry_spec *spec)
{
    static const char *const named[] = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTPS", "TLS"};

    if (spec->hosts_count < 2 || strcmp(resolution_of(spec), "NONE") == 0)
        return;
    for (size_t i = 0; i < spec->ports_count; i++) {
        const char *protocol = spec->ports[i].protocol ? spec->ports[i].protocol : "";
        bool is_named = false;

        for (size_t j = 0; j < ARRAY_LEN(named); j++)
            is_named = is_named || strcasecmp(protocol, named[j]) == 0;
        if (!is_named) {
            rules_tell(rules, ERR_INVALID, "spec.hosts",
                       "multiple hosts provided with non-HTTP, non-TLS ports");
            return;
        }
    }
}

/* ---- endpoints ---- */

static void check_locality(struct rules *rules, const char *path, const char *locality)
{
    char place[PATH_SIZE];

    rules_path(place, sizeof(place), "%s.locality", path);
    if (locality && (locality[0] == '/' || strstr(locality, "//") || strchr(locality, '*')))
        rules_tell(rules, ERR_INVALID, place, "invalid locality \"%.100s\"", locality);
}

static void check_socket(struct rules *rules, const char *path, const char *socket, bool has_ports)
{
    if (socket[0] != '/' && socket[0] != '@')
        rules_tell(rules, ERR_INVALID, path,
                   "unix address must be an absolute path, or an abstract socket");
    else if (has_ports)
        rules_tell(rules, ERR_INVALID, path, "unix addresses should not be used with ports");
}

static void check_address(struct rules *rules, const char *path, bool allows_name,
                          const struct api_workload_entry_spec *spec)
{
    const char *address = spec->address ? spec->address : "";
    bool has_network = spec->network && spec->network[0];

    if (strncmp(address, "unix://", 7) == 0)
        check_socket(rules, path, address + 7, spec->ports_count > 0);
    else if (!address[0] && !has_network)
        rules_tell(rules, ERR_INVALID, path, "address is required");
    else if (address[0] && !rules_is_address(address) &&
             !(allows_name && rules_is_host(address, false)))
        rules_tell(rules, ERR_INVALID, path, "\"%.100s\" is not a valid IP address%s", address,
                   allows_name ? " or FQDN" : "");
}

static void check_workload(struct rules *rules, const char *path, bool allows_name,
                           const struct api_workload_entry_spec *spec)
{
    char place[PATH_SIZE];

    rules_path(place, sizeof(place), "%s.address", path);
    check_address(rules, place, allows_name, spec);
    for (size_t i = 0; i < spec->ports_count; i++) {
        rules_path(place, sizeof(place), "%s.ports[%s]", path, spec->ports[i].key);
        rules_port(rules, place, spec->ports[i].value);
    }
    check_locality(rules, path, spec->locality);
}

static bool has_port(const struct api_service_entry_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->ports_count; i++)
        if (spec->ports[i].name && strcmp(spec->ports[i].name, name) == 0)
            return true;
    return false;
}

static void check_endpoints(struct rules *rules, const struct api_service_entry_spec *spec)
{
    const char *resolution = resolution_of(spec);
    char path[PATH_SIZE];

    if (strcmp(resolution, "NONE") == 0 && spec->endpoints_count)
        rules_tell(rules, ERR_INVALID, "spec.endpoints",
                   "no endpoints should be provided for resolution type none");
    if (strcmp(resolution, "DNS_ROUND_ROBIN") == 0 && spec->endpoints_count > 1)
        rules_tell(rules, ERR_INVALID, "spec.endpoints",
                   "there must only be 0 or 1 endpoint for resolution mode %s", resolution);
    if (spec->workload_selector && spec->endpoints_count)
        rules_tell(rules, ERR_INVALID, "spec.endpoints",
                   "only one of WorkloadSelector or Endpoints is allowed in Service Entry");
    for (size_t i = 0; i < spec->endpoints_count; i++) {
        const struct api_workload_entry_spec *endpoint = &spec->endpoints[i];

        rules_path(path, sizeof(path), "spec.endpoints[%zu]", i);
        check_workload(rules, path, is_dns(resolution), endpoint);
        for (size_t j = 0; j < endpoint->ports_count; j++) {
            if (has_port(spec, endpoint->ports[j].key))
                continue;
            rules_path(path, sizeof(path), "spec.endpoints[%zu].ports", i);
            rules_tell(rules, ERR_INVALID, path,
                       "endpoint port %.63s is not defined by the service entry",
                       endpoint->ports[j].key);
        }
    }
}

void rules_service_entry(struct rules *rules, const void *object)
{
    const struct api_service_entry_spec *spec = ((const struct api_service_entry *)object)->spec;

    if (!spec || spec->hosts_count == 0) {
        rules_tell(rules, ERR_INVALID, "spec.hosts", "service entry must have at least one host");
        return;
    }
    check_hosts(rules, spec);
    check_addresses(rules, spec);
    check_ports(rules, spec);
    check_several(rules, spec);
    check_endpoints(rules, spec);
    rules_export_to(rules, spec->export_to, spec->export_to_count);
}

void rules_workload_entry(struct rules *rules, const void *object)
{
    const struct api_workload_entry *of = object;
    static const struct api_workload_entry_spec empty;

    check_workload(rules, "spec", true, of->spec ? of->spec : &empty);
}
