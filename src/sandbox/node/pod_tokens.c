/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of pods, see pod_tokens.h. */
#include "sandbox/node/pod_tokens.h"

#include "base/log.h"
#include "base/mem.h"

enum { RETRY_MS = 1000, LIFE_MIN_S = 60, RENEW_MS_PER_S = 800 };

struct token {
    struct pod_tokens *all;
    char *audience;
    int64_t expiration_s;
    char *text; /* NULL: not there yet */
    struct kube_call *call;
    struct loop_timer timer; /* until it is asked for again */
};

struct pod_tokens {
    struct kube_client *client;
    json_t *pod;
    void (*on_change)(void *ctx);
    void *ctx;
    struct token *items[POD_TOKENS_MAX];
    size_t count;
};

static void on_answer(const struct kube_result *result, void *ctx)
{
    struct token *token = ctx;
    struct pod_tokens *all = token->all;
    const char *text = json_path_string(result->object, "status.token");
    uint64_t life_s = (uint64_t)MAX(token->expiration_s, (int64_t)LIFE_MIN_S);
    bool came = result->code >= 0 && text;

    token->call = NULL;
    loop_timer_start(kube_client_loop(all->client), &token->timer,
                     came ? life_s * RENEW_MS_PER_S : RETRY_MS);
    if (!came) {
        log_warn(kube, "pod %s/%s: no token for audience \"%s\": %s", kube_namespace(all->pod),
                 kube_name(all->pod), token->audience, result->reason);
        return;
    }
    mem_free(token->text);
    token->text = mem_strdup(text);
    all->on_change(all->ctx);
}

static void ask(void *ctx)
{
    struct token *token = ctx;
    struct pod_tokens *all = token->all;
    SCOPED(json_drop)
    json_t *body = json_pack(
        "{s:s,s:s,s:{s:o,s:I,s:{s:s,s:s,s:s,s:s*}}}", "apiVersion", "authentication.k8s.io/v1",
        "kind", "TokenRequest", "spec", "audiences",
        token->audience[0] ? json_pack("[s]", token->audience) : json_array(), "expirationSeconds",
        (json_int_t)token->expiration_s, "boundObjectRef", "apiVersion", "v1", "kind", "Pod",
        "name", kube_name(all->pod), "uid", json_path_string(all->pod, "metadata.uid"));
    struct kube_request request = {
        .verb = KUBE_CREATE,
        .resource = kube_resource_get(KUBE_RESOURCE_SERVICE_ACCOUNT),
        .ns = kube_namespace(all->pod),
        .name = json_path_string_or(all->pod, "spec.serviceAccountName", "default"),
        .subresource = "token",
        .body = body};

    if (all->client && kube_call_start(all->client, &request, on_answer, token, &token->call) < 0)
        loop_timer_start(kube_client_loop(all->client), &token->timer, RETRY_MS);
}

struct pod_tokens *pod_tokens_new(struct kube_client *client, json_t *pod,
                                  void (*on_change)(void *ctx), void *ctx)
{
    struct pod_tokens *tokens = MEM_NEW(struct pod_tokens);

    *tokens = (struct pod_tokens){
        .client = client, .pod = json_incref(pod), .on_change = on_change, .ctx = ctx};
    return tokens;
}

void pod_tokens_free(struct pod_tokens *tokens)
{
    if (!tokens)
        return;
    for (size_t i = 0; i < tokens->count; i++) {
        struct token *token = tokens->items[i];

        kube_call_cancel(token->call);
        if (tokens->client)
            loop_timer_stop(kube_client_loop(tokens->client), &token->timer);
        mem_free(token->audience);
        mem_free(token->text);
        mem_free(token);
    }
    json_decref(tokens->pod);
    mem_free(tokens);
}

const char *pod_tokens_get(const char *audience, int64_t expiration_s, void *ctx)
{
    struct pod_tokens *tokens = ctx;
    struct token *token;

    for (size_t i = 0; i < tokens->count; i++)
        if (strcmp(tokens->items[i]->audience, audience) == 0)
            return tokens->items[i]->text;
    if (tokens->count == POD_TOKENS_MAX)
        return NULL;
    token = MEM_NEW(struct token);
    token->all = tokens;
    token->audience = mem_strdup(audience);
    token->expiration_s = expiration_s;
    loop_timer_init(&token->timer, ask, token);
    tokens->items[tokens->count++] = token;
    ask(token);
    return NULL;
}
