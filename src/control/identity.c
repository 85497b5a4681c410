/* SPDX-License-Identifier: Apache-2.0 */
/* See identity.h.
 */
#include "control/identity.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/base64.h"
#include "wire/json.h"

static const char secret_name[] = "istio-ca-secret";
static const int64_t day_ms = 24LL * 3600 * 1000;

void identity_deinit(struct identity *identity)
{
    ca_free(identity->ca);
    mem_free(identity->root_pem);
    tls_config_unref(identity->tls);
    memset(identity, 0, sizeof *identity);
}

/* --- the Secret --- */

static void secret_put(json_t *data, const char *key, struct slice value)
{
    struct buf text;

    buf_init(&text, 0);
    base64_encode(value, &text);
    json_object_set_new(data, key, json_string_slice(buf_slice(&text)));
    buf_deinit(&text);
}

static json_t *secret_of(const struct ca *ca)
{
    json_t *data = json_object();

    secret_put(data, "ca-cert.pem", ca_cert_pem(ca));
    secret_put(data, "ca-key.pem", ca_key_pem(ca));
    secret_put(data, "root-cert.pem", ca_cert_pem(ca));
    return json_pack("{s:s, s:s, s:{s:s}, s:s, s:o}", "apiVersion", "v1", "kind", "Secret",
                     "metadata", "name", secret_name, "type", "istio.io/ca-root", "data", data);
}

/* data[key], decoded; mem_free it. NULL when absent or no base64. */
static char *secret_get(const json_t *secret, const char *key)
{
    const char *text = json_get_string(json_object_get(secret, "data"), key);
    struct buf bytes;

    buf_init(&bytes, 0);
    if (!text || base64_decode(slice_str(text), &bytes) < 0) {
        buf_deinit(&bytes);
        return NULL;
    }
    buf_append_str(&bytes, "");
    return buf_take(&bytes);
}

static int secret_load(const json_t *secret, struct ca **ret, struct error *err)
{
    char *cert = secret_get(secret, "ca-cert.pem");
    char *key = secret_get(secret, "ca-key.pem");
    int rc = cert && key ? ca_load(slice_str(cert), slice_str(key), ret, err)
                         : err_set(err, ERR_INVALID, "ca-cert.pem or ca-key.pem is missing");

    if (rc < 0)
        (void)err_prefix(err, "Secret %s", secret_name);
    mem_free(cert);
    mem_free(key);
    return rc;
}

/* --- the root --- */

static int root_make(struct ca **ret, struct error *err)
{
    static const char *const organizations[] = {"cluster.local"};
    struct cert_options options = {.common_name = "cluster.local",
                                   .organizations = organizations,
                                   .organization_count = 1,
                                   .validity_ms = 3650 * day_ms,
                                   .is_ca = true};

    return ca_new_root(&options, ret, err);
}

static int root_find(struct kube_client *client, const char *ns, struct ca **ret, struct error *err)
{
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_SECRET),
                                   .ns = ns,
                                   .name = secret_name};
    json_t *secret = NULL;
    int rc = kube_call_wait(client, &request, &secret, err);

    if (rc >= 0)
        rc = secret_load(secret, ret, err);
    json_decref(secret);
    return rc;
}

static int root_create(struct kube_client *client, const char *ns, struct ca **ret,
                       struct error *err)
{
    struct kube_request request = {
        .verb = KUBE_CREATE, .resource = kube_resource_get(KUBE_RESOURCE_SECRET), .ns = ns};
    SCOPED(ca_drop) struct ca *ca = NULL;
    json_t *secret;
    int rc = root_make(&ca, err);

    if (rc < 0)
        return rc;
    secret = secret_of(ca);
    request.body = secret;
    rc = kube_call_wait(client, &request, NULL, err);
    json_decref(secret);
    if (rc == ERR_EXISTS) /* another replica was faster */
        return root_find(client, ns, ret, err);
    if (rc < 0)
        return rc;
    log_info(ca, "made a new root certificate, kept in Secret %s/%s", ns, secret_name);
    *ret = TAKE(ca);
    return 0;
}

/* --- the serving certificate --- */

static int serving_make(struct identity *identity, const char *ns, const char *service,
                        struct error *err)
{
    char *names[] = {mem_printf("%s.%s.svc", service, ns), mem_printf("%s.%s", service, ns),
                     mem_printf("%s.%s.svc.cluster.local", service, ns), mem_strdup("localhost")};
    static const char *const ips[] = {"127.0.0.1"};
    struct cert_options options = {.common_name = "istiod",
                                   .dns_names = (const char *const *)names,
                                   .dns_name_count = ARRAY_LEN(names),
                                   .ip_addresses = ips,
                                   .ip_address_count = ARRAY_LEN(ips),
                                   .validity_ms = 365 * day_ms};
    int rc = tls_server_config_issue(
        identity->ca, &options, &(struct tls_options){.alpn = "h2,http/1.1"}, &identity->tls, err);

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        mem_free(names[i]);
    return rc;
}

int identity_load(struct kube_client *client, const char *ns, const char *service,
                  struct identity *ret, struct error *err)
{
    struct identity identity = {0};
    int rc;

    if (!client) {
        rc = root_make(&identity.ca, err);
    } else {
        rc = root_find(client, ns, &identity.ca, err);
        if (rc == ERR_NOT_FOUND)
            rc = root_create(client, ns, &identity.ca, err);
    }
    if (rc >= 0) {
        identity.root_pem = mem_slice_dup(ca_cert_pem(identity.ca));
        rc = serving_make(&identity, ns, service, err);
    }
    if (rc < 0)
        identity_deinit(&identity);
    else
        *ret = identity;
    return rc;
}
