/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP over TLS: which codec ALPN chooses, and that a certificate for another name is refused. With
 * curl, when it is there, as a client that is not ours. */
#include "http_fixture.h"

#include "crypto/ca.h"
#include "http/check.h"
#include "io/process.h"
#include "io/tls.h"

#include <stdio.h>

struct secured {
    struct fixture fixture;
    struct tls_config *server_tls;
    struct tls_config *client_tls;
    struct ca *ca;
};

static void secured_start(struct secured *secured, const char *server_alpn, const char *client_alpn)
{
    static const char *const names[] = {"server.test"};
    static const char *const addresses[] = {"127.0.0.1"};
    const struct cert_options root = {.common_name = "root"};
    const struct cert_options leaf = {
        .dns_names = names, .dns_name_count = 1, .ip_addresses = addresses, .ip_address_count = 1};
    struct http_server_options options = {0};
    struct error err = {0};

    assert_int_equal(ca_new_root(&root, &secured->ca, &err), 0);
    assert_int_equal(tls_server_config_issue(secured->ca, &leaf,
                                             &(struct tls_options){.alpn = server_alpn},
                                             &secured->server_tls, &err),
                     0);
    assert_int_equal(
        tls_client_config_new(
            &(struct tls_options){.trust_pem = ca_cert_pem(secured->ca), .alpn = client_alpn},
            &secured->client_tls, &err),
        0);
    options.tls = secured->server_tls;
    fixture_start(&secured->fixture, &options);
}

static void secured_stop(struct secured *secured)
{
    fixture_stop(&secured->fixture);
    tls_config_unref(secured->server_tls);
    tls_config_unref(secured->client_tls);
    ca_free(secured->ca);
}

struct got {
    int count;
    int code;
    enum http_version version;
    struct buf body;
};

static void on_done(const struct http_fetch_result *result, void *ctx)
{
    struct got *got = ctx;

    got->count++;
    got->code = result->code;
    if (result->head)
        got->version = result->head->version;
    buf_reset(&got->body);
    (void)buf_append(&got->body, result->body);
}

/* One fetch of `path` under `name`. */
static void fetch_once(struct secured *secured, const char *name, const char *path, struct got *got)
{
    struct http_pool_options options = {
        .addr = secured->fixture.addr, .tls = secured->client_tls, .server_name = name};
    struct http_fetch_request request = {.path = path};
    struct http_fetch *fetch;
    struct http_pool *pool;
    int before = got->count;

    assert_int_equal(http_pool_new(secured->fixture.loop, &options, &pool), 0);
    assert_int_equal(http_fetch_start(pool, &request, on_done, got, &fetch), 0);
    LOOP_UNTIL(secured->fixture.loop, got->count == before + 1);
    http_pool_free(pool);
}

static const struct {
    const char *server_alpn;
    const char *client_alpn;
    enum http_version version;
} choices[] = {
    {"h2,http/1.1", "h2,http/1.1", HTTP_VERSION_2},
    {"h2,http/1.1", "http/1.1", HTTP_VERSION_1_1},
    {"http/1.1", "h2,http/1.1", HTTP_VERSION_1_1},
    {"h2", "h2", HTTP_VERSION_2},
    {NULL, NULL, HTTP_VERSION_1_1},
};

static void alpn_chooses_the_codec(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        struct secured secured = {0};
        struct got got = {0};

        buf_init(&got.body, 0);
        secured_start(&secured, choices[i].server_alpn, choices[i].client_alpn);
        fetch_once(&secured, "server.test", "/", &got);
        assert_int_equal(got.code, 0);
        assert_int_equal(got.version, choices[i].version);
        assert_slice(buf_slice(&got.body), "hello");
        fetch_once(&secured, "server.test", "/big", &got);
        assert_int_equal(got.code, 0);
        assert_int_equal(got.body.len, 20000000);
        buf_deinit(&got.body);
        secured_stop(&secured);
    }
}

static void other_names_are_refused(void **state)
{
    struct secured secured = {0};
    struct got got = {0};

    (void)state;
    buf_init(&got.body, 0);
    secured_start(&secured, "h2,http/1.1", "h2,http/1.1");
    fetch_once(&secured, "other.test", "/", &got);
    assert_int_equal(got.code, ERR_TLS);
    assert_int_equal(secured.fixture.heads, 0);
    buf_deinit(&got.body);
    secured_stop(&secured);
}

static void on_exit_code(const struct process_result *result, void *ctx)
{
    struct got *got = ctx;

    got->count++;
    got->code = result->exit_code;
    (void)buf_append(&got->body, result->out);
}

static void curl_is_served(void **state)
{
    static const char *const versions[] = {"--http1.1", "--http2"};
    static const char *const answers[] = {"hello 1.1", "hello 2"};

    (void)state;
    if (access("/usr/bin/curl", X_OK) != 0)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct secured secured = {0};
        struct got got = {0};
        char url[64];
        const char *argv[] = {
            "curl", "-sk", "--max-time", "4", versions[i], "-w", " %{http_version}", url, NULL};
        struct error err = {0};
        struct process *process;

        buf_init(&got.body, 0);
        secured_start(&secured, "h2,http/1.1", NULL);
        snprintf(url, sizeof url, "https://127.0.0.1:%u/", addr_port(&secured.fixture.addr));
        assert_int_equal(process_start(secured.fixture.loop,
                                       &(struct process_options){.argv = argv}, on_exit_code, &got,
                                       &process, &err),
                         0);
        LOOP_UNTIL(secured.fixture.loop, got.count == 1);
        assert_int_equal(got.code, 0);
        assert_slice(buf_slice(&got.body), answers[i]);
        buf_deinit(&got.body);
        secured_stop(&secured);
    }
}

static void on_checked(bool fine, const char *text, void *ctx)
{
    int *verdict = ctx;

    (void)text;
    *verdict = fine ? 1 : 0;
}

/* As a kubelet: a probe by HTTPS does not ask who the server is. */
static void a_check_trusts_any_server(void **state)
{
    (void)state;
    for (int with_tls = 0; with_tls < 2; with_tls++) {
        struct secured secured = {0};
        struct http_check_spec spec = {.kind = HTTP_CHECK_GET, .timeout_ms = 5000, .path = "/"};
        struct http_check *check;
        int verdict = -1;

        secured_start(&secured, "http/1.1", "http/1.1");
        spec.addr = secured.fixture.addr;
        spec.tls = with_tls != 0;
        assert_int_equal(
            http_check_start(secured.fixture.loop, &spec, on_checked, &verdict, &check), 0);
        LOOP_UNTIL(secured.fixture.loop, verdict >= 0);
        assert_int_equal(verdict, with_tls);
        secured_stop(&secured);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpn_chooses_the_codec),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(curl_is_served),
        cmocka_unit_test(a_check_trusts_any_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
