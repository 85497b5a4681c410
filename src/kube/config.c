/* SPDX-License-Identifier: Apache-2.0 */
/* Kubeconfig files and the service account of a pod.
 */
#include "kube/config.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/base64.h"
#include "wire/yaml.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONFIG_SIZE_MAX = 1024 * 1024 };

static const char account_folder[] = "/var/run/secrets/kubernetes.io/serviceaccount";

void kube_config_deinit(struct kube_config *config)
{
    char *texts[] = {config->server,     config->tls_server_name,  config->ca_pem,
                     config->cert_pem,   config->key_pem,          config->token,
                     config->token_path, config->default_namespace};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        mem_free(texts[i]);
    memset(config, 0, sizeof *config);
}

/* The whole file as text, or NULL with the error set. */
static char *text_of_file(const char *path, struct error *err)
{
    struct buf text;

    buf_init(&text, CONFIG_SIZE_MAX);
    if (file_read(path, &text, err) < 0) {
        buf_deinit(&text);
        return NULL;
    }
    if (!text.data)
        buf_append_str(&text, "");
    return buf_take(&text);
}

/* --- kubeconfig --- */

/* lists[name].<member>, e.g. clusters["dev"].cluster */
static const json_t *entry_find(const json_t *root, const char *list, const char *name,
                                const char *member)
{
    const json_t *items = json_object_get(root, list);
    size_t i;
    json_t *item;

    json_array_foreach(items, i, item)
    {
        const char *own = json_get_string(item, "name");

        if (own && strcmp(own, name) == 0)
            return json_object_get(item, member);
    }
    return NULL;
}

/* The text of `KEY-data` (base64), or of the file `KEY` names; *ret stays NULL when neither is
 * there. */
static int material_load(const json_t *entry, const char *key, const char *folder, char **ret,
                         struct error *err)
{
    char data_key[64];
    const char *data, *path;
    struct buf bytes;

    snprintf(data_key, sizeof data_key, "%s-data", key);
    data = json_get_string(entry, data_key);
    if (data && *data) {
        buf_init(&bytes, CONFIG_SIZE_MAX);
        if (base64_decode(slice_str(data), &bytes) < 0) {
            buf_deinit(&bytes);
            return err_set_path(err, ERR_INVALID, data_key, "not valid base64");
        }
        *ret = buf_take(&bytes);
        return 0;
    }
    path = json_get_string(entry, key);
    if (!path || !*path)
        return 0;
    char *full = path[0] == '/' ? mem_strdup(path) : mem_printf("%s/%s", folder, path);

    *ret = text_of_file(full, err);
    mem_free(full);
    return *ret ? 0 : err && err->code ? err->code : ERR_IO;
}

static int cluster_load(const json_t *cluster, const char *folder, struct kube_config *config,
                        struct error *err)
{
    const char *server = json_get_string(cluster, "server");
    size_t len;

    if (!server || !*server)
        return err_set_path(err, ERR_INVALID, "clusters[].cluster.server", "missing");
    if (json_get_string(cluster, "proxy-url"))
        return err_set_path(err, ERR_UNSUPPORTED, "clusters[].cluster.proxy-url", "not supported");
    len = strlen(server);
    while (len > 0 && server[len - 1] == '/')
        len--;
    config->server = mem_slice_dup(slice_make(server, len));
    config->tls_server_name = mem_strdup(json_get_string(cluster, "tls-server-name"));
    config->insecure = json_get_bool(cluster, "insecure-skip-tls-verify", false);
    return material_load(cluster, "certificate-authority", folder, &config->ca_pem, err);
}

static int user_load(const json_t *user, const char *folder, struct kube_config *config,
                     struct error *err)
{
    static const char *const refused[] = {"exec", "auth-provider", "username", "as"};
    const char *token_path = json_get_string(user, "tokenFile");
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (json_object_get(user, refused[i]))
            return err_set(err, ERR_UNSUPPORTED, "users[].user.%s is not supported", refused[i]);
    config->token = mem_strdup(json_get_string(user, "token"));
    if (token_path)
        config->token_path =
            token_path[0] == '/' ? mem_strdup(token_path) : mem_printf("%s/%s", folder, token_path);
    rc = material_load(user, "client-certificate", folder, &config->cert_pem, err);
    if (rc < 0)
        return rc;
    return material_load(user, "client-key", folder, &config->key_pem, err);
}

static int config_read(const json_t *root, const char *folder, const char *context,
                       struct kube_config *config, struct error *err)
{
    const char *name = context ? context : json_get_string(root, "current-context");
    const json_t *entry, *cluster, *user;
    int rc;

    if (!name || !*name)
        return err_set_path(err, ERR_INVALID, "current-context", "missing");
    entry = entry_find(root, "contexts", name, "context");
    if (!entry)
        return err_set_path(err, ERR_NOT_FOUND, "contexts", "there is no context \"%.64s\"", name);
    cluster = entry_find(root, "clusters", json_path_string_or(entry, "cluster", ""), "cluster");
    if (!cluster)
        return err_set_path(err, ERR_NOT_FOUND, "clusters", "there is no cluster \"%.64s\"",
                            json_path_string_or(entry, "cluster", ""));
    user = entry_find(root, "users", json_path_string_or(entry, "user", ""), "user");
    config->default_namespace = mem_strdup(json_path_string_or(entry, "namespace", "default"));
    rc = cluster_load(cluster, folder, config, err);
    return rc < 0 || !user ? rc : user_load(user, folder, config, err);
}

int kube_config_parse(struct slice text, const char *folder, const char *context,
                      struct kube_config *ret, struct error *err)
{
    struct kube_config config = {0};
    json_t *root = NULL;
    int rc = yaml_parse_one(text, NULL, &root, err);

    if (rc < 0)
        return rc;
    rc = config_read(root, folder, context, &config, err);
    json_decref(root);
    if (rc < 0)
        kube_config_deinit(&config);
    else
        *ret = config;
    return rc;
}

static void material_set(json_t *entry, const char *key, const char *pem)
{
    struct buf text;

    if (pem == NULL)
        return;
    buf_init(&text, 0);
    base64_encode(slice_str(pem), &text);
    json_object_set_new(entry, key, json_string_slice(buf_slice(&text)));
    buf_deinit(&text);
}

int kube_config_format(const struct kube_config *config, const char *name, const char *user,
                       struct buf *out)
{
    json_t *cluster = json_pack("{s:s}", "server", config->server);
    json_t *identity = json_object();
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:[{s:s, s:o}], s:[{s:s, s:{s:s, s:s}}], s:[{s:s, s:o}]}",
                  "apiVersion", "v1", "kind", "Config", "current-context", name, "clusters", "name",
                  name, "cluster", cluster, "contexts", "name", name, "context", "cluster", name,
                  "user", user, "users", "name", user, "user", identity);
    int rc;

    material_set(cluster, "certificate-authority-data", config->ca_pem);
    material_set(identity, "client-certificate-data", config->cert_pem);
    material_set(identity, "client-key-data", config->key_pem);
    if (config->token != NULL)
        json_set_string(identity, "token", config->token);
    rc = yaml_format(root, out);
    json_decref(root);
    return rc;
}

/* --- where it is --- */

static int pod_load(struct kube_config *ret, struct error *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    char path[256];

    snprintf(path, sizeof path, "%s/ca.crt", account_folder);
    char *ca = text_of_file(path, err);

    if (!ca)
        return err && err->code ? err->code : ERR_IO;
    snprintf(path, sizeof path, "%s/namespace", account_folder);
    char *ns = text_of_file(path, NULL);

    memset(ret, 0, sizeof *ret);
    ret->server = strchr(host, ':') ? mem_printf("https://[%s]:%s", host, port ? port : "443")
                                    : mem_printf("https://%s:%s", host, port ? port : "443");
    ret->ca_pem = ca;
    ret->token_path = mem_printf("%s/token", account_folder);
    ret->default_namespace = ns ? ns : mem_strdup("default");
    return 0;
}

static int file_load(const char *path, const char *context, struct kube_config *ret,
                     struct error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        slash ? mem_slice_dup(slice_make(path, (size_t)(slash - path))) : mem_strdup(".");
    char *text = text_of_file(path, err);
    int rc = err && err->code ? err->code : ERR_IO;

    if (text) {
        rc = kube_config_parse(slice_str(text), folder, context, ret, err);
        if (rc < 0 && err) {
            char reason[ERR_PATH_SIZE + ERR_REASON_SIZE];

            err_format(err, reason, sizeof reason);
            (void)err_set_path(err, rc, path, "%s", reason);
        }
    }
    mem_free(text);
    mem_free(folder);
    return rc;
}

int kube_config_load(const char *path, const char *context, struct kube_config *ret,
                     struct error *err)
{
    struct slice rest = slice_str(getenv("KUBECONFIG"));
    struct slice piece;
    const char *home = getenv("HOME");
    char *candidate;
    int rc;

    if (path)
        return file_load(path, context, ret, err);
    while (rest.len > 0 && slice_split_next(&rest, ':', &piece)) {
        candidate = mem_slice_dup(piece);
        if (file_exists(candidate)) {
            rc = file_load(candidate, context, ret, err);
            mem_free(candidate);
            return rc;
        }
        mem_free(candidate);
    }
    if (getenv("KUBECONFIG") && getenv("KUBECONFIG")[0])
        return err_set(err, ERR_NOT_FOUND, "no file of KUBECONFIG (%s) exists",
                       getenv("KUBECONFIG"));
    if (getenv("KUBERNETES_SERVICE_HOST"))
        return pod_load(ret, err);
    candidate = mem_printf("%s/.kube/config", home ? home : "");
    rc = file_exists(candidate)
             ? file_load(candidate, context, ret, err)
             : err_set(err, ERR_NOT_FOUND,
                       "no cluster: KUBECONFIG is not set and %s does not exist", candidate);
    mem_free(candidate);
    return rc;
}
