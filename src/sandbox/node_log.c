/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl logs: which run's log is wanted, and its lines (oci/log.h) for sandbox/node/pod_log.h. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sandbox/node/pod_log.h"
#include "oci/log.h"
#include "sandbox/node_http.h"

struct log_source {
    struct node *node;
    char pod_uid[64];
    char container_name[64];
    unsigned attempt;
    struct oci_log log;
};

static bool source_next(struct pod_log_line *ret, void *ctx)
{
    struct oci_log_line line;

    if (!oci_log_next(&((struct log_source *)ctx)->log, &line))
        return false;
    *ret = (struct pod_log_line){.time = line.time, .text = line.text, .full = line.full};
    return true;
}

/* Whether more may be written to the file. */
static bool run_goes_on(void *ctx)
{
    const struct log_source *source = ctx;
    const struct node_pod *pod = map_get_str(&source->node->pods, source->pod_uid);
    const struct node_container *c = pod ? node_pod_container(pod, source->container_name) : NULL;

    return c && c->life->attempt == source->attempt && c->life->state == CONTAINER_RUNNING;
}

static void source_close(void *ctx)
{
    struct log_source *source = ctx;

    oci_log_close(&source->log);
    mem_free(source);
}

/* The attempt whose log is wanted; -1 with a refusal sent. */
static int attempt_choose(struct http_stream *stream, const struct node_container *c, bool previous)
{
    bool running = c->life->state == CONTAINER_RUNNING || c->life->state == CONTAINER_EXITED;
    int latest = running ? (int)c->life->attempt : (int)c->life->attempt - 1;

    if (latest < 0) {
        node_http_refuse(stream, 400, "container \"%s\" in pod \"%s\" is waiting to start: %s",
                         c->life->name, c->pod->name, c->life->waiting_reason);
        return -1;
    }
    if (previous && latest == 0) {
        node_http_refuse(stream, 400,
                         "previous terminated container \"%s\" in pod \"%s\" not found",
                         c->life->name, c->pod->name);
        return -1;
    }
    return previous ? latest - 1 : latest;
}

void node_log_serve(struct node *node, struct http_stream *stream, struct node_container *container,
                    struct slice query)
{
    static const struct pod_log_source events = {
        .next = source_next, .goes_on = run_goes_on, .on_close = source_close};
    struct pod_log_options options;
    struct log_source *source;
    char bundle[INSTANCE_PATH_SIZE];
    int attempt;

    pod_log_options_read(http_stream_arena(stream), query, clock_realtime_ms(), &options);
    attempt = attempt_choose(stream, container, options.previous);
    if (attempt < 0)
        return;
    node_container_bundle(container, (unsigned)attempt, bundle);
    source = MEM_NEW(struct log_source);
    source->node = node;
    source->attempt = (unsigned)attempt;
    snprintf(source->pod_uid, sizeof source->pod_uid, "%s", container->pod->uid);
    snprintf(source->container_name, sizeof source->container_name, "%s", container->life->name);
    oci_log_open(&source->log, bundle);
    if (options.tail_count <= OCI_LOG_TAIL_MAX)
        oci_log_tail(&source->log, options.tail_count);
    pod_log_serve(node->loop, stream, &options, &events, source);
}
