/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks of Istio that lead out of the cluster, or nowhere.
 */
#include "analyze/all.h"

#include "wire/json.h"
#include "wire/url.h"

#include <arpa/inet.h>

static bool is_address(struct slice text)
{
    struct in6_addr scratch;
    char host[INET6_ADDRSTRLEN];

    if (text.len >= sizeof host)
        return false;
    memcpy(host, text.data, text.len);
    host[text.len] = '\0';
    return inet_pton(AF_INET, host, &scratch) == 1 || inet_pton(AF_INET6, host, &scratch) == 1;
}

static void webhook_check(struct analysis *analysis, const struct analyze_object *object,
                          const json_t *webhook)
{
    const char *name = json_path_string_or(webhook, "name", "");
    const json_t *config = json_object_get(webhook, "clientConfig");
    const char *url = json_get_string(config, "url");
    struct url parts;

    if (!url) {
        if (!json_object_get(config, "service"))
            analysis_report(analysis, ANALYZE_EXTERNAL_CONTROL_PLANE, object, NULL, "", name,
                            "is blank", NULL);
        return;
    }
    if (url_parse(slice_str(url), &parts) < 0)
        analysis_report(analysis, ANALYZE_EXTERNAL_CONTROL_PLANE, object, NULL, url, name,
                        "was provided in an invalid format", NULL);
    else if (is_address(parts.host))
        analysis_report(analysis, ANALYZE_EXTERNAL_CONTROL_PLANE_ADDRESS, object, NULL, url, name,
                        NULL);
}

static void webhooks_check(struct analysis *analysis, const struct analyze_object *object)
{
    size_t i;
    json_t *webhook;

    json_array_foreach(json_object_get(object->json, "webhooks"), i, webhook)
    {
        webhook_check(analysis, object, webhook);
    }
}

void analyze_external_control_plane(struct analysis *analysis)
{
    ANALYSIS_EACH(object, analysis, VALIDATING_WEBHOOK)
    if (strcmp(object->name, "istiod-default-validator") == 0 ||
        slice_starts_with(slice_str(object->name), SLICE("istio-validator")))
        webhooks_check(analysis, object);
    ANALYSIS_EACH(object, analysis, MUTATING_WEBHOOK)
    if (slice_starts_with(slice_str(object->name), SLICE("istio-sidecar-injector")))
        webhooks_check(analysis, object);
}
