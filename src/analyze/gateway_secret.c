/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that Gateways take their certificates from: there, complete, in force?
 */
#include "analyze/all.h"

#include "base/clock.h"
#include "crypto/cert.h"
#include "wire/base64.h"
#include "wire/json.h"

enum { CERTIFICATE_SIZE_MAX = 1024 * 1024 };

/* A cert.pem that is in force now. */
static bool certificate_is_valid(struct analysis *analysis, struct slice pem)
{
    struct cert *cert = NULL;
    struct cert_facts facts;
    int64_t now_ms = clock_realtime_ms();

    if (cert_parse_pem(pem, &cert, NULL) < 0)
        return false;
    cert_facts_get(cert, &analysis->arena, &facts);
    cert_unref(cert);
    return now_ms >= facts.not_before_ms && now_ms <= facts.not_after_ms;
}

/* The Secret's base64 text of certificate, if it has both that and the key: generic Secrets call
 * them cert and key, those of type tls by file names. NULL when it has neither. */
static const char *certificate_find(const struct analyze_object *secret)
{
    static const char *const names[][2] = {{"cert", "key"}, {"tls.crt", "tls.key"}};
    const json_t *data = json_object_get(secret->json, "data");

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *cert = json_get_string(data, names[i][0]);
        const char *key = json_get_string(data, names[i][1]);

        if (cert && cert[0] && key && key[0])
            return cert;
    }
    return NULL;
}

static bool secret_is_valid(struct analysis *analysis, const struct analyze_object *secret)
{
    const char *text = certificate_find(secret);
    struct buf pem;
    bool is_valid;

    if (!text)
        return false;
    buf_init(&pem, CERTIFICATE_SIZE_MAX);
    is_valid = base64_decode(slice_str(text), &pem) >= 0 &&
               certificate_is_valid(analysis, buf_slice(&pem));
    buf_deinit(&pem);
    return is_valid;
}

static void credential_check(struct analysis *analysis, const struct analyze_object *gateway,
                             size_t index, const char *name, const char *pod_ns)
{
    const struct analyze_object *secret =
        analysis_find_named(analysis, ANALYZE_KIND_SECRET, pod_ns, name);
    const char *path = ANALYSIS_TEXT(analysis, "spec.servers[%zu].tls.credentialName", index);

    if (!secret)
        analysis_report(analysis, ANALYZE_NOT_FOUND, gateway, path, "credentialName", name, NULL);
    else if (!secret_is_valid(analysis, secret))
        analysis_report(analysis, ANALYZE_GATEWAY_CREDENTIAL, gateway, path, gateway->name, pod_ns,
                        NULL);
}

/* Secrets are those of the namespace where the gateway's pods run. */
static const struct analyze_object *pod_find(struct analysis *analysis,
                                             const struct mesh_labels *selector)
{
    ANALYSIS_EACH(pod, analysis, POD)
    if (mesh_labels_match(selector, &pod->labels))
        return pod;
    return NULL;
}

void analyze_gateway_secret(struct analysis *analysis)
{
    ANALYSIS_EACH(gateway, analysis, GATEWAY)
    {
        struct mesh_labels selector =
            analysis_labels(analysis, json_object_get(gateway->spec, "selector"));
        const struct analyze_object *pod = pod_find(analysis, &selector);
        size_t i;
        json_t *server;

        if (!pod)
            analysis_report_selector(analysis, gateway, "spec.selector", &selector);
        json_array_foreach(json_object_get(gateway->spec, "servers"), i, server)
        {
            const char *name = json_path_string_or(server, "tls.credentialName", "");

            if (pod && name[0])
                credential_check(analysis, gateway, i, name, pod->ns);
        }
    }
}
