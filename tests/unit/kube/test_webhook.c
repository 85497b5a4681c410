/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to webhooks, their answers, and the call between them, against a server that answers as
 * the test says.
 */
#include "objects.h"

#include "base/mem.h"
#include "crypto/ca.h"
#include "http/server.h"
#include "io/tls.h"
#include "kube/objects/admission.h"
#include "kube/objects/service.h"
#include "kube/webhook.h"
#include "wire/base64.h"

/* --- questions and answers --- */

static void questions(void **state)
{
    json_t *webhook = yaml_tree("{admissionReviewVersions: [v2, v1beta1, v1]}");
    json_t *object = yaml_tree("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}");
    struct kube_admission_question question = {
        .uid = "u1",
        .operation = "UPDATE",
        .seen = {"apps", "v1beta1", "apps/v1beta1", "Deployment", "deployments"},
        .sent = {"apps", "v1", "apps/v1", "Deployment", "deployments"},
        .subresource = "scale",
        .ns = "shop",
        .object = object,
        .user = yaml_tree("{username: me}"),
        .options = yaml_tree("{kind: UpdateOptions}"),
    };
    json_t *review = kube_admission_review_new(webhook, &question);

    (void)state;
    object_assert(
        review, "{kind: AdmissionReview, apiVersion: admission.k8s.io/v1beta1, request: {uid: u1, "
                "kind: {group: apps, version: v1beta1, kind: Deployment}, "
                "resource: {group: apps, version: v1beta1, resource: deployments}, "
                "requestKind: {group: apps, version: v1, kind: Deployment}, "
                "requestResource: {group: apps, version: v1, resource: deployments}, "
                "operation: UPDATE, userInfo: {username: me}, dryRun: false, options: {kind: "
                "UpdateOptions}, subResource: scale, requestSubResource: scale, name: web, "
                "namespace: shop, "
                "object: {apiVersion: apps/v1beta1, kind: Deployment, metadata: {name: web}}, "
                "oldObject: null}}");
    assert_string_equal(json_get_string(object, "apiVersion"), "apps/v1");
    json_decref(review);
    question.subresource = "";
    question.ns = NULL;
    review = kube_admission_review_new(NULL, &question);
    assert_string_equal(json_get_string(review, "apiVersion"), "admission.k8s.io/v1");
    assert_null(json_path_get(review, "request.subResource"));
    assert_null(json_path_get(review, "request.namespace"));
    json_decref(review);
    json_decref(question.user);
    json_decref(question.options);
    json_decref(object);
    json_decref(webhook);
}

static void denials(void **state)
{
    static const struct {
        const char *response;
        unsigned status; /* 0: allowed */
        const char *message;
    } cases[] = {
        {"{allowed: true}", 0, ""},
        {"{allowed: false}", 400, ""},
        {"{}", 400, ""},
        {"{allowed: false, status: {code: 403, message: stop, reason: Forbidden}}", 403, "stop"},
        {"{allowed: false, status: {code: 200, reason: Forbidden}}", 400, "Forbidden"},
        {"{allowed: false, status: {code: 700}}", 400, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kube_admission_denial denial = {0};
        json_t *response = yaml_tree(cases[i].response);

        assert_int_equal(kube_admission_is_denied(response, &denial), cases[i].status != 0);
        assert_int_equal(denial.status, cases[i].status);
        if (cases[i].status)
            assert_string_equal(denial.message, cases[i].message);
        json_decref(response);
    }
}

static void patches(void **state)
{
    static const struct {
        const char *type, *patch, *expected; /* the object, or the beginning of the error */
    } cases[] = {
        {"JSONPatch", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":1}]", "{metadata: {}, a: 1}"},
        {"JSONPatch", "", "{metadata: {}}"},
        {"MergePatch", "{}", "unsupported patch type \"MergePatch\""},
        {"JSONPatch", "[", "the patch is not base64 of JSON"},
        {"JSONPatch", "[{\"op\":\"remove\",\"path\":\"/metadata\"}]", "the patched object is no"},
        {"JSONPatch", "[{\"op\":\"remove\",\"path\":\"/x\"}]", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *object = yaml_tree("{metadata: {}}");
        json_t *before = json_incref(object);
        struct error err = {0};
        struct buf text;
        json_t *response;

        buf_init(&text, 0);
        base64_encode(slice_str(cases[i].patch), &text);
        response = json_pack("{s:s, s:o}", "patchType", cases[i].type, "patch",
                             json_string_slice(buf_slice(&text)));
        if (kube_admission_patch(response, 1024, &object, &err) == 0) {
            object_assert(object, cases[i].expected);
        } else {
            assert_ptr_equal(object, before);
            assert_int_equal(strncmp(err.reason, cases[i].expected, strlen(cases[i].expected)), 0);
        }
        object_assert(before, "{metadata: {}}");
        buf_deinit(&text);
        json_decref(response);
        json_decref(object);
        json_decref(before);
    }
}

static void endpoints(void **state)
{
    json_t *service = yaml_tree("{metadata: {name: s}, spec: {ports: [{port: 443, name: web}, "
                                "{port: 80}]}}");
    json_t *ready = yaml_tree("{subsets: [{notReadyAddresses: [{ip: 10.0.0.1}], ports: [{name: "
                              "web, port: 1}]}, {addresses: [{ip: 10.0.0.2}], ports: [{name: web, "
                              "port: 8443}]}]}");
    struct error err = {0};
    const char *ip = "";
    unsigned port = 0;

    (void)state;
    assert_int_equal(kube_service_endpoint(service, ready, 443, &ip, &port, &err), 0);
    assert_string_equal(ip, "10.0.0.2");
    assert_int_equal(port, 8443);
    assert_int_equal(kube_service_endpoint(service, ready, 80, &ip, &port, &err), ERR_UNREACHABLE);
    assert_int_equal(kube_service_endpoint(service, NULL, 443, &ip, &port, &err), ERR_UNREACHABLE);
    assert_string_equal(err.reason, "no endpoints available for service \"s\"");
    assert_int_equal(kube_service_endpoint(service, ready, 81, &ip, &port, &err), ERR_NOT_FOUND);
    assert_string_equal(err.reason, "no service port 81 found for service \"s\"");
    json_decref(service);
    json_decref(ready);
}

/* --- calls --- */

struct world {
    struct loop *loop;
    struct ca *ca;
    struct http_server *server;
    struct addr addr;
    struct kube_webhooks *webhooks;
    struct kube_webhook *call; /* NULL when its on_done ran */
    unsigned status;           /* what the server answers */
    const char *answer;
    char path[128]; /* of the last request */
    char outcome[ERR_REASON_SIZE];
};

static void on_question(struct http_stream *stream, int code, struct slice body, void *ctx)
{
    struct world *world = ctx;

    assert_int_equal(code, 0);
    assert_non_null(strstr(body.data, "\"uid\":\"u1\""));
    (void)snprintf(world->path, sizeof world->path, "%.*s",
                   SLICE_ARG(http_stream_head(stream)->path));
    http_stream_respond(stream, world->status, "application/json", slice_str(world->answer));
}

static void on_head(struct http_stream *stream, struct http_head *head, bool end, void *ctx)
{
    (void)head, (void)end;
    http_stream_collect(stream, 4096, on_question, ctx);
}

static void on_stream(struct http_stream *stream, void *ctx)
{
    static const struct http_stream_events events = {.on_head = on_head};

    http_stream_events_set(stream, &events, ctx);
}

static int service_find(const char *ns, const char *name, int64_t port, struct addr *ret,
                        struct error *err, void *ctx)
{
    struct world *world = ctx;

    if (strcmp(ns, "shop") != 0 || strcmp(name, "hook") != 0 || port != 8443)
        return err_set(err, ERR_NOT_FOUND, "service \"%s\" not found", name);
    *ret = world->addr;
    return 0;
}

static int world_make(void **state)
{
    static const char *const names[] = {"hook.shop.svc"};
    static const char *const ips[] = {"127.0.0.1"};
    const struct cert_options root = {.common_name = "root"};
    const struct cert_options leaf = {
        .dns_names = names, .dns_name_count = 1, .ip_addresses = ips, .ip_address_count = 1};
    struct world *world = MEM_NEW(struct world);
    struct http_server_options options = {0};
    struct tls_config *tls;
    struct error err = {0};

    assert_int_equal(loop_new(&world->loop), 0);
    assert_int_equal(ca_new_root(&root, &world->ca, &err), 0);
    assert_int_equal(
        tls_server_config_issue(world->ca, &leaf, &(struct tls_options){0}, &tls, &err), 0);
    options.tls = tls;
    assert_int_equal(http_server_new(world->loop, &options, on_stream, world, &world->server), 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &world->addr), 0);
    assert_int_equal(http_server_listen(world->server, &world->addr, &world->addr, &err), 0);
    tls_config_unref(tls);
    world->webhooks = kube_webhooks_new(world->loop, service_find, world);
    *state = world;
    return 0;
}

static int world_end(void **state)
{
    struct world *world = *state;

    kube_webhooks_free(world->webhooks);
    http_server_free(world->server);
    loop_free(world->loop);
    ca_free(world->ca);
    mem_free(world);
    return 0;
}

static void on_done(const json_t *response, const char *why, void *ctx)
{
    struct world *world = ctx;

    world->call = NULL;
    (void)snprintf(world->outcome, sizeof world->outcome, "%s",
                   response ? json_path_string_or(response, "status.message", "fine") : why);
}

/* What comes of the call: the response's message, why it failed, or why it did not start. `config`
 * may hold %s for the server's address. */
static const char *outcome_of(struct world *world, const char *config, bool trusted)
{
    json_t *review = yaml_tree("{request: {uid: u1}}");
    struct error err = {0};
    char address[ADDR_TEXT_SIZE];
    char *text = mem_printf(config, addr_format(&world->addr, address));
    json_t *webhook = json_pack("{s:o}", "clientConfig", yaml_tree(text));
    struct buf bundle;

    buf_init(&bundle, 0);
    base64_encode(ca_cert_pem(world->ca), &bundle);
    if (trusted)
        json_path_set(webhook, "clientConfig.caBundle", json_string_slice(buf_slice(&bundle)));
    world->outcome[0] = '\0';
    if (kube_webhook_start(world->webhooks, webhook, review, on_done, world, &world->call, &err) !=
        0)
        (void)snprintf(world->outcome, sizeof world->outcome, "%s", err.reason);
    else
        assert_int_equal(world->outcome[0], 0); /* never within the call */
    for (int i = 0; i < 500 && world->outcome[0] == '\0'; i++)
        loop_run_once(world->loop, 20);
    buf_deinit(&bundle);
    json_decref(review);
    json_decref(webhook);
    mem_free(text);
    return world->outcome;
}

#define SERVICE "{service: {namespace: shop, name: hook, port: 8443, path: mutate}}"
#define FINE "{\"response\":{\"uid\":\"u1\",\"allowed\":true}}"

static void calls(void **state)
{
    struct world *world = *state;

    world->status = 200;
    world->answer = FINE;
    assert_string_equal(outcome_of(world, SERVICE, true), "fine");
    assert_string_equal(world->path, "/mutate?timeout=10s");
    assert_string_equal(outcome_of(world, "{url: 'https://%s/a?b=c'}", true), "fine");
    assert_string_equal(world->path, "/a?b=c&timeout=10s");
    world->answer = "{\"response\":{\"uid\":\"u1\",\"status\":{\"message\":\"said\"}}}";
    assert_string_equal(outcome_of(world, SERVICE, true), "said");
}

static void failures(void **state)
{
    static const char post[] = "Post \"https://hook.shop.svc:8443/mutate?timeout=10s\": ";
    static const struct {
        const char *answer;
        unsigned status;
        const char *why;
    } cases[] = {
        {FINE, 500, "an error on the server (status 500)"},
        {"no json", 200, "the answer is not JSON"},
        {"{\"response\":{\"uid\":\"u2\"}}", 200, "expected response.uid to be the request's"},
    };
    struct world *world = *state;
    const char *outcome;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world->status = cases[i].status;
        world->answer = cases[i].answer;
        outcome = outcome_of(world, SERVICE, true);
        assert_int_equal(strncmp(outcome, post, sizeof post - 1), 0);
        assert_string_equal(outcome + sizeof post - 1, cases[i].why);
    }
    assert_int_equal(strncmp(outcome_of(world, SERVICE, false), post, sizeof post - 1), 0);
    assert_string_equal(outcome_of(world, "{service: {namespace: shop, name: none}}", true),
                        "service \"none\" not found");
    assert_non_null(strstr(outcome_of(world, "{url: 'https://hook.example/'}", true),
                           "a webhook URL with a host name (hook.example)"));
    assert_string_equal(outcome_of(world, "{caBundle: '*', url: 'https://%s'}", false),
                        "caBundle is not base64");
}

static void cancelled(void **state)
{
    struct world *world = *state;
    json_t *review = yaml_tree("{request: {uid: u1}}");
    json_t *webhook = yaml_tree("{clientConfig: " SERVICE "}");
    struct error err = {0};

    world->outcome[0] = '\0';
    assert_int_equal(
        kube_webhook_start(world->webhooks, webhook, review, on_done, world, &world->call, &err),
        0);
    kube_webhook_cancel(world->call);
    kube_webhook_cancel(NULL);
    for (int i = 0; i < 5; i++)
        loop_run_once(world->loop, 1);
    assert_int_equal(world->outcome[0], 0);
    json_decref(review);
    json_decref(webhook);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions), cmocka_unit_test(denials), cmocka_unit_test(patches),
        cmocka_unit_test(endpoints), cmocka_unit_test(calls),   cmocka_unit_test(failures),
        cmocka_unit_test(cancelled),
    };

    return cmocka_run_group_tests(tests, world_make, world_end);
}
