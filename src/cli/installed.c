/* SPDX-License-Identifier: Apache-2.0 */
/* See installed.h.
 */
#include "cli/installed.h"

#include "base/mem.h"
#include "cli/apply.h"
#include "install/objects.h"
#include "wire/json.h"

#include <stdio.h>

/* First what would refuse or undo the rest. */
static const enum kube_resource_id kinds[] = {
    KUBE_RESOURCE_MUTATING_WEBHOOK,
    KUBE_RESOURCE_VALIDATING_WEBHOOK,
    KUBE_RESOURCE_HPA,
    KUBE_RESOURCE_DEPLOYMENT,
    KUBE_RESOURCE_SERVICE,
    KUBE_RESOURCE_CONFIG_MAP,
    KUBE_RESOURCE_ROLE_BINDING,
    KUBE_RESOURCE_ROLE,
    KUBE_RESOURCE_SERVICE_ACCOUNT,
    KUBE_RESOURCE_CLUSTER_ROLE_BINDING,
    KUBE_RESOURCE_CLUSTER_ROLE,
};

int installed_query(struct kube_client *client, enum kube_resource_id id, const char *ns,
                    const char *query, json_t **ret, struct error *err)
{
    const struct kube_resource *resource = kube_resource_get(id);
    struct kube_request request = {
        .verb = KUBE_GET, .resource = resource, .ns = ns, .query = query};
    SCOPED(mem_drop)
    char *version = *resource->group ? mem_printf("%s/%s", resource->group, resource->version)
                                     : mem_strdup(resource->version);
    json_t *list = NULL;
    size_t i;
    json_t *object;
    int rc = kube_call_wait(client, &request, &list, err);

    if (rc < 0)
        return rc;
    *ret = json_incref(json_object_get(list, "items"));
    json_decref(list);
    if (!*ret)
        *ret = json_array();
    json_array_foreach(*ret, i, object)
    {
        json_set_string(object, "apiVersion", version);
        json_set_string(object, "kind", resource->kind);
    }
    return 0;
}

int installed_list(struct kube_client *client, const char *revision, json_t **ret,
                   struct error *err)
{
    SCOPED(json_drop) json_t *all = json_array();
    SCOPED(mem_drop)
    char *query = revision
                      ? mem_printf("labelSelector=" INSTALL_COMPONENT_LABEL
                                   "+in+(Pilot,IngressGateways,EgressGateways),istio.io/rev%%3D%s",
                                   revision)
                      : mem_strdup("labelSelector=" INSTALL_COMPONENT_LABEL);

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        SCOPED(json_drop) json_t *list = NULL;
        int rc = installed_query(client, kinds[i], NULL, query, &list, err);

        if (rc < 0)
            return rc;
        json_array_extend(all, list);
    }
    *ret = TAKE(all);
    return 0;
}

int installed_crds_list(struct kube_client *client, json_t **ret, struct error *err)
{
    return installed_query(client, KUBE_RESOURCE_CRD, NULL,
                           "labelSelector=" INSTALL_COMPONENT_LABEL, ret, err);
}

int installed_remove(struct kube_client *client, const json_t *object, struct error *err)
{
    const char *ns = kube_namespace(object);
    bool found;
    int rc = apply_delete(client, object, &found, err);

    if (rc >= 0 && found)
        printf("  Removed %s %s%s%s.\n", json_path_string_or(object, "kind", ""), ns,
               *ns ? "/" : "", kube_name(object));
    return rc;
}
