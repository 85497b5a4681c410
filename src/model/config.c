/* SPDX-License-Identifier: Apache-2.0 */
/* Istio's meshConfig, as far as it is carried out.
 *
 * Place   builder.c
 * Owns    a part with the settings and their texts
 * Spec    Istio's MeshConfig: accessLogFile, accessLogFormat, accessLogEncoding,
 *         outboundTrafficPolicy.mode, connectTimeout, defaultHttpRetryPolicy,
 *         ingressControllerMode, ingressClass, ingressService, ingressSelector
 */
#include "api/decode.h"
#include "base/mem.h"
#include "model/snapshot_int.h"
#include "wire/json.h"

enum { CONNECT_TIMEOUT_S = 10 };

static int read_log(struct mesh_config_part *part, const json_t *tree, struct error *err)
{
    const char *encoding = json_path_string_or(tree, "accessLogEncoding", "TEXT");

    part->config.access_log_json = strcmp(encoding, "JSON") == 0;
    if (!part->config.access_log_json && strcmp(encoding, "TEXT") != 0)
        return err_set_path(err, ERR_INVALID, "meshConfig.accessLogEncoding",
                            "must be TEXT or JSON, not \"%s\"", encoding);
    if (part->config.access_log_json && json_path_string(tree, "accessLogFormat"))
        return err_set_path(err, ERR_UNSUPPORTED, "meshConfig.accessLogFormat",
                            "not supported: a format of one's own with encoding JSON");
    part->config.access_log_path =
        arena_strdup(&part->part.arena, json_path_string_or(tree, "accessLogFile", ""));
    part->config.access_log_format =
        arena_strdup(&part->part.arena, json_path_string_or(tree, "accessLogFormat", ""));
    return 0;
}

static int read_outbound(struct mesh_config_part *part, const json_t *tree, struct error *err)
{
    const char *mode = json_path_string_or(tree, "outboundTrafficPolicy.mode", "ALLOW_ANY");

    part->config.registry_only = strcmp(mode, "REGISTRY_ONLY") == 0;
    if (!part->config.registry_only && strcmp(mode, "ALLOW_ANY") != 0)
        return err_set_path(err, ERR_UNSUPPORTED, "meshConfig.outboundTrafficPolicy.mode",
                            "not supported: %s", mode);
    return 0;
}

static int read_timeout(struct mesh_config_part *part, const json_t *tree, struct error *err)
{
    const char *timeout = json_path_string(tree, "connectTimeout");

    part->config.connect_timeout_ns = CONNECT_TIMEOUT_S * INT64_C(1000000000);
    if (timeout && (api_duration_parse(slice_str(timeout), &part->config.connect_timeout_ns) < 0 ||
                    part->config.connect_timeout_ns <= 0))
        return err_set_path(err, ERR_INVALID, "meshConfig.connectTimeout",
                            "\"%s\" is not a duration such as \"10s\"", timeout);
    return 0;
}

static int read_retry(struct mesh_config_part *part, const json_t *tree, struct error *err)
{
    const json_t *json = json_path_get(tree, "defaultHttpRetryPolicy");
    struct api_http_retry *retry;

    if (!json)
        return 0;
    retry = ARENA_NEW(&part->part.arena, struct api_http_retry);
    part->config.retry = retry;
    if (api_decode(&api_http_retry_schema, json, &part->part.arena, retry, err) < 0)
        return err_prefix(err, "meshConfig.defaultHttpRetryPolicy");
    return 0;
}

static int read_ingress(struct mesh_config_part *part, const json_t *tree, struct error *err)
{
    static const char *const modes[] = {[MESH_INGRESS_STRICT] = "STRICT",
                                        [MESH_INGRESS_DEFAULT] = "DEFAULT",
                                        [MESH_INGRESS_OFF] = "OFF"};
    const char *mode = json_path_string_or(tree, "ingressControllerMode", "STRICT");
    const char *service = json_path_string_or(tree, "ingressService", "istio-ingressgateway");
    bool is_stock = strcmp(service, "istio-ingressgateway") == 0; /* its pods' label is shorter */
    size_t found = ARRAY_LEN(modes);

    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(mode, modes[i]) == 0)
            found = i;
    if (found == ARRAY_LEN(modes))
        return err_set_path(err, ERR_INVALID, "meshConfig.ingressControllerMode",
                            "must be OFF, DEFAULT or STRICT, not \"%.32s\"", mode);
    part->config.ingress_mode = (enum mesh_ingress_mode)found;
    part->config.ingress_class =
        arena_strdup(&part->part.arena, json_path_string_or(tree, "ingressClass", "istio"));
    part->config.ingress_service = arena_strdup(&part->part.arena, service);
    part->config.ingress_selector =
        arena_strdup(&part->part.arena, json_path_string_or(tree, "ingressSelector",
                                                            is_stock ? "ingressgateway" : service));
    return 0;
}

struct mesh_config_part *mesh_config_read(const json_t *config, struct error *err)
{
    struct mesh_config_part *part = MEM_NEW(struct mesh_config_part);

    mesh_part_init(&part->part);
    if (read_log(part, config, err) == 0 && read_outbound(part, config, err) == 0 &&
        read_timeout(part, config, err) == 0 && read_retry(part, config, err) == 0 &&
        read_ingress(part, config, err) == 0)
        return part;
    mesh_part_unref(&part->part);
    return NULL;
}

static bool retry_equal(const struct api_http_retry *a, const struct api_http_retry *b)
{
    if (!a || !b)
        return a == b;
    return a->attempts == b->attempts && a->per_try_timeout_ns == b->per_try_timeout_ns &&
           a->backoff_ns == b->backoff_ns &&
           a->retry_ignore_previous_hosts == b->retry_ignore_previous_hosts &&
           strcmp(mesh_text(a->retry_on), mesh_text(b->retry_on)) == 0;
}

static bool ingress_equal(const struct mesh_config *a, const struct mesh_config *b)
{
    return a->ingress_mode == b->ingress_mode && strcmp(a->ingress_class, b->ingress_class) == 0 &&
           strcmp(a->ingress_service, b->ingress_service) == 0 &&
           strcmp(a->ingress_selector, b->ingress_selector) == 0;
}

bool mesh_config_equal(const struct mesh_config *a, const struct mesh_config *b)
{
    return strcmp(a->access_log_path, b->access_log_path) == 0 &&
           strcmp(a->access_log_format, b->access_log_format) == 0 &&
           a->access_log_json == b->access_log_json && a->registry_only == b->registry_only &&
           a->connect_timeout_ns == b->connect_timeout_ns && retry_equal(a->retry, b->retry) &&
           ingress_equal(a, b);
}
