/* SPDX-License-Identifier: Apache-2.0 */
/* The API server whole, over TLS, by the project's own client on the same loop: verbs, errors,
 * defaults, patches, finalizers, definitions, tokens, a watch, a restart.
 *
 * With WEFT_TEST_KUBECONFIG the same tables run on that API server (a real one, say): all but the
 * cases marked OWN, which show what is ours alone (the allocator's order, no controllers).
 */
#include "test.h"

#include "base/file.h"
#include "base/mem.h"
#include "kube/cache.h"
#include "kube/client.h"
#include "sandbox/apiserver.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

static struct loop *loop;
static struct sandbox_apiserver *server;
static struct kube_client *client;
#define NS "/api/v1/namespaces"

static const char *external; /* kubeconfig of another API server, or NULL */
static char folder[] = "/tmp/weft-test-api-XXXXXX";

static int server_start(void)
{
    struct sandbox_apiserver_options options = {.folder = folder, .listen = "127.0.0.1:0"};
    struct error err = {0};
    struct kube_config config = {0};
    char text[800];
    char *path = external ? mem_strdup(external) : mem_printf("%s/admin.conf", folder);
    int rc = external ? 0 : sandbox_apiserver_start(loop, &options, &server, &err);

    if (rc == 0)
        rc = kube_config_load(path, NULL, &config, &err);
    if (rc == 0)
        rc = kube_client_new(loop, &config, "test", &client, &err);
    kube_config_deinit(&config);
    mem_free(path);
    if (rc != 0)
        print_message("%s\n", err_format(&err, text, sizeof text));
    return rc;
}

static void server_stop(void)
{
    kube_client_free(client);
    sandbox_apiserver_free(server);
    client = NULL;
    server = NULL;
}

static int set_up(void **state)
{
    (void)state;
    external = getenv("WEFT_TEST_KUBECONFIG");
    return mkdtemp(folder) == NULL || loop_new(&loop) != 0 || server_start() != 0 ? -1 : 0;
}

static unsigned call(enum kube_verb verb, const char *path, const char *body_text,
                     json_t **ret_object);

static void wait_for_status(const char *path, unsigned status)
{
    for (int i = 0; i < 1000; i++) {
        if (call(KUBE_GET, path, NULL, NULL) == status)
            return;
        loop_run_once(loop, 10);
    }
    fail_msg("%s never answers %u", path, status);
}

static int tear_down(void **state)
{
    (void)state;
    if (external) /* gone half a minute later */
        call(KUBE_DELETE, NS "/api-table", NULL, NULL);
    server_stop();
    loop_free(loop);
    return file_remove_tree(folder, NULL);
}

/* --- one call --- */

struct answer {
    bool done;
    unsigned status;
    json_t *object; /* reference */
};

static void on_done(const struct kube_result *result, void *ctx)
{
    struct answer *answer = ctx;

    answer->done = true;
    answer->status = result->status;
    answer->object = json_incref(result->object);
}

static unsigned call(enum kube_verb verb, const char *path, const char *body_text,
                     json_t **ret_object)
{
    struct kube_request request = {.verb = verb, .raw_path = path};
    struct answer answer = {0};
    struct kube_call *running;
    json_t *body = NULL;

    if (body_text != NULL && json_parse(slice_str(body_text), NULL, &body, NULL) != 0)
        fail_msg("not JSON: %s", body_text);
    request.body = body;
    assert_int_equal(kube_call_start(client, &request, on_done, &answer, &running), 0);
    for (int i = 0; i < 5000 && !answer.done; i++)
        loop_run_once(loop, 10);
    json_decref(body);
    assert_true(answer.done);
    if (ret_object != NULL)
        *ret_object = answer.object;
    else
        json_decref(answer.object);
    return answer.status;
}

/* --- tables of calls --- */

struct api_case {
    enum kube_verb verb;
    const char *path, *body;
    unsigned status;
    const char *field, *expected; /* of the answer; NULL: not looked at */
    bool own;                     /* holds on our API server alone */
};

#define OWN true

static void run_cases(const struct api_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct api_case *c = &cases[i];
        json_t *object = NULL;
        unsigned status;

        if (c->own && external)
            continue;
        status = call(c->verb, c->path, c->body, &object);
        const json_t *value = c->field ? json_path_get(object, c->field) : NULL;
        char *text = value ? json_format_str(value, JSON_FORMAT_SORTED) : NULL;

        if (status != c->status)
            fail_msg("case %zu, %s: status %u, expected %u: %s", i, c->path, status, c->status,
                     json_path_string_or(object, "message", ""));
        if (c->field && c->expected == NULL && text != NULL)
            fail_msg("case %zu, %s: %s is %s, expected none", i, c->path, c->field, text);
        if (c->expected && (text == NULL || strcmp(text, c->expected) != 0))
            fail_msg("case %zu, %s: %s is %s, expected %s", i, c->path, c->field,
                     text ? text : "absent", c->expected);
        mem_free(text);
        json_decref(object);
    }
}

#define CM NS "/api-table/configmaps"
#define SVC NS "/api-table/services"
#define PODS NS "/api-table/pods"
#define DEP "/apis/apps/v1/namespaces/api-table/deployments"
#define TEMPLATE                                                                                   \
    "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":"  \
    "\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}}"

static void objects_and_errors(void **state)
{
    static const struct api_case cases[] = {
        {KUBE_CREATE, NS, "{\"metadata\":{\"name\":\"api-table\"}}", 201, "status.phase",
         "\"Active\""},
        {KUBE_CREATE, NS, "{\"metadata\":{\"name\":\"api-table\"}}", 409, "message",
         "\"namespaces \\\"api-table\\\" already exists\""},
        {KUBE_CREATE, NS, "{\"metadata\":{\"name\":\"Bad_Name\"}}", 422, "reason", "\"Invalid\""},
        {KUBE_CREATE, NS "/none/configmaps", "{\"metadata\":{\"name\":\"a\"}}", 404, "message",
         "\"namespaces \\\"none\\\" not found\""},
        {KUBE_CREATE, CM, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}", 201, "kind",
         "\"ConfigMap\""},
        {KUBE_CREATE, CM, "{\"metadata\":{\"generateName\":\"g-\"}}", 201, "metadata.generateName",
         "\"g-\""},
        {KUBE_CREATE, CM, "{\"metadata\":{}}", 422, "details.causes[0].field", "\"metadata.name\""},
        {KUBE_CREATE, CM, "{\"metadata\":{\"name\":\"b\"},\"data\":{\"k\":1}}", 400, "reason",
         "\"BadRequest\""},
        {KUBE_CREATE, CM, "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"b\"}}", 400, NULL, NULL},
        {KUBE_CREATE, CM, "{\"metadata\":{\"name\":\"b\",\"namespace\":\"x\"}}", 400, NULL, NULL},
        {KUBE_CREATE, CM "?fieldValidation=Strict", "{\"metadata\":{\"name\":\"b\"},\"datas\":{}}",
         400, NULL, NULL},
        {KUBE_CREATE, CM "?dryRun=All", "{\"metadata\":{\"name\":\"dry\"}}", 201, NULL, NULL},
        {KUBE_GET, CM "/dry", NULL, 404, "details.kind", "\"configmaps\""},
        {KUBE_GET, CM "/a", NULL, 200, "data.k", "\"v\""},
        {KUBE_GET, "/apis/none/v1/things", NULL, 404, "message", NULL},
        {KUBE_GET, "/apis/apps/v1/things", NULL, 404, NULL, NULL},
        {KUBE_GET, CM "?labelSelector=a%20in", NULL, 400, NULL, NULL},
        {KUBE_GET, CM "?fieldSelector=data.k=v", NULL, 400, "message",
         "\"\\\"data.k\\\" is not a known field selector: only \\\"metadata.name\\\", "
         "\\\"metadata.namespace\\\"\""},
        {KUBE_GET, PODS "?fieldSelector=spec.foo=v", NULL, 400, "message",
         "\"field label not supported: spec.foo\""},
        {KUBE_GET, CM "?fieldSelector=metadata.name=a", NULL, 200, "items[0].data.k", "\"v\""},
        {KUBE_UPDATE, CM "/a",
         "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"},\"data\":{}}", 409, "reason",
         "\"Conflict\""},
        {KUBE_UPDATE, CM "/a", "{\"metadata\":{\"name\":\"other\"}}", 400, NULL, NULL},
        {KUBE_UPDATE, CM "/none", "{\"metadata\":{\"name\":\"none\"}}", 404, NULL, NULL},
        {KUBE_UPDATE, CM "/a", "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"w\"}}", 200,
         "data.k", "\"w\""},
        {KUBE_PATCH_MERGE, CM "/a", "{\"data\":{\"k\":null,\"l\":\"x\"}}", 200, "data",
         "{\"l\":\"x\"}"},
        {KUBE_PATCH_JSON, CM "/a", "[{\"op\":\"test\",\"path\":\"/data/l\",\"value\":\"y\"}]", 422,
         NULL, NULL},
        {KUBE_PATCH_APPLY, CM "/a?fieldManager=t", "{\"data\":{}}", 400, "message",
         "\"invalid object type: /, Kind=\"", false},
        {KUBE_DELETE, CM "/a", NULL, 200, "details.name", "\"a\""},
        {KUBE_DELETE, CM "/a", NULL, 404, NULL, NULL},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases));
}

static void rules_of_kinds(void **state)
{
    static const struct api_case cases[] = {
        {KUBE_CREATE, SVC,
         "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[{\"port\":80}],\"type\":"
         "\"LoadBalancer\"}}",
         201, "spec.ports[0].targetPort", "80"},
        {KUBE_GET, SVC "/s", NULL, 200, "spec.ports[0].nodePort", "30000", OWN},
        {KUBE_GET, SVC "/s", NULL, 200, "spec.clusterIP", "\"10.96.0.16\"", OWN},
        {KUBE_PATCH_MERGE, SVC "/s", "{\"spec\":{\"clusterIP\":\"10.96.0.99\"}}", 422, NULL, NULL},
        {KUBE_CREATE, SVC, "{\"metadata\":{\"name\":\"e\"},\"spec\":{}}", 422, "message",
         "\"Service \\\"e\\\" is invalid: spec.ports: Required value\""},
        {KUBE_CREATE, SVC, "{\"metadata\":{\"name\":\"h\"},\"spec\":{\"clusterIP\":\"None\"}}", 201,
         "spec.clusterIPs", "[\"None\"]"},
        {KUBE_CREATE, DEP, "{\"metadata\":{\"name\":\"d\"},\"spec\":{" TEMPLATE "}}", 201,
         "spec.strategy",
         "{\"rollingUpdate\":{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"},\"type\":"
         "\"RollingUpdate\"}"},
        {KUBE_PATCH_MERGE, DEP "/d/scale", "{\"spec\":{\"replicas\":3}}", 200, "spec.replicas",
         "3"},
        {KUBE_GET, DEP "/d", NULL, 200, "metadata.generation", "2"},
        {KUBE_PATCH_MERGE, DEP "/d", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}", 200,
         "metadata.generation", "2"},
        {KUBE_PATCH_MERGE, DEP "/d/status",
         "{\"status\":{\"replicas\":3},\"spec\":{\"replicas\":"
         "9}}",
         200, "spec.replicas", "3"},
        {KUBE_PATCH_STRATEGIC, DEP "/d",
         "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:2\"}]}}}"
         "}",
         200, "spec.template.spec.containers[0].image", "\"i:2\""},
        {KUBE_PATCH_MERGE, DEP "/d", "{\"spec\":{\"selector\":{\"matchLabels\":{\"z\":\"z\"}}}}",
         422, NULL, NULL},
        {KUBE_CREATE, PODS,
         "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"schedulerName\":\"none\",\"containers\":[{"
         "\"name\":\"c\",\"image\":\"i\"}"
         "]"
         "}}",
         403, "message",
         "\"pods \\\"p\\\" is forbidden: error looking up service account api-table/default: "
         "serviceaccount \\\"default\\\" not found\"",
         OWN},
        {KUBE_CREATE, NS "/api-table/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", 201,
         NULL, NULL, OWN},
        {KUBE_CREATE, PODS,
         "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"schedulerName\":\"none\",\"containers\":[{"
         "\"name\":\"c\",\"image\":\"i\"}"
         "]"
         "}}",
         201, "spec.containers[0].imagePullPolicy", "\"Always\""},
        {KUBE_CREATE, PODS "/p/binding",
         "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n\"}}", 201, NULL,
         NULL},
        {KUBE_CREATE, PODS "/p/binding",
         "{\"metadata\":{\"name\":\"p\"},\"target\":{\"name\":\"m\"}}", 409, NULL, NULL},
        {KUBE_PATCH_MERGE, PODS "/p", "{\"spec\":{\"hostNetwork\":true}}", 422, NULL, NULL},
        {KUBE_DELETE, PODS "/p", NULL, 200, "metadata.deletionGracePeriodSeconds", "30"},
        {KUBE_DELETE, PODS "/p?gracePeriodSeconds=0", NULL, 200, NULL, NULL},
        {KUBE_GET, PODS "/p", NULL, 404, NULL, NULL},
        {KUBE_GET, PODS "/p/log", NULL, 404, NULL, NULL},
        {KUBE_GET, NS "/default/services/kubernetes", NULL, 200, "spec.clusterIP", "\"10.96.0.1\"",
         OWN},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases));
}

static void deletion_waits_for_finalizers(void **state)
{
    static const struct api_case cases[] = {
        {KUBE_CREATE, CM, "{\"metadata\":{\"name\":\"f\",\"finalizers\":[\"x.test/a\"]}}", 201,
         NULL, NULL},
        {KUBE_DELETE, CM "/f", NULL, 200, "metadata.finalizers", "[\"x.test/a\"]"},
        {KUBE_PATCH_MERGE, CM "/f", "{\"metadata\":{\"finalizers\":[\"x.test/a\",\"x.test/b\"]}}",
         422, NULL, NULL},
        {KUBE_PATCH_MERGE, CM "/f", "{\"metadata\":{\"finalizers\":null}}", 200, NULL, NULL},
        {KUBE_CREATE, CM, "{\"metadata\":{\"name\":\"g\",\"finalizers\":[\"nope\"]}}", 422,
         "message",
         "\"ConfigMap \\\"g\\\" is invalid: metadata.finalizers[0]: Invalid value: \\\"nope\\\": "
         "name is "
         "neither a standard finalizer name nor is it fully qualified\""},
        {KUBE_CREATE, CM,
         "{\"metadata\":{\"name\":\"g\",\"ownerReferences\":[{\"kind\":\"K\",\"name\":\"n\","
         "\"uid\":"
         "\"u\"}]}}",
         422, "message",
         "\"ConfigMap \\\"g\\\" is invalid: metadata.ownerReferences.apiVersion: Invalid value: "
         "\\\"\\\": version must not be empty\""},
        {KUBE_GET, CM "/f", NULL, 404, NULL, NULL},
        {KUBE_DELETE, NS "/api-table", NULL, 200, "status.phase", "\"Terminating\"", OWN},
        {KUBE_CREATE, CM, "{\"metadata\":{\"name\":\"late\"}}", 403, "reason", "\"Forbidden\"",
         OWN},
        {KUBE_UPDATE, NS "/api-table/finalize",
         "{\"metadata\":{\"name\":\"api-table\"},\"spec\":{}}", 200, NULL, NULL, OWN},
        {KUBE_GET, NS "/api-table", NULL, 404, NULL, NULL, OWN},
        {KUBE_CREATE, NS, "{\"metadata\":{\"name\":\"api-table\"}}", 201, NULL, NULL, OWN},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases));
}

#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define BOATS "/apis/x.test/v1/namespaces/api-table/boats"

#define BOAT_VERSION(name, storage)                                                                \
    "{\"name\":\"" name "\",\"served\":true,\"storage\":" storage                                  \
    ",\"subresources\":{\"status\":{}},"                                                           \
    "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","                                        \
    "\"x-kubernetes-preserve-unknown-fields\":true}}}"

static void definitions_bring_kinds(void **state)
{
    static const struct api_case before[] = {
        {KUBE_GET, BOATS, NULL, 404, NULL, NULL},
        {KUBE_CREATE, CRDS,
         "{\"metadata\":{\"name\":\"boats.x.test\"},\"spec\":{\"group\":\"x.test\",\"scope\":"
         "\"Namespaced\",\"names\":{\"plural\":\"boats\",\"kind\":\"Boat\"},\"versions\":"
         "[" BOAT_VERSION("v1", "true") "," BOAT_VERSION("v1alpha1", "false") "]}}",
         201, "spec.names.listKind", "\"BoatList\""},
        {KUBE_CREATE, CRDS,
         "{\"metadata\":{\"name\":\"bad.x.test\"},\"spec\":{\"group\":\"x.test\",\"scope\":"
         "\"Namespaced\",\"names\":{\"plural\":\"bad\",\"kind\":\"Bad\"},\"versions\":[{\"name\":"
         "\"v1\",\"served\":true,\"storage\":true}]}}",
         422, "details.causes[0].field", "\"spec.versions[0].schema.openAPIV3Schema\""},
    };
    static const struct api_case cases[] = {
        {KUBE_CREATE, BOATS, "{\"metadata\":{\"name\":\"n\"},\"spec\":{}}", 400, NULL, NULL},
        {KUBE_CREATE, BOATS,
         "{\"apiVersion\":\"x.test/v1\",\"kind\":\"Boat\",\"metadata\":{\"name\":\"b\"},\"spec\":{"
         "\"n\":1},\"status\":{}}",
         201, "status", NULL},
        {KUBE_GET, "/apis/x.test/v1alpha1/namespaces/api-table/boats/b", NULL, 200, "apiVersion",
         "\"x.test/v1alpha1\""},
        {KUBE_PATCH_MERGE, BOATS "/b/status", "{\"status\":{\"ok\":true}}", 200, "status.ok",
         "true"},
        {KUBE_PATCH_MERGE, BOATS "/b", "{\"spec\":{\"n\":2}}", 200, "metadata.generation", "2"},
        {KUBE_PATCH_STRATEGIC, BOATS "/b", "{\"spec\":{\"n\":3}}", 415, NULL, NULL},
        {KUBE_GET, "/apis/x.test", NULL, 200, "preferredVersion.version", "\"v1\""},
        {KUBE_DELETE, CRDS "/boats.x.test", NULL, 200, NULL, NULL},
    };

    (void)state;
    run_cases(before, ARRAY_LEN(before));
    wait_for_status(BOATS, 200);
    run_cases(cases, ARRAY_LEN(cases));
    wait_for_status(BOATS, 404);
}

static void tokens_are_made_and_reviewed(void **state)
{
    json_t *object = NULL;
    char *review;

    (void)state;
    call(KUBE_CREATE, NS "/api-table/serviceaccounts", "{\"metadata\":{\"name\":\"robot\"}}", NULL);
    assert_int_equal(call(KUBE_CREATE, NS "/api-table/serviceaccounts/robot/token",
                          "{\"spec\":{\"audiences\":[\"istio-ca\"]}}", &object),
                     201);
    review = mem_printf("{\"spec\":{\"token\":\"%s\",\"audiences\":[\"istio-ca\"]}}",
                        json_path_string_or(object, "status.token", ""));
    json_decref(object);
    assert_int_equal(
        call(KUBE_CREATE, "/apis/authentication.k8s.io/v1/tokenreviews", review, &object), 201);
    assert_string_equal(json_path_string_or(object, "status.user.username", ""),
                        "system:serviceaccount:api-table:robot");
    json_decref(object);
    review[strlen(review) - 40] ^= 1; /* a letter of the signature */
    assert_int_equal(
        call(KUBE_CREATE, "/apis/authentication.k8s.io/v1/tokenreviews", review, &object), 201);
    assert_null(json_path_get(object, "status.authenticated"));
    json_decref(object);
    mem_free(review);
}

/* --- watch and restart --- */

struct changes {
    char text[256];
    bool synced;
};

static void on_change(struct kube_cache *cache, enum kube_change change, json_t *object,
                      json_t *old, void *ctx)
{
    static const char marks[] = "+~-";
    struct changes *changes = ctx;
    size_t used = strlen(changes->text);

    (void)cache, (void)old;
    snprintf(changes->text + used, sizeof changes->text - used, "%c%s ", marks[change],
             kube_name(object));
}

static void on_synced(struct kube_cache *cache, void *ctx)
{
    (void)cache;
    ((struct changes *)ctx)->synced = true;
}

static void watches_follow_a_selector(void **state)
{
    static const struct kube_cache_events events = {on_change, on_synced};
    struct kube_cache_options options = {.resource = kube_resource_get(KUBE_RESOURCE_CONFIG_MAP),
                                         .label_selector = "w=1"};
    struct changes changes = {0};
    struct kube_cache *cache;

    (void)state;
    call(KUBE_CREATE, CM, "{\"metadata\":{\"name\":\"w0\",\"labels\":{\"w\":\"1\"}}}", NULL);
    assert_int_equal(kube_cache_new(client, &options, &events, &changes, &cache), 0);
    for (int i = 0; i < 500 && !changes.synced; i++)
        loop_run_once(loop, 10);
    call(KUBE_CREATE, CM, "{\"metadata\":{\"name\":\"w1\"}}", NULL);
    call(KUBE_PATCH_MERGE, CM "/w1", "{\"metadata\":{\"labels\":{\"w\":\"1\"}}}", NULL);
    call(KUBE_PATCH_MERGE, CM "/w1", "{\"data\":{\"a\":\"b\"}}", NULL);
    call(KUBE_PATCH_MERGE, CM "/w1", "{\"metadata\":{\"labels\":null}}", NULL);
    call(KUBE_DELETE, CM "/w0", NULL, NULL);
    for (int i = 0; i < 500 && strlen(changes.text) < strlen("+w0 +w1 ~w1 -w1 -w0 "); i++)
        loop_run_once(loop, 10);
    assert_string_equal(changes.text, "+w0 +w1 ~w1 -w1 -w0 ");
    kube_cache_free(cache);
}

static void a_restart_keeps_everything(void **state)
{
    static const struct api_case after[] = {
        {KUBE_GET, CM "/kept", NULL, 200, "data.k", "\"v\""},
        {KUBE_GET, NS "/api-table", NULL, 200, "status.phase", "\"Active\""},
    };

    (void)state;
    assert_int_equal(
        call(KUBE_CREATE, CM, "{\"metadata\":{\"name\":\"kept\"},\"data\":{\"k\":\"v\"}}", NULL),
        201);
    server_stop();
    assert_int_equal(server_start(), 0);
    run_cases(after, ARRAY_LEN(after));
}

static void bad_options_are_named(void **state)
{
    char bad_folder[] = "/tmp/weft-test-bad-XXXXXX";
    const struct {
        struct sandbox_apiserver_options options;
        const char *path;
    } cases[] = {
        {{.folder = ""}, "folder"},
        {{.folder = bad_folder, .service_cidr = "10.0.0.0"}, "service_cidr"},
        {{.folder = bad_folder, .listen = "nowhere"}, "listen"},
    };

    (void)state;
    assert_non_null(mkdtemp(bad_folder));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sandbox_apiserver *bad = NULL;
        struct error err = {0};

        assert_int_equal(sandbox_apiserver_start(loop, &cases[i].options, &bad, &err), ERR_INVALID);
        assert_string_equal(err.path, cases[i].path);
    }
    assert_int_equal(file_remove_tree(bad_folder, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_and_errors),
        cmocka_unit_test(rules_of_kinds),
        cmocka_unit_test(deletion_waits_for_finalizers),
        cmocka_unit_test(definitions_bring_kinds),
        cmocka_unit_test(tokens_are_made_and_reviewed),
        cmocka_unit_test(watches_follow_a_selector),
        cmocka_unit_test(a_restart_keeps_everything),
        cmocka_unit_test(bad_options_are_named),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
