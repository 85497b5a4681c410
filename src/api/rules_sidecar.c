/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's rules for a Sidecar.
 *
 * Place   validate.c
 * Owns    nothing
 * Spec    Istio's validation of networking.istio.io/v1 Sidecar
 */
#include "api/rules.h"

enum { PATH_SIZE = ERR_PATH_SIZE };

/* "ns/host" of an egress listener: ns a name, "*", ".", "~", or "~name"; host may be a wildcard. */
static void check_host(struct rules *rules, const char *path, const char *host)
{
    const char *slash = strchr(host, '/');
    char namespace[64];
    const char *name = namespace;
    size_t len = slash ? (size_t)(slash - host) : 0;

    if (!slash || len >= sizeof(namespace)) {
        rules_tell(rules, ERR_INVALID, path, "\"%.100s\" must be of form namespace/dnsName", host);
        return;
    }
    memcpy(namespace, host, len);
    namespace[len] = '\0';
    if (name[0] == '~' && name[1])
        name++;
    if (strcmp(name, "*") != 0 && strcmp(name, ".") != 0 && strcmp(name, "~") != 0 &&
        !rules_is_label(name))
        rules_tell(rules, ERR_INVALID, path, "invalid namespace value \"%s\" in sidecar",
                   namespace);
    if (!rules_is_host(slash + 1, true) && !rules_is_address(slash + 1))
        rules_tell(rules, ERR_INVALID, path, "\"%.100s\" is not a host name", slash + 1);
}

static void check_egress(struct rules *rules, const struct api_sidecar_spec *spec)
{
    char path[PATH_SIZE];

    for (size_t i = 0; i < spec->egress_count; i++) {
        const struct api_sidecar_egress *egress = &spec->egress[i];
        uint32_t number = egress->port ? egress->port->number : 0;

        rules_path(path, sizeof(path), "spec.egress[%zu].port", i);
        if (number)
            rules_port(rules, path, number);
        else if (i + 1 < spec->egress_count)
            rules_tell(rules, ERR_INVALID, path,
                       "sidecar: the egress listener with empty port should be the last listener "
                       "in the list");
        for (size_t j = 0; number && j < i; j++)
            if (spec->egress[j].port && spec->egress[j].port->number == number)
                rules_tell(rules, ERR_INVALID, path,
                           "sidecar: ports on IP bound listeners must be unique");
        rules_path(path, sizeof(path), "spec.egress[%zu].hosts", i);
        if (egress->hosts_count == 0)
            rules_tell(rules, ERR_INVALID, path,
                       "sidecar: egress listener must contain at least one host");
        for (size_t j = 0; j < egress->hosts_count; j++) {
            rules_path(path, sizeof(path), "spec.egress[%zu].hosts[%zu]", i, j);
            check_host(rules, path, egress->hosts[j]);
        }
    }
}

static bool endpoint_is_good(const char *text)
{
    static const char *const hosts[] = {"127.0.0.1:", "0.0.0.0:", "[::1]:", "[::]:"};
    uint64_t port = 0;

    if (!text[0] || strncmp(text, "unix://", 7) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        if (strncmp(text, hosts[i], strlen(hosts[i])) == 0)
            return slice_parse_u64(slice_str(text + strlen(hosts[i])), UINT16_MAX, &port) == 0 &&
                   port > 0;
    }
    return false;
}

static void check_ingress(struct rules *rules, const struct api_sidecar_spec *spec)
{
    char path[PATH_SIZE];

    for (size_t i = 0; i < spec->ingress_count; i++) {
        const struct api_sidecar_ingress *ingress = &spec->ingress[i];

        rules_path(path, sizeof(path), "spec.ingress[%zu].port", i);
        if (!ingress->port || !ingress->port->number) {
            rules_tell(rules, ERR_INVALID, path, "sidecar: port is required for ingress listeners");
            continue;
        }
        rules_port(rules, path, ingress->port->number);
        for (size_t j = 0; j < i; j++)
            if (spec->ingress[j].port && spec->ingress[j].port->number == ingress->port->number)
                rules_tell(rules, ERR_INVALID, path,
                           "sidecar: ports on IP bound listeners must be unique");
        rules_path(path, sizeof(path), "spec.ingress[%zu].defaultEndpoint", i);
        if (ingress->default_endpoint && !endpoint_is_good(ingress->default_endpoint))
            rules_tell(rules, ERR_INVALID, path,
                       "sidecar: defaultEndpoint must be of form 127.0.0.1:<port>, "
                       "0.0.0.0:<port>, [::1]:<port>, [::]:<port>, unix://filepath or unset");
    }
}

void rules_sidecar(struct rules *rules, const void *object)
{
    const struct api_sidecar_spec *spec = ((const struct api_sidecar *)object)->spec;

    if (!spec || (spec->egress_count == 0 && spec->ingress_count == 0 &&
                  !spec->outbound_traffic_policy && !spec->inbound_connection_pool)) {
        rules_tell(rules, ERR_INVALID, "spec", "sidecar: empty configuration provided");
        return;
    }
    check_egress(rules, spec);
    check_ingress(rules, spec);
}
