/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP around control/admission.
 */
#include "control/webhook.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/admission.h"
#include "control/listen.h"
#include "http/server.h"
#include "wire/json.h"

enum { REVIEW_SIZE_MAX = 8 * 1024 * 1024 };

struct webhook {
    struct http_server *server;
    const struct settings *settings;
    struct webhook_counts counts;
};

static void reply_tree(struct http_stream *stream, const json_t *tree)
{
    struct buf text;

    buf_init(&text, 0);
    (void)json_format(tree, JSON_FORMAT_COMPACT, &text);
    http_stream_respond(stream, 200, "application/json", buf_slice(&text));
    buf_deinit(&text);
}

static void inject_count(struct webhook *webhook, enum admission_outcome outcome)
{
    webhook->counts.inject_success += outcome == ADMISSION_PATCHED;
    webhook->counts.inject_skip += outcome == ADMISSION_SKIPPED;
    webhook->counts.inject_failure += outcome == ADMISSION_DENIED;
}

static json_t *inject(struct webhook *webhook, const json_t *review)
{
    struct inject_config config = settings_inject(webhook->settings);
    enum admission_outcome outcome = ADMISSION_DENIED;
    json_t *answer = admission_inject(&config, review, &outcome);
    const char *name = json_path_string(review, "request.object.metadata.name");

    webhook->counts.inject_requests++;
    inject_count(webhook, outcome);
    if (answer && outcome == ADMISSION_PATCHED)
        log_info(
            webhook, "injected pod %s/%s", json_path_string_or(review, "request.namespace", ""),
            name ? name : json_path_string_or(review, "request.object.metadata.generateName", ""));
    else if (answer && outcome == ADMISSION_DENIED)
        log_warn(webhook, "refused a pod of namespace %s: %s",
                 json_path_string_or(review, "request.namespace", ""),
                 json_path_string_or(answer, "response.status.message", ""));
    return answer;
}

static json_t *validate(struct webhook *webhook, const json_t *review)
{
    enum admission_outcome outcome = ADMISSION_DENIED;
    json_t *answer = admission_validate(review, &outcome);

    webhook->counts.validate_passed += outcome == ADMISSION_ALLOWED;
    webhook->counts.validate_failed += outcome == ADMISSION_DENIED;
    if (answer && outcome == ADMISSION_DENIED)
        log_warn(webhook, "refused %s %s/%s: %s",
                 json_path_string_or(review, "request.kind.kind", ""),
                 json_path_string_or(review, "request.namespace", ""),
                 json_path_string_or(review, "request.name", ""),
                 json_path_string_or(answer, "response.status.message", ""));
    return answer;
}

static void on_body(struct http_stream *stream, int code, struct slice body, void *ctx)
{
    struct webhook *webhook = ctx;
    struct slice path = http_stream_head(stream)->path;
    json_t *review = NULL;
    json_t *answer = NULL;

    if (code < 0) {
        if (code == ERR_LIMIT)
            http_stream_respond(stream, 413, "text/plain", SLICE("the review is too large\n"));
        return;
    }
    if (json_parse(body, NULL, &review, NULL) >= 0)
        answer = slice_starts_with(path, SLICE("/inject")) ? inject(webhook, review)
                                                           : validate(webhook, review);
    if (answer)
        reply_tree(stream, answer);
    else
        http_stream_respond(stream, 400, "text/plain",
                            SLICE("not an AdmissionReview of admission.k8s.io/v1\n"));
    json_decref(answer);
    json_decref(review);
}

static bool path_is(struct slice path, struct slice expected)
{
    return slice_starts_with(path, expected) &&
           (path.len == expected.len || strchr("?/", path.data[expected.len]));
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    (void)end;
    if (!path_is(head->path, SLICE("/inject")) && !path_is(head->path, SLICE("/validate")))
        http_stream_respond(stream, 404, "text/plain", SLICE("not found\n"));
    else if (!slice_eq_str(head->method, "POST"))
        http_stream_respond(stream, 405, "text/plain", SLICE("POST only\n"));
    else
        http_stream_collect(stream, REVIEW_SIZE_MAX, on_body, ctx);
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

int webhook_new(struct loop *loop, const struct settings *settings, const struct tls_config *tls,
                const char *addr, struct webhook **ret, struct error *err)
{
    struct http_server_options options = {.tls = tls};
    struct webhook *webhook = MEM_NEW(struct webhook);
    int rc;

    webhook->settings = settings;
    rc = http_server_new(loop, &options, on_stream, webhook, &webhook->server);
    if (rc >= 0)
        rc = listen_text(webhook->server, addr, err);
    if (rc < 0)
        webhook_free(webhook);
    else
        *ret = webhook;
    return rc;
}

void webhook_free(struct webhook *webhook)
{
    if (!webhook)
        return;
    http_server_free(webhook->server);
    mem_free(webhook);
}

const struct webhook_counts *webhook_counts(const struct webhook *webhook)
{
    return &webhook->counts;
}
