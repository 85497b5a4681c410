/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of service accounts, from a request to a review. */
#include "objects.h"

#include "crypto/jws.h"
#include "kube/token.h"

enum { NOW_MS = 1700000000 };

static const struct kube_token_account robot = {"shop", "robot", "u1"};
static struct kube_token_issuer issuer = {.name = "https://api", .key_id = "k1"};

static int key_make(void **state)
{
    (void)state;
    issuer.key = key_new_ec();
    return 0;
}

static int key_drop_it(void **state)
{
    (void)state;
    key_unref((struct key *)(uintptr_t)issuer.key);
    return 0;
}

/* The signed answer to that request. */
static json_t *issued(const char *asked)
{
    struct buf told;
    struct api_cause_sink sink = {cause_note, &told};
    json_t *body = yaml_tree(asked);
    json_t *request;

    buf_init(&told, 0);
    request = kube_token_request(&issuer, body, &sink);
    assert_int_equal(told.len, 0);
    assert_int_equal(kube_token_issue(&issuer, &robot, NOW_MS, request), 0);
    json_decref(body);
    return request;
}

static struct slice token_of(const json_t *request)
{
    return slice_str(json_path_string_or(request, "status.token", ""));
}

static void requests(void **state)
{
    static const struct {
        const char *asked, *spec, *told;
    } cases[] = {
        {"", "{audiences: ['https://api'], expirationSeconds: 3600}", ""},
        {"{spec: {audiences: [a], expirationSeconds: 700}}",
         "{audiences: [a], expirationSeconds: 700}", ""},
        {"{spec: {audiences: [], expirationSeconds: 599}}",
         "{audiences: ['https://api'], expirationSeconds: 599}",
         "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 "
         "minutes"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *asked = yaml_tree(cases[i].asked);
        struct buf told;
        struct api_cause_sink sink = {cause_note, &told};
        json_t *request;

        buf_init(&told, 0);
        request = kube_token_request(&issuer, asked, &sink);
        object_assert(json_object_get(request, "spec"), cases[i].spec);
        assert_true(slice_eq_str(buf_slice(&told), cases[i].told));
        buf_deinit(&told);
        json_decref(asked);
        json_decref(request);
    }
}

static void claims(void **state)
{
    json_t *request = issued("{spec: {audiences: [a], expirationSeconds: 3607, boundObjectRef: "
                             "{kind: Pod, name: p, uid: pu}}}");
    struct error err = {0};
    json_t *found = NULL;

    (void)state;
    assert_int_equal(kube_token_verify(&issuer, token_of(request), "a", NOW_MS, &found, &err), 0);
    assert_string_equal(json_get_string(found, "sub"), "system:serviceaccount:shop:robot");
    assert_string_equal(json_get_string(found, "iss"), "https://api");
    assert_int_equal(strlen(json_path_string_or(found, "jti", "")), 36);
    object_assert(json_object_get(found, "kubernetes.io"),
                  "{namespace: shop, serviceaccount: {name: robot, uid: u1}, pod: {name: p, uid: "
                  "pu}}");
    assert_int_equal(json_get_int(found, "exp", 0) - json_get_int(found, "iat", 0), 31536000);
    assert_string_equal(kube_token_account(found).uid, "u1");
    assert_string_equal(kube_token_account(NULL).name, "");
    json_decref(found);
    json_decref(request);
}

static void verification(void **state)
{
    json_t *request = issued("{spec: {audiences: [a], expirationSeconds: 600}}");
    struct slice token = token_of(request);
    struct error err = {0};
    json_t *found = NULL;

    (void)state;
    assert_int_equal(kube_token_verify(&issuer, token, "b", NOW_MS, &found, &err), ERR_DENIED);
    assert_int_equal(kube_token_verify(&issuer, token, "a", NOW_MS + 700000, &found, &err),
                     ERR_EXPIRED);
    assert_int_equal(kube_token_verify(&issuer, SLICE("a.b.c"), NULL, NOW_MS, &found, &err),
                     ERR_INVALID);
    assert_null(found);
    assert_int_equal(kube_token_verify(&issuer, token, NULL, NOW_MS + 605000, &found, &err), 0);
    json_decref(found);
    json_decref(request);
}

static void reviews(void **state)
{
    static const char user[] = "{username: 'system:serviceaccount:shop:robot', uid: u1, groups: "
                               "[system:serviceaccounts, 'system:serviceaccounts:shop', "
                               "system:authenticated]}";
    json_t *request = issued("{spec: {audiences: [a, b]}}");
    json_t *bound = issued("{spec: {boundObjectRef: {kind: Pod, name: p, uid: pu}}}");
    json_t *asked = yaml_tree("[b, c]");
    json_t *others = yaml_tree("[c]");
    struct error err = {0};
    json_t *found = NULL;
    json_t *status;

    (void)state;
    assert_int_equal(kube_token_verify(&issuer, token_of(request), NULL, NOW_MS, &found, &err), 0);
    status = kube_token_review(&issuer, asked, found, "");
    object_assert(json_object_get(status, "user"), user);
    object_assert(json_object_get(status, "audiences"), "[b]");
    assert_true(json_get_bool(status, "authenticated", false));
    json_decref(status);
    status = kube_token_review(&issuer, others, found, "");
    object_assert(status, "{user: {}, error: '[invalid bearer token, token audiences [\"a\" \"b\"] "
                          "is invalid for the target audiences [\"c\"]]'}");
    json_decref(status);
    status = kube_token_review(&issuer, NULL, NULL, "it is old");
    object_assert(status, "{user: {}, error: '[invalid bearer token, it is old]'}");
    json_decref(status);
    json_decref(found);
    assert_int_equal(kube_token_verify(&issuer, token_of(bound), NULL, NOW_MS, &found, &err), 0);
    status = kube_token_review(&issuer, NULL, found, "");
    object_assert(json_path_get(status, "user.extra"),
                  "{authentication.kubernetes.io/pod-name: [p], "
                  "authentication.kubernetes.io/pod-uid: [pu]}");
    object_assert(json_object_get(status, "audiences"), "['https://api']");
    json_decref(status);
    json_decref(found);
    json_decref(request);
    json_decref(bound);
    json_decref(asked);
    json_decref(others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(claims),
        cmocka_unit_test(verification),
        cmocka_unit_test(reviews),
    };

    return cmocka_run_group_tests(tests, key_make, key_drop_it);
}
