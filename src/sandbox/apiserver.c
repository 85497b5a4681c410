/* SPDX-License-Identifier: Apache-2.0 */
/* Start, first objects, end. See apiserver.h. */
#include "sandbox/apiserver.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/tls.h"
#include "kube/webhook.h"
#include "sandbox/apiserver_int.h"

#include <arpa/inet.h>
#include <stdio.h>

/* --- options --- */

static const char *option(struct sandbox_apiserver *server, const char *given, const char *fallback)
{
    return arena_strdup(&server->memory, given ? given : fallback);
}

static int cidr_parse(const char *text, uint32_t *ret_base, uint32_t *ret_count)
{
    const char *slash = strchr(text, '/');
    struct in_addr address;
    char ip[INET_ADDRSTRLEN];
    uint64_t bits;

    if (slash == NULL || (size_t)(slash - text) >= sizeof ip)
        return ERR_INVALID;
    snprintf(ip, sizeof ip, "%.*s", (int)(slash - text), text);
    if (inet_pton(AF_INET, ip, &address) != 1 ||
        slice_parse_u64(slice_str(slash + 1), 28, &bits) != 0 || bits < 8)
        return ERR_INVALID;
    *ret_count = 1u << (32 - bits);
    *ret_base = ntohl(address.s_addr) & ~(*ret_count - 1);
    return 0;
}

static int options_take(struct sandbox_apiserver *server,
                        const struct sandbox_apiserver_options *given, struct error *err)
{
    struct sandbox_apiserver_options *own = &server->options;
    struct arena *memory = &server->memory;

    if (given->folder == NULL || given->folder[0] == '\0')
        return err_set_path(err, ERR_INVALID, "folder", "must be given");
    own->folder = arena_strdup(memory, given->folder);
    own->listen = option(server, given->listen, "127.0.0.1:6443");
    own->server_names = arena_strdup(memory, given->server_names);
    own->service_cidr = option(server, given->service_cidr, "10.96.0.0/16");
    own->node_socket =
        option(server, given->node_socket, arena_printf(memory, "%s/node.sock", own->folder));
    own->kubeconfig =
        option(server, given->kubeconfig, arena_printf(memory, "%s/admin.conf", own->folder));
    own->ready_file = arena_strdup(memory, given->ready_file);
    if (given->advertise_ip != NULL) {
        own->advertise_ip = arena_strdup(memory, given->advertise_ip);
    } else {
        const char *colon = strrchr(own->listen, ':');
        size_t len = strcspn(own->listen, ":,");

        own->advertise_ip = arena_printf(memory, "%.*s", (int)(colon ? len : 0), own->listen);
    }
    if (cidr_parse(own->service_cidr, &server->service_base, &server->service_count) != 0)
        return err_set_path(err, ERR_INVALID, "service_cidr",
                            "must be an IPv4 prefix of 8 to 28 bits, not \"%s\"",
                            own->service_cidr);
    return 0;
}

/* --- first objects --- */

static void first_on_done(struct apiserver_call *call, void *ctx)
{
    (void)ctx;
    if (call->status >= 400 && call->status != 409)
        log_error(api, "first objects: %s", json_path_string_or(call->result, "message", ""));
    apiserver_call_free(call);
}

/* Takes the object; nothing happens when there is one of that name. */
static void first_create(struct sandbox_apiserver *server, const char *group, const char *plural,
                         const char *ns, json_t *object)
{
    struct kind *kind = kinds_builtin(&server->kinds, group, plural);
    const char *name = json_path_string_or(object, "metadata.name", "");
    struct apiserver_call *call;

    if (store_get(kind->bucket, ns, name) != NULL) {
        json_decref(object);
        return;
    }
    call = apiserver_call_new(server);
    call->verb = KUBE_VERB_CREATE;
    call->kind = kind;
    call->ns = ns;
    call->user = (struct apiserver_user){
        .name = "system:apiserver", .uid = "", .groups = {"system:masters", NULL}};
    call->user_agent = SLICE("kube-apiserver");
    call->body = object;
    call->on_done = first_on_done;
    apiserver_call_run(call);
}

static void namespace_create(struct sandbox_apiserver *server, const char *name)
{
    first_create(server, "", "namespaces", "", json_pack("{s:{s:s}}", "metadata", "name", name));
}

/* The addresses may be others than at the last start. */
static void stale_remove(struct sandbox_apiserver *server, const char *group, const char *plural)
{
    struct kind *kind = kinds_builtin(&server->kinds, group, plural);
    struct store_object *old = store_get(kind->bucket, "default", "kubernetes");

    if (old != NULL && store_remove(kind->bucket, old) != 0)
        log_error(api, "%s kubernetes could not be replaced", plural);
}

static void kubernetes_service_create(struct sandbox_apiserver *server)
{
    struct in_addr first = {.s_addr = htonl(server->service_base + 1)};
    const char *endpoint = server->options.advertise_ip;
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &first, ip, sizeof ip);
    first_create(server, "", "services", "default",
                 json_pack("{s:{s:s, s:{s:s, s:s}}, s:{s:s, s:[{s:s, s:i, s:i, s:s}]}}", "metadata",
                           "name", "kubernetes", "labels", "component", "apiserver", "provider",
                           "kubernetes", "spec", "clusterIP", ip, "ports", "name", "https", "port",
                           443, "targetPort", (int)server->port, "protocol", "TCP"));
    stale_remove(server, "", "endpoints");
    stale_remove(server, "discovery.k8s.io", "endpointslices");
    first_create(server, "", "endpoints", "default",
                 json_pack("{s:{s:s, s:{s:s}}, s:[{s:[{s:s}], s:[{s:s, s:i, s:s}]}]}", "metadata",
                           "name", "kubernetes", "labels",
                           "endpointslice.kubernetes.io/skip-mirror", "true", "subsets",
                           "addresses", "ip", endpoint, "ports", "name", "https", "port",
                           (int)server->port, "protocol", "TCP"));
    first_create(server, "discovery.k8s.io", "endpointslices", "default",
                 json_pack("{s:{s:s, s:{s:s}}, s:s, s:[{s:[s], s:{s:b}}], s:[{s:s, s:i, s:s}]}",
                           "metadata", "name", "kubernetes", "labels", "kubernetes.io/service-name",
                           "kubernetes", "addressType", "IPv4", "endpoints", "addresses", endpoint,
                           "conditions", "ready", 1, "ports", "name", "https", "port",
                           (int)server->port, "protocol", "TCP"));
}

static void first_objects(struct sandbox_apiserver *server)
{
    static const char *const names[] = {"default", "kube-system", "kube-public", "kube-node-lease"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        namespace_create(server, names[i]);
    kubernetes_service_create(server);
}

/* --- start and end --- */

/* *ret_first is the address that the first entry was bound to, its port known now. */
static int listen_all(struct sandbox_apiserver *server, struct addr *ret_first, struct error *err)
{
    struct slice rest = slice_str(server->options.listen);
    struct slice piece;
    bool first = true;

    while (slice_split_next(&rest, ',', &piece)) {
        struct addr addr;
        struct addr bound;
        int rc;

        if (addr_parse(slice_trim(piece), &addr) != 0)
            return err_set_path(err, ERR_INVALID, "listen",
                                "\"%.*s\" is not an address with a port", SLICE_ARG(piece));
        rc = http_server_listen(server->http, &addr, &bound, err);
        if (rc != 0)
            return rc;
        server->port = addr_port(&bound);
        if (first)
            *ret_first = bound;
        first = false;
    }
    return 0;
}

static void *bucket_get(const char *name, void *ctx)
{
    return store_bucket_get(ctx, name);
}

static void on_refused(const char *problem, void *ctx)
{
    (void)ctx;
    log_error(api, "store: %s: changes are refused", problem);
}

static int server_open(struct sandbox_apiserver *server, struct error *err)
{
    const char *path = arena_printf(&server->memory, "%s/store.db", server->options.folder);
    struct http_server_options http = {
        .limits = {.streams_max = 1000, .head_size_max = APISERVER_HEAD_MAX}};
    struct tls_config *tls = NULL;
    struct addr first = {0};
    int rc = file_make_dirs(server->options.folder, 0700, err);

    if (rc == 0)
        rc = store_open(server->loop, path, &server->store, err);
    if (rc != 0)
        return rc;
    store_on_refused_set(server->store, on_refused, NULL);
    kinds_init(&server->kinds, bucket_get, server->store);
    rc = apiserver_auth_open(server, &tls, err);
    if (rc != 0) {
        tls_config_unref(tls);
        return rc;
    }
    http.tls = tls;
    rc = http_server_new(server->loop, &http, apiserver_http_on_stream, server, &server->http);
    tls_config_unref(tls);
    if (rc == 0)
        rc = apiserver_crd_start(server);
    if (rc == 0)
        rc = listen_all(server, &first, err);
    return rc ? rc : apiserver_auth_kubeconfig(server, &first, err);
}

int sandbox_apiserver_start(struct loop *loop, const struct sandbox_apiserver_options *options,
                            struct sandbox_apiserver **ret, struct error *err)
{
    struct sandbox_apiserver *server = MEM_NEW(struct sandbox_apiserver);
    int rc;

    server->loop = loop;
    list_init(&server->calls);
    server->webhooks = apiserver_admission_webhooks(server);
    arena_init(&server->memory, 0);
    server->field_sets = json_object();
    rc = options_take(server, options, err);
    if (rc == 0)
        rc = server_open(server, err);
    if (rc != 0) {
        sandbox_apiserver_free(server);
        return rc;
    }
    first_objects(server);
    if (server->options.ready_file != NULL)
        rc = file_write(server->options.ready_file, SLICE(""), 0644, err);
    if (rc != 0) {
        sandbox_apiserver_free(server);
        return rc;
    }
    log_info(api, "serving on %s", server->options.listen);
    *ret = server;
    return 0;
}

void sandbox_apiserver_free(struct sandbox_apiserver *server)
{
    if (server == NULL)
        return;
    http_server_free(server->http); /* closes the streams: watches and relays go with them */
    http_pool_free(server->node_pool);
    LIST_EACH (node, &server->calls)
        apiserver_call_free(CONTAINER_OF(node, struct apiserver_call, node));
    kube_webhooks_free(server->webhooks);
    store_watch_remove(&server->crd_watch);
    kinds_deinit(&server->kinds);
    store_close(server->store);
    apiserver_auth_free(server->auth);
    json_decref(server->field_sets);
    json_decref(server->groups);
    arena_deinit(&server->memory);
    mem_free(server);
}

/* --- the process --- */

int sandbox_apiserver_run(const struct sandbox_apiserver_options *options, struct error *err)
{
    struct sandbox_apiserver *server = NULL;
    struct loop *loop;
    int rc = loop_new(&loop);

    if (rc != 0)
        return err_set(err, rc, "no event loop");
    rc = loop_signals_stop(loop);
    if (rc != 0)
        err_set(err, rc, "signals cannot be watched");
    else
        rc = sandbox_apiserver_start(loop, options, &server, err);
    if (rc == 0)
        loop_run(loop);
    sandbox_apiserver_free(server);
    loop_free(loop);
    return rc;
}
