/* SPDX-License-Identifier: Apache-2.0 */
/* What a proxy sees of the mesh: services, virtual services, and the Sidecar that narrows them.
 *
 *   all services --visible (exportTo)--> --imported (egress of the Sidecar)--> the proxy's
 *                                   \---- destinations of imported virtual services ---^
 *
 * An egress listener with a port has that port for its own hosts alone; what the other listeners
 * import is not added to it.
 *
 * Place   translate.c, first of all; control asks for keys
 * Owns    nothing: all lies in the run's scratch arena, and in maps that scope_drop ends
 * Spec    Istio's Sidecar scope; it never applies to gateways
 */
#include "translate/translate_int.h"

enum { HOST_SIZE = 320 };

static const struct mesh_egress *listener_of(const struct mesh_sidecar *sidecar, uint32_t port)
{
    for (size_t i = 0; sidecar && port && i < sidecar->egress_count; i++)
        if (sidecar->egress[i].port == port)
            return &sidecar->egress[i];
    return NULL;
}

const struct mesh_egress *scope_listener(const struct translator *translator, uint32_t port)
{
    return listener_of(translator->sidecar, port);
}

/* A Sidecar that says nothing of egress narrows nothing. */
static bool is_narrowed(const struct translator *translator)
{
    return translator->sidecar && translator->sidecar->egress_count > 0;
}

static bool imports_port(const struct translator *translator, const struct mesh_service *service,
                         uint32_t port)
{
    const struct mesh_sidecar *sidecar = translator->sidecar;
    bool is_taken = listener_of(sidecar, port) != NULL;

    if (!is_narrowed(translator))
        return true;
    for (size_t i = 0; i < sidecar->egress_count; i++)
        if (sidecar->egress[i].port == (is_taken ? port : 0) &&
            mesh_egress_covers(&sidecar->egress[i], translator->scope->namespace,
                               service->meta.namespace, service->hostname))
            return true;
    return false;
}

static bool is_pulled(const struct translator *translator, const struct mesh_service *service)
{
    return map_get_str(&translator->pulled, service->hostname) == service;
}

bool scope_has_port(const struct translator *translator, const struct mesh_service *service,
                    const struct mesh_port *port)
{
    return port->protocol != MESH_PROTOCOL_UDP &&
           (is_pulled(translator, service) || imports_port(translator, service, port->number));
}

bool scope_listens(const struct translator *translator, const struct mesh_service *service,
                   const struct mesh_port *port)
{
    if (!scope_has_port(translator, service, port))
        return false;
    return !scope_listener(translator, port->number) ||
           imports_port(translator, service, port->number);
}

/* ---- virtual services ---- */

static bool imports_virtual(const struct translator *translator,
                            const struct mesh_virtual_service *vs)
{
    const struct mesh_sidecar *sidecar = translator->sidecar;

    if (!is_narrowed(translator))
        return true;
    for (size_t i = 0; i < sidecar->egress_count; i++)
        for (size_t j = 0; j < vs->host_count; j++)
            if (mesh_egress_covers(&sidecar->egress[i], translator->scope->namespace,
                                   vs->meta.namespace, vs->hosts[j]))
                return true;
    return false;
}

/* Virtual services of the mesh by host; the oldest of a host counts. */
static void find_virtual_services(struct translator *translator)
{
    size_t count;
    const struct mesh_virtual_service *const *all = mesh_virtual_services(translator->mesh, &count);

    translator->virtual_services =
        ARENA_ARRAY(translator->scratch, const struct mesh_virtual_service *, count + 1);
    translator->virtual_wildcards =
        ARENA_ARRAY(translator->scratch, const struct mesh_virtual_service *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct mesh_virtual_service *vs = all[i];
        bool has_wildcard = false;

        if (!mesh_virtual_service_bound(vs, "mesh") ||
            !mesh_virtual_service_visible(vs, translator->scope->namespace) ||
            !imports_virtual(translator, vs))
            continue;
        translator->virtual_services[translator->virtual_service_count++] = vs;
        for (size_t j = 0; j < vs->host_count; j++) {
            struct slice host = slice_str(vs->hosts[j]);

            has_wildcard = has_wildcard || vs->hosts[j][0] == '*';
            if (!map_get(&translator->virtual_hosts, host))
                (void)map_put(&translator->virtual_hosts, host, (void *)(uintptr_t)vs, NULL);
        }
        if (has_wildcard)
            translator->virtual_wildcards[translator->virtual_wildcard_count++] = vs;
    }
}

/* ---- services ---- */

static bool imports_service(const struct translator *translator, const struct mesh_service *service)
{
    if (!is_narrowed(translator))
        return true;
    if (service->port_count == 0 || service->resolution == MESH_RESOLUTION_ALIAS)
        return imports_port(translator, service, 0);
    for (size_t i = 0; i < service->port_count; i++)
        if (imports_port(translator, service, service->ports[i].number))
            return true;
    return false;
}

/* Whether `a` counts rather than `b` of the same host: the own namespace's, then by name. */
static bool is_closer(const struct translator *translator, const struct mesh_service *a,
                      const struct mesh_service *b)
{
    const char *own = translator->scope->namespace;

    if (strcmp(b->meta.namespace, own) == 0)
        return false;
    return strcmp(a->meta.namespace, own) == 0 || strcmp(a->meta.namespace, b->meta.namespace) < 0;
}

static void host_put(struct map *hosts, const struct mesh_service *service)
{
    (void)map_put(hosts, slice_str(service->hostname), (void *)(uintptr_t)service, NULL);
}

/* A destination of a virtual service that the Sidecar imports comes with it. */
static void pull(struct translator *translator, const struct api_destination *destination,
                 const char *namespace)
{
    const struct mesh_service *service;
    char host[HOST_SIZE];

    if (!destination || !destination->host ||
        !mesh_host_resolve(destination->host, namespace, mesh_domain(translator->mesh), host,
                           sizeof(host)) ||
        map_get_str(&translator->hosts, host))
        return;
    service = mesh_service_find_for(translator->mesh, host, translator->scope->namespace);
    if (!service)
        return;
    host_put(&translator->hosts, service);
    host_put(&translator->pulled, service);
}

static void pull_all(struct translator *translator, const struct mesh_virtual_service *vs)
{
    for (size_t i = 0; i < vs->http_count; i++) {
        const struct api_http_route *route = vs->http[i];

        for (size_t j = 0; j < route->route_count; j++)
            pull(translator, route->route[j].destination, vs->http_namespaces[i]);
        pull(translator, route->mirror, vs->http_namespaces[i]);
        for (size_t j = 0; j < route->mirrors_count; j++)
            pull(translator, route->mirrors[j].destination, vs->http_namespaces[i]);
    }
    for (size_t i = 0; i < vs->spec->tcp_count; i++)
        for (size_t j = 0; j < vs->spec->tcp[i].route_count; j++)
            pull(translator, vs->spec->tcp[i].route[j].destination, vs->meta.namespace);
    for (size_t i = 0; i < vs->spec->tls_count; i++)
        for (size_t j = 0; j < vs->spec->tls[i].route_count; j++)
            pull(translator, vs->spec->tls[i].route[j].destination, vs->meta.namespace);
}

static void find_services(struct translator *translator)
{
    size_t count;
    const struct mesh_service *const *all = mesh_services(translator->mesh, &count);

    for (size_t i = 0; i < count; i++) {
        const struct mesh_service *other = map_get_str(&translator->hosts, all[i]->hostname);

        if (mesh_service_visible(all[i], translator->scope->namespace) &&
            imports_service(translator, all[i]) && (!other || is_closer(translator, all[i], other)))
            host_put(&translator->hosts, all[i]);
    }
    for (size_t i = 0; is_narrowed(translator) && i < translator->virtual_service_count; i++)
        pull_all(translator, translator->virtual_services[i]);
    translator->services = ARENA_ARRAY(translator->scratch, const struct mesh_service *, count + 1);
    translator->aliases = ARENA_ARRAY(translator->scratch, const struct mesh_service *, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (map_get_str(&translator->hosts, all[i]->hostname) != all[i])
            continue;
        if (all[i]->resolution == MESH_RESOLUTION_ALIAS)
            translator->aliases[translator->alias_count++] = all[i];
        else
            translator->services[translator->service_count++] = all[i];
    }
}

const struct mesh_service *scope_service(const struct translator *translator, const char *hostname)
{
    return map_get_str(&translator->hosts, hostname);
}

/* ---- what goes elsewhere ---- */

static void find_outside(struct translator *translator)
{
    const struct api_outbound_traffic_policy *policy =
        translator->sidecar ? translator->sidecar->spec->outbound_traffic_policy : NULL;
    bool is_blocked = translator->config->registry_only;

    if (policy) /* a Sidecar's mode is REGISTRY_ONLY unless it says so */
        is_blocked = !policy->mode || strcmp(policy->mode, "ALLOW_ANY") != 0;
    translator->outside = is_blocked ? "BlackHoleCluster" : "PassthroughCluster";
    translator->is_blocked = is_blocked;
    if (!is_blocked && policy && policy->egress_proxy)
        translator->outside = http_destination_cluster(translator, policy->egress_proxy,
                                                       translator->sidecar->meta.namespace, 0);
}

void scope_find(struct translator *translator)
{
    const struct translate_scope *scope = translator->scope;

    map_init(&translator->virtual_hosts, 0);
    map_init(&translator->hosts, 0);
    map_init(&translator->pulled, 0);
    if (scope->role == TRANSLATE_SIDECAR)
        translator->sidecar = mesh_sidecar_find(translator->mesh, scope->namespace, &scope->labels);
    find_virtual_services(translator);
    find_services(translator);
    find_outside(translator);
}

void scope_drop(struct translator *translator)
{
    map_deinit(&translator->virtual_hosts);
    map_deinit(&translator->hosts);
    map_deinit(&translator->pulled);
}

/* ---- keys ---- */

char *translate_scope_key(const struct translate_scope *scope)
{
    struct buf key;

    buf_init(&key, 0);
    buf_printf(&key, "%d;%d;%s;%s", (int)scope->role, scope->interception_none, scope->namespace,
               scope->node);
    for (size_t i = 0; i < scope->labels.count; i++)
        buf_printf(&key, ";%s=%s", scope->labels.items[i].key, scope->labels.items[i].value);
    for (size_t i = 0; i < scope->address_count; i++)
        buf_printf(&key, ";%s", scope->addresses[i]);
    return buf_take(&key);
}

/* Whether the pod's address is an endpoint of a headless service: it gets no listener on itself. */
static bool is_headless_endpoint(const struct mesh *mesh, const struct translate_scope *scope)
{
    size_t count;
    const struct mesh_service *const *all = mesh_services(mesh, &count);

    for (size_t i = 0; i < count; i++) {
        const struct mesh_endpoint_set *set;

        if (all[i]->entry || all[i]->resolution != MESH_RESOLUTION_PASSTHROUGH)
            continue;
        set = mesh_endpoints(mesh, all[i]);
        for (size_t j = 0; j < set->count; j++)
            for (size_t k = 0; k < scope->address_count; k++)
                if (strcmp(set->items[j].address, scope->addresses[k]) == 0)
                    return true;
    }
    return false;
}

static bool has_node_local(const struct mesh *mesh)
{
    size_t count;
    const struct mesh_service *const *all = mesh_services(mesh, &count);

    for (size_t i = 0; i < count; i++)
        if (all[i]->node_local)
            return true;
    return false;
}

char *translate_shared_key(const struct mesh *mesh, const struct translate_scope *scope)
{
    const struct mesh_sidecar *sidecar =
        scope->role == TRANSLATE_SIDECAR ? mesh_sidecar_find(mesh, scope->namespace, &scope->labels)
                                         : NULL;
    size_t count;
    const char *const *labels = mesh_client_labels(mesh, &count);
    bool has_v4 = false;
    bool has_v6 = false;
    struct buf key;

    for (size_t i = 0; i < scope->address_count; i++) {
        bool is_v6 = strchr(scope->addresses[i], ':') != NULL;

        has_v6 = has_v6 || is_v6;
        has_v4 = has_v4 || !is_v6;
    }
    buf_init(&key, 0);
    buf_printf(&key, "%d;%d;%d;%d;%s;%s/%s;%s", (int)scope->role, scope->interception_none, has_v4,
               has_v6, scope->namespace, sidecar ? sidecar->meta.namespace : "",
               sidecar ? sidecar->meta.name : "", has_node_local(mesh) ? scope->node : "");
    for (size_t i = 0; i < count; i++) {
        const char *value = mesh_label_get(&scope->labels, labels[i]);

        buf_printf(&key, ";%s%s", value ? "=" : "", value ? value : "");
    }
    if (is_headless_endpoint(mesh, scope))
        for (size_t i = 0; i < scope->address_count; i++)
            buf_printf(&key, ";%s", scope->addresses[i]);
    return buf_take(&key);
}
