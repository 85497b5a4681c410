/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls: client certificates of the sandbox's own CA, and service-account tokens, which are
 * made here too. Keys and files are in apiserver_pki.c.
 *
 * Authorization is one rule: whoever is authenticated may do everything.
 */
#include "sandbox/apiserver_pki.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "crypto/cert.h"
#include "crypto/jws.h"

#include <stdio.h>

enum { TOKEN_DEFAULT_S = 3600, TOKEN_MIN_S = 600, TOKEN_MAX_S = 365 * 24 * 3600, SKEW_S = 10 };
/* The kubelet asks for 3607 s; the real server answers with a year and warns after an hour. */
enum { TOKEN_EXTENDED_ASK_S = 3607 };

static const char issuer[] = "https://kubernetes.default.svc.cluster.local";
static const char account_prefix[] = "system:serviceaccount:";

/* --- users --- */

static void groups_add(struct apiserver_user *user, const char *group)
{
    size_t i = 0;

    while (i < APISERVER_GROUPS_MAX - 2 && user->groups[i] != NULL)
        i++;
    user->groups[i] = group;
    user->groups[i + 1] = NULL;
}

static void user_anonymous(struct apiserver_user *ret)
{
    *ret = (struct apiserver_user){.name = "system:anonymous", .uid = ""};
    groups_add(ret, "system:unauthenticated");
}

static int user_of_cert(struct arena *arena, struct slice der, struct apiserver_user *ret,
                        struct error *err)
{
    struct cert *cert;
    struct cert_facts facts;
    int rc = cert_parse_der(der, &cert, err);

    if (rc != 0)
        return rc;
    cert_facts_get(cert, arena, &facts);
    *ret = (struct apiserver_user){.uid = ""};
    ret->name = arena_slice_str(arena, facts.common_name);
    for (size_t i = 0; i < facts.organization_count && i < APISERVER_GROUPS_MAX - 2; i++)
        groups_add(ret, arena_slice_str(arena, facts.organizations[i]));
    groups_add(ret, "system:authenticated");
    cert_unref(cert);
    return 0;
}

/* The account that a token names must exist, with the same uid. */
static int account_check(struct sandbox_apiserver *server, const json_t *claims, struct error *err)
{
    const json_t *facts = json_object_get(claims, "kubernetes.io");
    const struct kind *accounts = kinds_builtin(&server->kinds, "", "serviceaccounts");
    const struct store_object *account =
        store_get(accounts->bucket, json_path_string_or(facts, "namespace", ""),
                  json_path_string_or(facts, "serviceaccount.name", ""));

    if (account == NULL || strcmp(json_path_string_or(account->tree, "metadata.uid", ""),
                                  json_path_string_or(facts, "serviceaccount.uid", "?")) != 0)
        return err_set(err, ERR_DENIED, "service account %s/%s has been deleted",
                       json_path_string_or(facts, "namespace", ""),
                       json_path_string_or(facts, "serviceaccount.name", ""));
    return 0;
}

/* Signature, times, audience (NULL: not looked at), account. *ret_claims is a new reference. */
static int token_verify(struct sandbox_apiserver *server, struct slice token, const char *audience,
                        json_t **ret_claims, struct error *err)
{
    json_t *claims;
    int rc = jws_verify(server->auth->token_key, token, &claims, err);

    if (rc != 0)
        return rc;
    rc = jws_claims_check(claims, clock_realtime_ms(), SKEW_S, audience, err);
    if (rc == 0)
        rc = account_check(server, claims, err);
    if (rc != 0) {
        json_decref(claims);
        return rc;
    }
    *ret_claims = claims;
    return 0;
}

int apiserver_auth_user(struct sandbox_apiserver *server, struct arena *arena,
                        struct slice peer_cert_der, struct slice token, struct apiserver_user *ret,
                        struct error *err)
{
    const char *ns;
    json_t *claims;
    int rc;

    if (peer_cert_der.len > 0)
        return user_of_cert(arena, peer_cert_der, ret, err);
    if (token.len == 0) {
        user_anonymous(ret);
        return 0;
    }
    rc = token_verify(server, token, issuer, &claims, err);
    if (rc != 0)
        return ERR_DENIED;
    ns = json_path_string_or(json_object_get(claims, "kubernetes.io"), "namespace", "");
    *ret = (struct apiserver_user){.uid = ""};
    ret->name = arena_strdup(arena, json_path_string_or(claims, "sub", ""));
    groups_add(ret, "system:serviceaccounts");
    groups_add(ret, arena_printf(arena, "system:serviceaccounts:%s", ns));
    groups_add(ret, "system:authenticated");
    json_decref(claims);
    return 0;
}

/* --- TokenRequest --- */

static json_t *token_claims(struct apiserver_call *call, const struct store_object *account,
                            const json_t *spec, int64_t now_s, int64_t expires_s)
{
    const char *pod = json_path_string_or(spec, "boundObjectRef.name", "");
    json_t *audiences = json_object_get(spec, "audiences");
    char uuid[RNG_UUID_SIZE];
    json_t *facts =
        json_pack("{s:s, s:{s:s, s:s}}", "namespace", call->ns, "serviceaccount", "name",
                  account->name, "uid", json_path_string_or(account->tree, "metadata.uid", ""));
    char *subject = mem_printf("%s%s:%s", account_prefix, call->ns, account->name);
    json_t *claims;

    if (pod[0] && strcmp(json_path_string_or(spec, "boundObjectRef.kind", ""), "Pod") == 0)
        json_object_set_new(facts, "pod",
                            json_pack("{s:s, s:s}", "name", pod, "uid",
                                      json_path_string_or(spec, "boundObjectRef.uid", "")));
    rng_system_uuid(uuid);
    claims = json_pack("{s:O, s:I, s:I, s:I, s:s, s:s, s:s, s:o}", "aud", audiences, "exp",
                       (json_int_t)expires_s, "iat", (json_int_t)now_s, "nbf", (json_int_t)now_s,
                       "iss", issuer, "jti", uuid, "sub", subject, "kubernetes.io", facts);
    mem_free(subject);
    return claims;
}

/* The body with its defaults: fresh reference; or a failure. */
static json_t *token_request(struct apiserver_call *call)
{
    json_t *request = call->body ? json_deep_copy(call->body) : json_object();
    int64_t seconds;

    json_set_string(request, "kind", "TokenRequest");
    json_set_string(request, "apiVersion", "authentication.k8s.io/v1");
    if (!json_is_object(json_object_get(request, "spec")))
        json_object_set_new(request, "spec", json_object());
    if (json_array_size(json_path_get(request, "spec.audiences")) == 0)
        json_path_set(request, "spec.audiences", json_pack("[s]", issuer));
    seconds = json_path_int(request, "spec.expirationSeconds", TOKEN_DEFAULT_S);
    if (seconds < TOKEN_MIN_S || seconds > ((int64_t)1 << 32)) {
        apiserver_invalid_add(
            call, "FieldValueInvalid", "spec.expirationSeconds",
            "Invalid value: %lld: may not specify a duration less than 10 minutes",
            (long long)seconds);
        apiserver_invalid_finish_as(call, "TokenRequest.authentication.k8s.io", "");
        json_decref(request);
        return NULL;
    }
    json_path_set(request, "spec.expirationSeconds", json_integer(seconds));
    return request;
}

void apiserver_auth_token_request(struct apiserver_call *call)
{
    struct store_object *account = store_get(call->kind->bucket, call->ns, call->name);
    int64_t now_s = clock_realtime_ms() / 1000;
    json_t *request = NULL;
    json_t *claims;
    int64_t seconds;
    struct buf token;
    char text[CLOCK_RFC3339_SIZE];

    if (account == NULL)
        apiserver_fail_not_found(call, call->kind, call->name);
    else
        request = token_request(call);
    if (request == NULL) {
        apiserver_call_finish(call);
        return;
    }
    seconds = MIN(json_path_int(request, "spec.expirationSeconds", TOKEN_DEFAULT_S), TOKEN_MAX_S);
    if (seconds == TOKEN_EXTENDED_ASK_S)
        seconds = TOKEN_MAX_S;
    claims = token_claims(call, account, json_object_get(request, "spec"), now_s, now_s + seconds);
    buf_init(&token, JWS_SIZE_MAX);
    if (jws_sign(call->server->auth->token_key, call->server->auth->key_id, claims, &token) != 0) {
        apiserver_fail(call, 500, "InternalError", "the token could not be signed");
        json_decref(request);
    } else {
        clock_format_rfc3339((now_s + seconds) * 1000, false, text);
        json_object_set_new(request, "status",
                            json_pack("{s:o, s:s}", "token", json_string_slice(buf_slice(&token)),
                                      "expirationTimestamp", text));
        call->status = 201;
        call->result = request;
    }
    json_decref(claims);
    buf_deinit(&token);
    apiserver_call_finish(call);
}

/* --- TokenReview --- */

static json_t *review_user(const json_t *claims)
{
    const json_t *facts = json_object_get(claims, "kubernetes.io");
    char *group =
        mem_printf("system:serviceaccounts:%s", json_path_string_or(facts, "namespace", ""));
    json_t *user =
        json_pack("{s:s, s:s, s:[s, s, s]}", "username", json_path_string_or(claims, "sub", ""),
                  "uid", json_path_string_or(facts, "serviceaccount.uid", ""), "groups",
                  "system:serviceaccounts", group, "system:authenticated");

    mem_free(group);
    if (json_path_string(facts, "pod.name") != NULL)
        json_object_set_new(user, "extra",
                            json_pack("{s:[s], s:[s]}", "authentication.kubernetes.io/pod-name",
                                      json_path_string_or(facts, "pod.name", ""),
                                      "authentication.kubernetes.io/pod-uid",
                                      json_path_string_or(facts, "pod.uid", "")));
    return user;
}

static bool array_has(const json_t *array, const json_t *wanted)
{
    size_t i;
    json_t *item;

    json_array_foreach(array, i, item)
    {
        if (json_equal(item, wanted))
            return true;
    }
    return false;
}

/* The asked audiences (default: the API's own) that the token has: fresh array. */
static json_t *audiences_shared(const json_t *asked, const json_t *claims)
{
    json_t *shared = json_array();
    json_t *own = json_pack("[s]", issuer);
    size_t i;
    json_t *item;

    json_array_foreach(json_array_size(asked) ? asked : own, i, item)
    {
        if (array_has(json_object_get(claims, "aud"), item))
            json_array_append(shared, item);
    }
    json_decref(own);
    return shared;
}

/* ["a" "b"] */
static void audiences_say(struct buf *out, const json_t *list)
{
    size_t i;
    json_t *item;

    buf_append_char(out, '[');
    json_array_foreach(list, i, item)
        buf_printf(out, "%s\"%s\"", i ? " " : "", json_string_value(item));
    buf_append_char(out, ']');
}

static json_t *audience_error(const json_t *claims, const json_t *asked)
{
    struct buf text;
    json_t *status;

    buf_init(&text, 0);
    buf_append_str(&text, "[invalid bearer token, token audiences ");
    audiences_say(&text, json_object_get(claims, "aud"));
    buf_append_str(&text, " is invalid for the target audiences ");
    audiences_say(&text, asked);
    buf_append_char(&text, ']');
    status = json_pack("{s:{}, s:o}", "user", "error", json_string_slice(buf_slice(&text)));
    buf_deinit(&text);
    return status;
}

static json_t *review_status(struct sandbox_apiserver *server, const json_t *spec)
{
    struct error err = {0};
    json_t *claims = NULL;
    json_t *shared;
    json_t *status;
    char text[ERR_REASON_SIZE + 64];

    if (token_verify(server, slice_str(json_path_string_or(spec, "token", "")), NULL, &claims,
                     &err) != 0) {
        snprintf(text, sizeof text, "[invalid bearer token, %s]", err.reason);
        return json_pack("{s:{}, s:s}", "user", "error", text);
    }
    shared = audiences_shared(json_object_get(spec, "audiences"), claims);
    if (json_array_size(shared) > 0) {
        status = json_pack("{s:b, s:o, s:o}", "authenticated", 1, "user", review_user(claims),
                           "audiences", shared);
    } else {
        json_decref(shared);
        status = audience_error(claims, json_object_get(spec, "audiences"));
    }
    json_decref(claims);
    return status;
}

void apiserver_auth_token_review(struct apiserver_call *call)
{
    call->status = 201;
    call->result = call->body ? json_deep_copy(call->body) : json_object();
    json_set_string(call->result, "kind", "TokenReview");
    json_set_string(call->result, "apiVersion", call->kind->api_version);
    json_object_set_new(call->result, "status",
                        review_status(call->server, json_object_get(call->result, "spec")));
    apiserver_call_finish(call);
}

json_t *apiserver_auth_jwks(const struct apiserver_auth *auth)
{
    return json_pack("{s:[o]}", "keys", jws_public_jwk(auth->token_key, auth->key_id));
}
