/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates on disk, and the kubeconfig.
 *
 *   <folder>/pki/ca.crt, ca.key   the cluster's CA, ten years
 *   <folder>/pki/sa.key           signs service-account tokens
 *   server and admin certificates are made anew at each start, a year
 */
#include "sandbox/apiserver_pki.h"

#include "base/file.h"
#include "base/mem.h"
#include "io/tls.h"
#include "kube/config.h"

#include <arpa/inet.h>

enum { TOKEN_KEY_BITS = 2048 };
static const int64_t day_ms = (int64_t)24 * 3600 * 1000;

/* --- the server's certificate --- */

/* Hosts of "ip:port,ip:port", or plain names. */
static int hosts_add_list(struct ca_hosts *hosts, struct arena *arena, const char *list,
                          bool with_ports)
{
    struct slice rest = slice_str(list);
    struct slice piece;
    int rc = 0;

    while (rc == 0 && list != NULL && slice_split_next(&rest, ',', &piece)) {
        size_t len = piece.len;

        while (with_ports && len > 0 && piece.data[len - 1] != ':')
            len--;
        if (with_ports && len > 0)
            piece = slice_head(piece, len - 1);
        if (piece.len > 0)
            rc = ca_hosts_add(hosts, arena_slice_str(arena, slice_trim(piece)));
    }
    return rc;
}

static int server_tls_new(struct sandbox_apiserver *server, struct tls_config **ret,
                          struct error *err)
{
    static const char fixed[] = "localhost,127.0.0.1,kubernetes,kubernetes.default,"
                                "kubernetes.default.svc,kubernetes.default.svc.cluster.local";
    const struct sandbox_apiserver_options *given = &server->options;
    struct in_addr first = {.s_addr = htonl(server->service_base + 1)};
    char first_ip[INET_ADDRSTRLEN];
    struct ca_hosts hosts = {0};
    struct cert_options options = {.common_name = "kube-apiserver", .validity_ms = 365 * day_ms};
    struct tls_options tls = {.alpn = "h2,http/1.1",
                              .request_peer_cert = true,
                              .trust_pem = ca_cert_pem(server->auth->ca)};
    int rc = hosts_add_list(&hosts, &server->memory, fixed, false);

    inet_ntop(AF_INET, &first, first_ip, sizeof first_ip);
    if (rc == 0)
        rc = ca_hosts_add(&hosts, first_ip);
    if (rc == 0)
        rc = hosts_add_list(&hosts, &server->memory, given->listen, true);
    if (rc == 0)
        rc = hosts_add_list(&hosts, &server->memory, given->advertise_ip, false);
    if (rc == 0)
        rc = hosts_add_list(&hosts, &server->memory, given->server_names, false);
    if (rc != 0)
        return err_set(err, rc, "more than %d names or addresses of the server", CA_HOST_MAX);
    ca_hosts_set(&hosts, &options);
    return tls_server_config_issue(server->auth->ca, &options, &tls, ret, err);
}

int apiserver_auth_kubeconfig(struct sandbox_apiserver *server, const struct addr *addr,
                              struct error *err)
{
    static const char *const masters[] = {"system:masters"};
    struct cert_options options = {.common_name = "kubernetes-admin",
                                   .organizations = masters,
                                   .organization_count = 1,
                                   .validity_ms = 365 * day_ms,
                                   .client_only = true};
    char address[ADDR_TEXT_SIZE];
    struct kube_config config = {0};
    struct buf cert, key, out;
    int rc;

    buf_init(&cert, 0);
    buf_init(&key, 0);
    buf_init(&out, 0);
    rc = ca_issue(server->auth->ca, &options, &cert, &key, err);
    config.server = mem_printf("https://%s", addr_format(addr, address));
    config.ca_pem = mem_strdup(server->auth->ca_pem);
    config.cert_pem = buf_take(&cert);
    config.key_pem = buf_take(&key);
    if (rc == 0)
        rc = kube_config_format(&config, "weft", "admin", &out);
    if (rc == 0)
        rc = file_write(server->options.kubeconfig, buf_slice(&out), 0600, err);
    kube_config_deinit(&config);
    buf_deinit(&out);
    return rc;
}

int apiserver_auth_open(struct sandbox_apiserver *server, struct tls_config **ret_tls,
                        struct error *err)
{
    const struct cert_options root = {.common_name = "weft-sandbox-ca",
                                      .validity_ms = 3650 * day_ms};
    struct apiserver_auth *auth = MEM_NEW(struct apiserver_auth);
    const char *pki = arena_printf(&server->memory, "%s/pki", server->options.folder);
    int rc = file_make_dirs(pki, 0700, err);

    server->auth = auth;
    if (rc == 0)
        rc = ca_open(arena_printf(&server->memory, "%s/ca.crt", pki),
                     arena_printf(&server->memory, "%s/ca.key", pki), &root, &auth->ca, err);
    if (rc == 0)
        rc = key_open_rsa(arena_printf(&server->memory, "%s/sa.key", pki), TOKEN_KEY_BITS,
                          &auth->token_key, err);
    if (rc != 0)
        return rc;
    auth->ca_pem = mem_slice_dup(ca_cert_pem(auth->ca));
    key_id_make(auth->token_key, auth->key_id);
    return server_tls_new(server, ret_tls, err);
}

const char *apiserver_auth_ca(const struct apiserver_auth *auth)
{
    return auth->ca_pem;
}

void apiserver_auth_free(struct apiserver_auth *auth)
{
    if (auth == NULL)
        return;
    ca_free(auth->ca);
    key_unref(auth->token_key);
    mem_free(auth->ca_pem);
    mem_free(auth);
}
