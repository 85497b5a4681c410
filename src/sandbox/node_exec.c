/* SPDX-License-Identifier: Apache-2.0 */
/* Programs inside containers: for probes and hooks (output kept), and for kubectl exec and attach
 * (kube/exec, kube/attach). With a terminal, runc copies between ours and the container's.
 */
#include "base/mem.h"
#include "sandbox/node/attach.h"
#include "sandbox/node/exec.h"
#include "sandbox/node_http.h"

int node_exec_start(struct node_container *container, const json_t *list, uint64_t timeout_ms,
                    void (*on_exit)(const struct process_result *result, void *ctx), void *ctx,
                    struct process **ret, struct error *err)
{
    size_t count = json_array_size(list);
    SCOPED(mem_drop) const char **command = mem_calloc(count + 1, sizeof *command);
    SCOPED(mem_drop) const char **argv = NULL;
    struct process_options options = {.timeout_ms = timeout_ms, .output_size_max = 65536};
    json_t *item;
    size_t i;

    if (count == 0 || count > EXEC_WORDS_MAX)
        return err_set(err, ERR_INVALID, "a command of 1 to %d words is needed", EXEC_WORDS_MAX);
    json_array_foreach(list, i, item) command[i] =
        json_is_string(item) ? json_string_value(item) : "";
    argv = oci_exec_argv(&container->pod->node->instance->runtime, container->life->id, false,
                         command, count);
    options.argv = argv;
    return process_start(container->pod->node->loop, &options, on_exit, ctx, ret, err);
}

/* --- clients --- */

/* 400 for what the client may change, 500 for what it may not. */
static void start_refuse(struct http_stream *stream, int rc, const struct error *err)
{
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    err_format(err, text, sizeof text);
    node_http_refuse(stream, rc == ERR_UNSUPPORTED ? 400 : 500, "%s", text);
}

void node_exec_serve(struct node *node, struct http_stream *stream,
                     struct node_container *container, struct slice query)
{
    struct exec_request request;
    struct error err = {0};
    SCOPED(mem_drop) const char **argv = NULL;
    struct program_options options;
    int rc;

    exec_request_read(stream, query, &request);
    if (exec_request_check(&request, &err) < 0) {
        node_http_refuse(stream, 400, "%s", err.reason);
        return;
    }
    if (container->life->state != CONTAINER_RUNNING) {
        node_http_refuse(stream, 400, "container not found (\"%s\")", container->life->name);
        return;
    }
    argv = oci_exec_argv(&node->instance->runtime, container->life->id, request.terminal,
                         request.words, request.word_count);
    options = (struct program_options){
        .argv = argv, .terminal = request.terminal, .with_input = request.with_input};
    rc = exec_start(node->loop, stream, &options, &err);
    if (rc < 0)
        start_refuse(stream, rc, &err);
}

void node_attach_serve(struct node *node, struct http_stream *stream,
                       struct node_container *container, struct slice query)
{
    struct exec_request request;
    struct attach_options options;
    struct error err = {0};
    char bundle[INSTANCE_PATH_SIZE];
    int rc;

    if (container->life->state != CONTAINER_RUNNING) {
        node_http_refuse(stream, 400, "container %s is not running", container->life->name);
        return;
    }
    exec_request_read(stream, query, &request);
    node_container_bundle(container, container->life->attempt, bundle);
    options = (struct attach_options){
        .folder = bundle, .with_input = request.with_input, .resize = oci_container_resize};
    rc = attach_start(node->loop, stream, &options, &err);
    if (rc < 0)
        start_refuse(stream, rc, &err);
}
