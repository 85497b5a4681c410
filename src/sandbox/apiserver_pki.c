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
#include "crypto/hash.h"
#include "io/tls.h"
#include "wire/base64.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { PKI_NAMES_MAX = 32 };
static const int64_t day_ms = (int64_t)24 * 3600 * 1000;

/* --- files --- */

static int pem_load(const char *path, struct buf *out, struct error *err)
{
    buf_init(out, 1024 * 1024);
    return file_read(path, out, err);
}

static int ca_open(const char *cert_path, const char *key_path, struct ca **ret, struct error *err)
{
    struct cert_options options = {.common_name = "weft-sandbox-ca", .validity_ms = 3650 * day_ms};
    struct buf cert, key;
    int rc;

    if (!file_exists(cert_path)) {
        rc = ca_new_root(&options, ret, err);
        if (rc == 0)
            rc = file_write(key_path, ca_key_pem(*ret), 0600, err);
        if (rc == 0)
            rc = file_write(cert_path, ca_cert_pem(*ret), 0644, err);
        return rc;
    }
    rc = pem_load(cert_path, &cert, err);
    if (rc == 0)
        rc = pem_load(key_path, &key, err);
    else
        buf_init(&key, 0);
    if (rc == 0)
        rc = ca_load(buf_slice(&cert), buf_slice(&key), ret, err);
    buf_deinit(&cert);
    buf_deinit(&key);
    return rc;
}

static int token_key_open(const char *path, struct key **ret, struct error *err)
{
    struct buf pem;
    int rc;

    if (file_exists(path)) {
        rc = pem_load(path, &pem, err);
        if (rc == 0)
            rc = key_parse_pem(buf_slice(&pem), ret, err);
    } else {
        *ret = key_new_rsa(2048);
        buf_init(&pem, 0);
        rc = key_format_pem(*ret, &pem);
        if (rc == 0)
            rc = file_write(path, buf_slice(&pem), 0600, err);
    }
    buf_deinit(&pem);
    return rc;
}

static void key_id_make(struct apiserver_auth *auth)
{
    struct buf pem;
    char hex[HASH_SHA256_HEX_SIZE];

    buf_init(&pem, 0);
    (void)key_format_public_pem(auth->token_key, &pem); /* a short text into a large buffer */
    hash_sha256_hex(buf_slice(&pem), hex);
    snprintf(auth->key_id, sizeof auth->key_id, "%.16s", hex);
    buf_deinit(&pem);
}

/* --- the server's certificate --- */

struct pki_names {
    const char *dns[PKI_NAMES_MAX];
    size_t dns_count;
    const char *ips[PKI_NAMES_MAX];
    size_t ip_count;
};

static void names_add(struct pki_names *names, const char *name)
{
    struct in6_addr address;

    if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1) {
        if (names->ip_count < PKI_NAMES_MAX)
            names->ips[names->ip_count++] = name;
    } else if (names->dns_count < PKI_NAMES_MAX) {
        names->dns[names->dns_count++] = name;
    }
}

/* Hosts of "ip:port,ip:port", or plain names. */
static void names_add_list(struct pki_names *names, struct arena *arena, const char *list,
                           bool with_ports)
{
    struct slice rest = slice_str(list);
    struct slice piece;

    while (list != NULL && slice_split_next(&rest, ',', &piece)) {
        size_t len = piece.len;

        while (with_ports && len > 0 && piece.data[len - 1] != ':')
            len--;
        if (with_ports && len > 0)
            piece = slice_head(piece, len - 1);
        if (piece.len > 0)
            names_add(names, arena_slice_str(arena, slice_trim(piece)));
    }
}

static int server_tls_new(struct sandbox_apiserver *server, struct tls_config **ret,
                          struct error *err)
{
    static const char *const fixed[] = {"localhost",
                                        "127.0.0.1",
                                        "kubernetes",
                                        "kubernetes.default",
                                        "kubernetes.default.svc",
                                        "kubernetes.default.svc.cluster.local"};
    struct in_addr first = {.s_addr = htonl(server->service_base + 1)};
    char first_ip[INET_ADDRSTRLEN];
    struct pki_names names = {0};
    struct cert_options options = {.common_name = "kube-apiserver", .validity_ms = 365 * day_ms};
    struct tls_options tls = {.alpn = "h2,http/1.1", .request_peer_cert = true};
    struct buf cert, key;
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        names_add(&names, fixed[i]);
    names_add(&names, inet_ntop(AF_INET, &first, first_ip, sizeof first_ip));
    names_add_list(&names, &server->memory, server->options.listen, true);
    names_add_list(&names, &server->memory, server->options.advertise_ip, false);
    names_add_list(&names, &server->memory, server->options.server_names, false);
    options.dns_names = names.dns;
    options.dns_name_count = names.dns_count;
    options.ip_addresses = names.ips;
    options.ip_address_count = names.ip_count;
    buf_init(&cert, 0);
    buf_init(&key, 0);
    rc = ca_issue(server->auth->ca, &options, &cert, &key, err);
    if (rc == 0) {
        tls.cert_chain_pem = buf_slice(&cert);
        tls.key_pem = buf_slice(&key);
        tls.trust_pem = ca_cert_pem(server->auth->ca);
        rc = tls_server_config_new(&tls, ret, err);
    }
    buf_deinit(&cert);
    buf_deinit(&key);
    return rc;
}

/* --- the kubeconfig --- */

static void base64_line(struct buf *out, const char *key, struct slice bytes)
{
    buf_printf(out, "    %s: ", key);
    base64_encode(bytes, out);
    buf_append_char(out, '\n');
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
    struct buf cert, key, out;
    int rc;

    buf_init(&cert, 0);
    buf_init(&key, 0);
    buf_init(&out, 0);
    rc = ca_issue(server->auth->ca, &options, &cert, &key, err);
    buf_printf(&out,
               "apiVersion: v1\nkind: Config\ncurrent-context: weft\nclusters:\n"
               "- name: weft\n  cluster:\n    server: https://%s\n",
               addr_format(addr, address));
    base64_line(&out, "certificate-authority-data", ca_cert_pem(server->auth->ca));
    buf_append_str(&out, "contexts:\n- name: weft\n  context:\n    cluster: weft\n    user: admin\n"
                         "users:\n- name: admin\n  user:\n");
    base64_line(&out, "client-certificate-data", buf_slice(&cert));
    base64_line(&out, "client-key-data", buf_slice(&key));
    if (rc == 0)
        rc = file_write(server->options.kubeconfig, buf_slice(&out), 0600, err);
    buf_deinit(&cert);
    buf_deinit(&key);
    buf_deinit(&out);
    return rc;
}

int apiserver_auth_open(struct sandbox_apiserver *server, struct tls_config **ret_tls,
                        struct error *err)
{
    struct apiserver_auth *auth = MEM_NEW(struct apiserver_auth);
    const char *pki = arena_printf(&server->memory, "%s/pki", server->options.folder);
    int rc = file_make_dirs(pki, 0700, err);

    server->auth = auth;
    if (rc == 0)
        rc = ca_open(arena_printf(&server->memory, "%s/ca.crt", pki),
                     arena_printf(&server->memory, "%s/ca.key", pki), &auth->ca, err);
    if (rc == 0)
        rc = token_key_open(arena_printf(&server->memory, "%s/sa.key", pki), &auth->token_key, err);
    if (rc != 0)
        return rc;
    auth->ca_pem = mem_slice_dup(ca_cert_pem(auth->ca));
    key_id_make(auth);
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
