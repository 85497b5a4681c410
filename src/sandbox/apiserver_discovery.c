/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery, version and OpenAPI: what a client asks before it does anything.
 *
 *   /api, /apis and below      which resources there are (kube/objects/discovery.c)
 *   /version, /openid/v1/jwks
 *   /openapi/v3[/...]          per group-version: a PATCH with fieldValidation for every kind, and
 *                              the schemas for kubectl explain (kube-api reference, section 1)
 *   /openapi/v2                the same of all of them at once
 *
 * Place   apiserver_http.c, for paths that are no resources
 * Owns    server->groups: what kube/objects/discovery.c gathered, until a definition changes
 */
#include "api/openapi.h"
#include "api/openapi_v2.h"
#include "kube/objects/discovery.h"
#include "sandbox/apiserver_int.h"

/* --- resources --- */

static bool is_listed(const struct kind *kind)
{
    return kind->served && !(kind->api != NULL && kind->api->flags & API_KIND_BODY);
}

struct gathering {
    const struct kind *kind;
    json_t *resource;
};

static void on_sub(const char *name, const char *group, const char *version, const char *kind_name,
                   const char *verbs, void *ctx)
{
    struct gathering *gathering = ctx;
    const struct kind *kind = gathering->kind;

    kube_discovery_add_sub(gathering->resource, name, group ? group : kind->group,
                           version ? version : kind->version, kind_name, verbs);
}

const json_t *apiserver_discovery_groups(struct sandbox_apiserver *server)
{
    if (server->groups != NULL)
        return server->groups;
    server->groups = json_array();
    for (size_t i = 0; i < server->kinds.items.count; i++) {
        const struct kind *kind = server->kinds.items.items[i];
        struct gathering gathering = {.kind = kind};

        if (!is_listed(kind))
            continue;
        gathering.resource =
            kube_discovery_add(server->groups, &(struct kube_discovery_resource){
                                                   .group = kind->group,
                                                   .version = kind->version,
                                                   .kind = kind->kind,
                                                   .plural = kind->plural,
                                                   .singular = kind->singular,
                                                   .namespaced = kind->namespaced,
                                                   .verbs = kinds_verbs(kind),
                                                   .short_names = kinds_short_names(kind),
                                                   .categories = kinds_categories(kind),
                                               });
        kinds_each_subresource(kind, on_sub, &gathering);
    }
    return server->groups;
}

/* --- OpenAPI --- */

/* `path` NULL: of all versions of all groups. */
static json_t *openapi_document(const struct sandbox_apiserver *server,
                                const struct kube_path *path)
{
    json_t *document = openapi_document_new("Kubernetes", "v1.34.4");

    for (size_t i = 0; i < server->kinds.items.count; i++) {
        const struct kind *kind = server->kinds.items.items[i];

        if (!kind->served || (path != NULL && (strcmp(kind->group, path->group) != 0 ||
                                               strcmp(kind->version, path->version) != 0)))
            continue;
        if (kind->api != NULL)
            openapi_kind_add(document, kind->api, kind->version);
        else
            openapi_custom_add(document, kind->crd, kind->crd_version);
    }
    if (json_object_size(json_object_get(document, "paths")) > 0)
        return document;
    json_decref(document);
    return NULL;
}

static json_t *openapi_v3(struct apiserver_call *call, struct slice rest)
{
    struct kube_path path;

    if (rest.len == 0)
        return kube_discovery_openapi_index(apiserver_discovery_groups(call->server),
                                            store_revision(call->server->store));
    if (kube_path_parse(rest, &call->arena, &path) != 0 || path.plural[0])
        return NULL;
    return openapi_document(call->server, &path);
}

static json_t *openapi_v2(const struct sandbox_apiserver *server)
{
    json_t *v3 = openapi_document(server, NULL);
    json_t *v2 = v3 ? openapi_v2_new(v3) : NULL;

    json_decref(v3);
    return v2;
}

/* --- dispatch --- */

/* A version that a known group lacks is answered by the API, an unknown group by nobody. */
static void api_run(struct apiserver_call *call, const struct kube_path *path, bool is_aggregated)
{
    const json_t *groups = apiserver_discovery_groups(call->server);

    call->result =
        kube_discovery_document(groups, path, is_aggregated, call->server->options.listen);
    if (call->result == NULL && path->group[0] && !path->plural[0] &&
        kube_discovery_has(groups, path->group, ""))
        apiserver_fail(call, 404, "NotFound", "the server could not find the requested resource");
}

static json_t *openid_configuration(void)
{
    return json_pack("{s:s, s:s, s:[s], s:[s], s:[s]}", "issuer",
                     "https://kubernetes.default.svc.cluster.local", "jwks_uri",
                     "https://kubernetes.default.svc.cluster.local/openid/v1/jwks",
                     "response_types_supported", "id_token", "subject_types_supported", "public",
                     "id_token_signing_alg_values_supported", "RS256");
}

bool apiserver_discovery_run(struct apiserver_call *call, struct slice target,
                             const struct kube_path *path, bool is_aggregated)
{
    static const struct slice v3 = {"/openapi/v3", 11};

    if (path != NULL)
        api_run(call, path, is_aggregated);
    else if (slice_starts_with(target, v3))
        call->result = openapi_v3(call, slice_from(target, v3.len));
    else if (slice_eq_str(target, "/openapi/v2"))
        call->result = openapi_v2(call->server);
    else if (slice_eq_str(target, "/version"))
        call->result = kube_discovery_version(34, "v1.34.4+weft");
    else if (slice_eq_str(target, "/openid/v1/jwks"))
        call->result = apiserver_auth_jwks(call->server->auth);
    else if (slice_eq_str(target, "/.well-known/openid-configuration"))
        call->result = openid_configuration();
    return call->result != NULL;
}
