/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of probes and hooks, see pod_action.h. */
#include "sandbox/node/pod_action.h"

#include <stdio.h>
#include <strings.h>

#include "base/mem.h"
#include "http/check.h"

enum { TEXT_SIZE = 512, HEADERS_MAX = 16, NAME_SIZE = 128 };

struct pod_action {
    const struct pod_action_target *target;
    void (*on_done)(bool fine, const char *text, void *ctx);
    void *ctx;
    struct http_check *check;
    struct process *process;
    struct loop_timer sleep;
};

static void action_end(struct pod_action *action, bool fine, const char *text)
{
    loop_timer_stop(action->target->loop, &action->sleep);
    action->on_done(fine, text, action->ctx);
    mem_free(action);
}

void pod_action_cancel(struct pod_action *action)
{
    if (!action)
        return;
    loop_timer_stop(action->target->loop, &action->sleep);
    http_check_cancel(action->check);
    if (action->process) {
        process_kill(action->process, 9);
        process_detach(action->process);
    }
    mem_free(action);
}

/* --- over the network --- */

static void on_checked(bool fine, const char *text, void *ctx)
{
    struct pod_action *action = ctx;

    action->check = NULL;
    action_end(action, fine, text);
}

/* The number, or the container's port of that name; 0: none. */
static unsigned port_get(const json_t *container, const json_t *port)
{
    const json_t *named;

    if (json_is_integer(port))
        return (unsigned)json_integer_value(port) & 0xFFFF;
    if (!json_is_string(port))
        return 0;
    named = json_array_find(json_object_get(container, "ports"), "name", json_string_value(port));
    return (unsigned)json_get_int(named, "containerPort", 0) & 0xFFFF;
}

static size_t headers_gather(const json_t *spec, struct http_header headers[HEADERS_MAX],
                             char names[HEADERS_MAX][NAME_SIZE], const char **ret_authority)
{
    size_t count = 0;
    json_t *entry;
    size_t i;

    headers[count++] = (struct http_header){SLICE("user-agent"), SLICE("kube-probe/1.34")};
    json_array_foreach(json_object_get(spec, "httpHeaders"), i, entry)
    {
        const char *name = json_path_string_or(entry, "name", "");
        const char *value = json_path_string_or(entry, "value", "");
        size_t len = 0;

        if (strcasecmp(name, "host") == 0) {
            *ret_authority = value;
            continue;
        }
        if (count == HEADERS_MAX || name[0] == '\0')
            break;
        for (; name[len] && len < NAME_SIZE - 1; len++)
            names[count][len] =
                name[len] >= 'A' && name[len] <= 'Z' ? (char)(name[len] + 32) : name[len];
        names[count][len] = '\0';
        headers[count] = (struct http_header){slice_str(names[count]), slice_str(value)};
        count++;
    }
    return count;
}

static int check_begin(struct pod_action *action, const json_t *spec, struct http_check_spec *check)
{
    const struct pod_action_target *target = action->target;
    char names[HEADERS_MAX][NAME_SIZE];
    struct http_header headers[HEADERS_MAX];
    unsigned port = port_get(target->container, json_object_get(spec, "port"));
    const char *host = json_path_string_or(spec, "host", target->pod_ip);

    if (port == 0 || addr_parse_ip(slice_str(host), port, &check->addr) < 0)
        return ERR_INVALID;
    check->path = json_path_string_or(spec, "path", "/");
    check->tls = strcmp(json_path_string_or(spec, "scheme", "HTTP"), "HTTPS") == 0;
    check->service = json_path_string_or(spec, "service", "");
    check->headers = headers;
    check->header_count = headers_gather(spec, headers, names, &check->authority);
    return http_check_start(target->loop, check, on_checked, action, &action->check);
}

/* --- in the container --- */

static void on_exec(const struct process_result *result, void *ctx)
{
    struct pod_action *action = ctx;
    char text[TEXT_SIZE];

    action->process = NULL;
    if (result->out.len > 0)
        snprintf(text, sizeof text, "%.*s", SLICE_ARG(slice_head(result->out, TEXT_SIZE - 1)));
    else
        snprintf(text, sizeof text, "command exited with %d", result->exit_code);
    action_end(action, result->exit_code == 0, text);
}

static void on_slept(void *ctx)
{
    action_end(ctx, true, "");
}

/* --- start --- */

static int action_begin(struct pod_action *action, const json_t *spec, uint64_t timeout_ms,
                        bool is_hook)
{
    static const struct {
        const char *key;
        enum http_check_kind kind;
    } checks[] = {
        {"httpGet", HTTP_CHECK_GET}, {"tcpSocket", HTTP_CHECK_CONNECT}, {"grpc", HTTP_CHECK_GRPC}};
    struct loop *loop = action->target->loop;
    const json_t *one;

    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct http_check_spec check = {
            .kind = checks[i].kind, .timeout_ms = timeout_ms, .any_status = is_hook};

        if ((one = json_object_get(spec, checks[i].key)))
            return check_begin(action, one, &check);
    }
    if ((one = json_object_get(spec, "exec")))
        return action->target->exec(json_object_get(one, "command"), timeout_ms, on_exec, action,
                                    &action->process, action->target->ctx);
    if (!(one = json_object_get(spec, "sleep")))
        return ERR_UNSUPPORTED;
    loop_timer_start(loop, &action->sleep,
                     (uint64_t)MAX(json_get_int(one, "seconds", 0), (int64_t)0) * 1000 + 1);
    return 0;
}

int pod_action_start(const struct pod_action_target *target, const json_t *spec,
                     uint64_t timeout_ms, bool is_hook,
                     void (*on_done)(bool fine, const char *text, void *ctx), void *ctx,
                     struct pod_action **ret)
{
    struct pod_action *action = MEM_NEW(struct pod_action);
    int rc;

    action->target = target;
    action->on_done = on_done;
    action->ctx = ctx;
    loop_timer_init(&action->sleep, on_slept, action);
    rc = action_begin(action, spec, timeout_ms, is_hook);
    if (rc < 0) {
        mem_free(action);
        return rc;
    }
    *ret = action;
    return 0;
}
