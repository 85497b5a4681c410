/* SPDX-License-Identifier: Apache-2.0 */
/* One proxy's ADS stream: gRPC on one side, the xDS session on the other, its scope between.
 */
#include "base/log.h"
#include "base/mem.h"
#include "control/push_int.h"
#include "wire/pb_known.h"
#include "xds/pb/core.h"

#include <stdlib.h>

/* --- the set: translate's output in the terms of xds/server --- */

/* TRANSLATE_TYPE_COUNT: nothing is made of that type. */
static const enum translate_type type_map[XDS_TYPE_COUNT] = {
    [XDS_TYPE_CLUSTER] = TRANSLATE_CLUSTER,   [XDS_TYPE_ENDPOINT] = TRANSLATE_ENDPOINT,
    [XDS_TYPE_LISTENER] = TRANSLATE_LISTENER, [XDS_TYPE_ROUTE] = TRANSLATE_ROUTE,
    [XDS_TYPE_SECRET] = TRANSLATE_TYPE_COUNT,
};

static void resource_convert(const struct translate_resource *from, struct xds_server_resource *ret)
{
    ret->name = slice_str(from->name);
    ret->bytes = from->bytes;
    ret->hash = from->hash;
}

static size_t set_count(const void *set, enum xds_type type)
{
    if (type_map[type] == TRANSLATE_TYPE_COUNT)
        return 0;
    return translate_count(set, type_map[type]);
}

static void set_at(const void *set, enum xds_type type, size_t index,
                   struct xds_server_resource *ret)
{
    resource_convert(translate_at(set, type_map[type], index), ret);
}

static bool set_find(const void *set, enum xds_type type, struct slice name,
                     struct xds_server_resource *ret)
{
    const struct translate_resource *resource =
        type_map[type] == TRANSLATE_TYPE_COUNT ? NULL : translate_find(set, type_map[type], name);

    if (!resource)
        return false;
    resource_convert(resource, ret);
    return true;
}

/* --- who the proxy is --- */

static int label_compare(const void *a, const void *b)
{
    return strcmp(((const struct mesh_label *)a)->key, ((const struct mesh_label *)b)->key);
}

static struct mesh_labels labels_of(struct arena *arena, const struct pb_struct *metadata)
{
    const struct pb_value *value = metadata ? pb_struct_get(metadata, "LABELS") : NULL;
    const struct pb_struct *fields;
    struct mesh_labels labels = {0};
    struct mesh_label *items;

    if (!value || value->kind_case != PB_VALUE_CASE_STRUCT_VALUE)
        return labels;
    fields = value->struct_value;
    items = ARENA_ARRAY(arena, struct mesh_label, fields->fields_count + 1);
    for (size_t i = 0; i < fields->fields_count; i++) {
        const struct pb_value *text = fields->fields[i]->value;

        if (!text || text->kind_case != PB_VALUE_CASE_STRING_VALUE)
            continue;
        items[labels.count].key = arena_slice_str(arena, fields->fields[i]->key);
        items[labels.count++].value = arena_slice_str(arena, text->string_value);
    }
    qsort(items, labels.count, sizeof *items, label_compare);
    labels.items = items;
    return labels;
}

/* "10.0.0.1,fd00::1", or the address of the node id. */
static void addresses_set(struct session *session, struct slice list, struct slice from_id)
{
    struct slice rest = list.len ? list : from_id;
    struct slice piece;
    size_t count = 1;
    const char **addresses;

    for (size_t i = 0; i < rest.len; i++)
        count += rest.data[i] == ',';
    addresses = ARENA_ARRAY(&session->arena, const char *, count);
    count = 0;
    while (slice_split_next(&rest, ',', &piece))
        if (slice_trim(piece).len)
            addresses[count++] = arena_slice_str(&session->arena, slice_trim(piece));
    session->scope.addresses = addresses;
    session->scope.address_count = count;
}

/* "sidecar~10.0.0.1~pod.ns~ns.svc.cluster.local" cut in four; false when it is not of that form. */
static bool id_split(struct slice id, struct slice parts[4])
{
    size_t count = 0;
    struct slice piece;

    while (slice_split_next(&id, '~', &piece)) {
        if (count == 4)
            return false;
        parts[count++] = piece;
    }
    return count == 4;
}

static const char *text_or(struct arena *arena, struct slice text, const char *fallback)
{
    return text.len ? arena_slice_str(arena, text) : fallback;
}

static int scope_fill(struct session *session, const struct pb_node *node)
{
    struct arena *arena = &session->arena;
    static const struct pb_struct no_metadata;
    const struct pb_struct *metadata = node->metadata ? node->metadata : &no_metadata;
    struct slice parts[4];
    struct slice ns;
    ptrdiff_t dot;

    if (!id_split(node->id, parts))
        return ERR_INVALID;
    if (slice_eq_str(parts[0], "router"))
        session->scope.role = TRANSLATE_ROUTER;
    else if (!slice_eq_str(parts[0], "sidecar"))
        return ERR_UNSUPPORTED;
    dot = slice_find_char(parts[3], '.');
    ns = pb_struct_get_string(metadata, "NAMESPACE");
    if (!ns.len)
        ns = dot < 0 ? parts[3] : slice_head(parts[3], (size_t)dot);
    session->scope.namespace = arena_slice_str(arena, ns);
    session->scope.node = text_or(arena, pb_struct_get_string(metadata, "NODE_NAME"), "");
    session->scope.interception_none =
        slice_eq_str(pb_struct_get_string(metadata, "INTERCEPTION_MODE"), "NONE");
    session->scope.labels = labels_of(arena, metadata);
    addresses_set(session, pb_struct_get_string(metadata, "INSTANCE_IPS"), parts[1]);
    session->version_text =
        text_or(arena, pb_struct_get_string(metadata, "ISTIO_VERSION"), "unknown");
    session->weft_version_text =
        text_or(arena, pb_struct_get_string(metadata, "WEFT_VERSION"), NULL);
    session->cluster_id =
        text_or(arena, pb_struct_get_string(metadata, "CLUSTER_ID"), "Kubernetes");
    return 0;
}

/* A proxy that does not tell its labels has those of its pod. */
static void labels_complete(struct session *session)
{
    const struct mesh_workload *workload;
    struct mesh_label *items;

    if (session->scope.labels.count > 0 || session->scope.address_count == 0)
        return;
    workload = mesh_workload_find(session->push->mesh, session->scope.addresses[0]);
    if (!workload)
        return;
    items = ARENA_ARRAY(&session->arena, struct mesh_label, workload->labels.count + 1);
    for (size_t i = 0; i < workload->labels.count; i++) {
        items[i].key = arena_strdup(&session->arena, workload->labels.items[i].key);
        items[i].value = arena_strdup(&session->arena, workload->labels.items[i].value);
    }
    session->scope.labels.items = items;
    session->scope.labels.count = workload->labels.count;
}

/* --- sending --- */

static void flush(struct session *session)
{
    struct loop *loop = session->push->options.loop;
    uint64_t now_ms = loop_now_ms(loop);
    uint64_t again_ms = xds_server_flush(session->server, now_ms);

    if (again_ms > now_ms)
        loop_timer_start(loop, &session->timer, again_ms - now_ms);
}

static void on_timer(void *ctx)
{
    flush(ctx);
}

void session_update(struct session *session)
{
    struct push *push = session->push;
    struct translate_output *output;

    if (!session->id || !push->started || session->finished)
        return;
    if (!session->key) {
        labels_complete(session);
        session->key = translate_scope_key(&session->scope);
    }
    output = push_output(push, &session->scope, session->key);
    if (!output)
        return; /* logged; the proxy goes on with what it has */
    translate_output_ref(output);
    xds_server_update(session->server, output, push->version);
    translate_output_unref(session->output);
    session->output = output;
    flush(session);
}

static int on_node(struct xds_server *server, const struct pb_node *node, void *ctx)
{
    struct session *session = ctx;
    int rc = scope_fill(session, node);

    (void)server;
    if (rc < 0)
        return rc;
    session->id = arena_slice_str(&session->arena, node->id);
    log_info(xds, "proxy %s connected", session->id);
    return 0;
}

static int on_send(struct slice message, void *ctx)
{
    struct session *session = ctx;

    return grpc_call_send(session->call, message);
}

static void on_nack(enum xds_type type, struct slice reason, void *ctx)
{
    struct session *session = ctx;

    session->push->counts.rejects++;
    log_warn(xds, "proxy %s refused %s: %.*s", session->id, xds_type_short(type),
             SLICE_ARG(slice_trim(reason)));
}

/* --- the call --- */

static void finish(struct session *session, enum grpc_status status, const char *message)
{
    session->finished = true;
    grpc_call_finish(session->call, status, message);
}

static void on_message(struct grpc_call *call, struct slice message, void *ctx)
{
    struct session *session = ctx;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    bool known = session->id != NULL;
    int rc;

    (void)call;
    if (session->finished)
        return;
    rc = xds_server_receive(session->server, message, loop_now_ms(session->push->options.loop),
                            &err);
    if (rc < 0) {
        if (!err.code)
            (void)err_set_path(&err, rc, "node.id",
                               "not of the form sidecar|router~IP~NAME.NS~NS.svc.DOMAIN");
        log_warn(xds, "a proxy's stream is refused: %s", err_format(&err, text, sizeof text));
        finish(session, GRPC_INVALID_ARGUMENT, text);
        return;
    }
    if (!known)
        session_update(session);
    else
        flush(session);
}

static void on_half_close(struct grpc_call *call, void *ctx)
{
    struct session *session = ctx;

    (void)call;
    if (!session->finished)
        finish(session, GRPC_OK, NULL);
}

static void on_writable(struct grpc_call *call, void *ctx)
{
    struct session *session = ctx;

    (void)call;
    xds_server_writable(session->server);
    if (!session->finished)
        flush(session);
}

static void session_deinit(struct session *session)
{
    list_remove(&session->node);
    session->push->counts.sessions--;
    loop_timer_stop(session->push->options.loop, &session->timer);
    xds_server_free(session->server);
    translate_output_unref(session->output);
    mem_free(session->key);
    arena_deinit(&session->arena);
    mem_free(session);
}

static void on_finish(struct grpc_call *call, enum grpc_status status, const char *message,
                      void *ctx)
{
    struct session *session = ctx;

    (void)call;
    (void)status;
    (void)message;
    if (session->id)
        log_info(xds, "proxy %s disconnected", session->id);
    session_deinit(session);
}

void session_accept(struct push *push, struct http_stream *stream, bool delta)
{
    static const struct xds_server_hooks hooks = {
        .count = set_count,
        .at = set_at,
        .find = set_find,
        .on_node = on_node,
        .send = on_send,
        .on_nack = on_nack,
    };
    static const struct grpc_events events = {
        .on_message = on_message,
        .on_half_close = on_half_close,
        .on_writable = on_writable,
        .on_finish = on_finish,
    };
    struct session *session = MEM_NEW(struct session);

    session->push = push;
    list_append(&push->sessions, &session->node);
    push->counts.sessions++;
    push->counts.sessions_total++;
    arena_init(&session->arena, 0);
    loop_timer_init(&session->timer, on_timer, session);
    session->server = xds_server_new(delta, &hooks, session);
    if (grpc_call_accept(stream, &events, session, &session->call) < 0)
        session_deinit(session);
    else if (push->counts.sessions > PUSH_SESSIONS_MAX)
        finish(session, GRPC_RESOURCE_EXHAUSTED, "too many proxies");
}

void session_free(struct session *session)
{
    grpc_call_cancel(session->call);
    session_deinit(session);
}
