/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's rules for a Gateway.
 *
 * Place   validate.c
 * Owns    nothing
 * Spec    Istio's validation of networking.istio.io/v1 Gateway
 */
#include <strings.h>

#include "api/rules.h"

enum { PATH_SIZE = ERR_PATH_SIZE };

static bool is_one_of(const char *text, const char *const *items)
{
    for (size_t i = 0; items[i]; i++)
        if (strcasecmp(text, items[i]) == 0)
            return true;
    return false;
}

static void check_host(struct rules *rules, const char *path, const char *host)
{
    const char *slash = strchr(host, '/');
    const char *dns = slash ? slash + 1 : host;
    bool is_namespace_good = true;

    if (slash) {
        char namespace[64];
        size_t len = (size_t)(slash - host);

        (void)snprintf(namespace, sizeof(namespace), "%.*s", (int)MIN(len, sizeof(namespace) - 1),
                       host);
        is_namespace_good =
            strcmp(namespace, "*") == 0 || strcmp(namespace, ".") == 0 || rules_is_label(namespace);
    }
    if (!is_namespace_good || (!rules_is_host(dns, true) && !rules_is_address(dns)))
        rules_tell(rules, ERR_INVALID, path, "\"%.100s\" must be [namespace/]host name", host);
}

static bool has_certificate(const struct api_server_tls_settings *tls)
{
    return tls->credential_name || tls->credential_names_count || tls->tls_certificates_count ||
           (tls->server_certificate && tls->private_key);
}

static void check_tls(struct rules *rules, const char *path, const char *protocol,
                      const struct api_server_tls_settings *tls)
{
    static const char *const secure[] = {"HTTPS", "TLS", NULL};
    static const char *const plain[] = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB", NULL};
    const char *mode = tls && tls->mode ? tls->mode : "PASSTHROUGH";
    bool is_terminated = strcmp(mode, "SIMPLE") == 0 || strcmp(mode, "MUTUAL") == 0;

    if (is_one_of(protocol, secure) && !tls)
        rules_tell(rules, ERR_INVALID, path,
                   "server must have TLS settings for HTTPS/TLS protocols");
    if (is_one_of(protocol, plain) && tls && !tls->https_redirect)
        rules_tell(rules, ERR_INVALID, path,
                   "server cannot have TLS settings for plain text HTTP ports");
    if (is_one_of(protocol, secure) && is_terminated && !has_certificate(tls))
        rules_tell(rules, ERR_INVALID, path,
                   "mode %s needs credentialName, or serverCertificate and privateKey", mode);
}

static void check_server(struct rules *rules, size_t index, const struct api_gateway_server *server)
{
    static const char *const protocols[] = {"HTTP", "HTTPS", "GRPC",  "GRPC-WEB",   "HTTP2",
                                            "TCP",  "TLS",   "MONGO", "HTTP_PROXY", NULL};
    const char *protocol = server->port && server->port->protocol ? server->port->protocol : "";
    char path[PATH_SIZE];

    rules_path(path, sizeof(path), "spec.servers[%zu].port.number", index);
    if (server->port)
        rules_port(rules, path, server->port->number);
    rules_path(path, sizeof(path), "spec.servers[%zu].port.protocol", index);
    if (!is_one_of(protocol, protocols))
        rules_tell(
            rules, ERR_INVALID, path,
            "invalid protocol \"%.50s\", supported protocols are HTTP, HTTP2, GRPC, GRPC-WEB, "
            "MONGO, REDIS, MYSQL, TCP",
            protocol);
    rules_path(path, sizeof(path), "spec.servers[%zu].hosts", index);
    if (server->hosts_count == 0)
        rules_tell(rules, ERR_INVALID, path, "server config must contain at least one host");
    for (size_t i = 0; i < server->hosts_count; i++) {
        rules_path(path, sizeof(path), "spec.servers[%zu].hosts[%zu]", index, i);
        check_host(rules, path, server->hosts[i]);
    }
    rules_path(path, sizeof(path), "spec.servers[%zu].tls", index);
    check_tls(rules, path, protocol, server->tls);
}

void rules_gateway(struct rules *rules, const void *object)
{
    const struct api_gateway_spec *spec = ((const struct api_gateway *)object)->spec;
    char path[PATH_SIZE];

    if (!spec || spec->servers_count == 0) {
        rules_tell(rules, ERR_INVALID, "spec.servers", "gateway must have at least one server");
        return;
    }
    for (size_t i = 0; i < spec->servers_count; i++) {
        const struct api_gateway_server *server = &spec->servers[i];

        check_server(rules, i, server);
        rules_path(path, sizeof(path), "spec.servers[%zu].port.name", i);
        for (size_t j = 0; j < i && server->port && server->port->name; j++) {
            const struct api_gateway_port *other = spec->servers[j].port;

            if (other && other->name && strcmp(other->name, server->port->name) == 0)
                rules_tell(rules, ERR_INVALID, path,
                           "port names in servers must be unique: duplicate name %.63s",
                           other->name);
        }
    }
}
