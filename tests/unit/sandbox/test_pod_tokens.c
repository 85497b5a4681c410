/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of a pod, from a server that is sometimes away. */
#include "test.h"
#include "until.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "fake_api.h"
#include "sandbox/node/pod_tokens.h"

#define TOKEN_PATH "/api/v1/namespaces/demo/serviceaccounts/robot/token"

struct fixture {
    struct loop *loop;
    struct fake_api api;
    struct kube_client *client;
    char folder[32];
    int changes;
};

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);
    struct kube_config config = {0};
    char *path;

    snprintf(f->folder, sizeof f->folder, "/tmp/weft-tokens-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(loop_new(&f->loop), 0);
    fake_api_init(&f->api, f->loop);
    path = fake_api_kubeconfig(&f->api, f->folder);
    assert_int_equal(kube_config_load(path, NULL, &config, NULL), 0);
    mem_free(path);
    assert_int_equal(kube_client_new(f->loop, &config, "test", &f->client, NULL), 0);
    kube_config_deinit(&config);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    kube_client_free(f->client);
    fake_api_deinit(&f->api);
    loop_free(f->loop);
    assert_int_equal(file_remove_tree(f->folder, NULL), 0);
    mem_free(f);
    return 0;
}

static void on_change(void *ctx)
{
    ((struct fixture *)ctx)->changes++;
}

static struct pod_tokens *tokens_open(struct fixture *f)
{
    json_t *pod = json_pack("{s:{s:s,s:s,s:s},s:{s:s}}", "metadata", "name", "p", "namespace",
                            "demo", "uid", "u-1", "spec", "serviceAccountName", "robot");
    struct pod_tokens *tokens = pod_tokens_new(f->client, pod, on_change, f);

    json_decref(pod);
    return tokens;
}

static void changes_await(struct fixture *f, int count)
{
    LOOP_UNTIL(f->loop, f->changes >= count);
}

static void one_token_an_audience(void **state)
{
    struct fixture *f = *state;
    struct pod_tokens *tokens = tokens_open(f);
    json_t *request;

    assert_null(pod_tokens_get("istio-ca", 7200, tokens));
    changes_await(f, 1);
    assert_string_equal(pod_tokens_get("istio-ca", 7200, tokens), "token-1");
    request = fake_api_get(&f->api, TOKEN_PATH);
    assert_string_equal(json_path_string(request, "spec.audiences[0]"), "istio-ca");
    assert_int_equal(json_path_int(request, "spec.expirationSeconds", 0), 7200);
    assert_string_equal(json_path_string(request, "spec.boundObjectRef.uid"), "u-1");
    assert_null(pod_tokens_get("", 3600, tokens));
    changes_await(f, 2);
    assert_string_equal(pod_tokens_get("", 3600, tokens), "token-2");
    assert_string_equal(pod_tokens_get("istio-ca", 7200, tokens), "token-1");
    assert_int_equal(
        json_array_size(json_path_get(fake_api_get(&f->api, TOKEN_PATH), "spec.audiences")), 0);
    pod_tokens_free(tokens);
}

static void a_server_that_is_away_is_asked_again(void **state)
{
    struct fixture *f = *state;
    struct pod_tokens *tokens = tokens_open(f);

    fake_api_down(&f->api);
    assert_null(pod_tokens_get("", 3600, tokens));
    for (int i = 0; i < 3; i++)
        loop_run_once(f->loop, 10);
    fake_api_up(&f->api);
    changes_await(f, 1);
    assert_non_null(pod_tokens_get("", 3600, tokens));
    pod_tokens_free(tokens);
}

static void the_audiences_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct pod_tokens *tokens = tokens_open(f);

    for (int i = 0; i <= POD_TOKENS_MAX; i++) {
        SCOPED(mem_drop) char *audience = mem_printf("a%d", i);

        assert_null(pod_tokens_get(audience, 3600, tokens));
    }
    changes_await(f, POD_TOKENS_MAX);
    assert_non_null(pod_tokens_get("a0", 3600, tokens));
    assert_null(pod_tokens_get("a16", 3600, tokens));
    pod_tokens_free(tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_token_an_audience, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_is_away_is_asked_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_audiences_are_bounded, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
