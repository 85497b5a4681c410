/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of service accounts. See token.h. */
#include "kube/token.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "crypto/jws.h"
#include "wire/json.h"

enum {
    LIFE_DEFAULT_S = 3600,
    LIFE_MIN_S = 600,
    LIFE_MAX_S = 365 * 24 * 3600,
    LIFE_KUBELET_S = 3607, /* what a kubelet asks for: it may have LIFE_MAX_S */
    SKEW_S = 10,
};

/* --- requests --- */

json_t *kube_token_request(const struct kube_token_issuer *issuer, const json_t *asked,
                           const struct api_cause_sink *sink)
{
    json_t *request = asked ? json_deep_copy(asked) : json_object();
    json_t *spec = json_object_get(request, "spec");
    int64_t seconds;

    json_set_string(request, "kind", "TokenRequest");
    json_set_string(request, "apiVersion", "authentication.k8s.io/v1");
    if (!json_is_object(spec)) {
        spec = json_object();
        json_object_set_new(request, "spec", spec);
    }
    if (json_array_size(json_object_get(spec, "audiences")) == 0)
        json_object_set_new(spec, "audiences", json_pack("[s]", issuer->name));
    seconds = json_get_int(spec, "expirationSeconds", LIFE_DEFAULT_S);
    if (seconds < LIFE_MIN_S || seconds > ((int64_t)1 << 32))
        api_cause_tell(sink, "FieldValueInvalid", "spec.expirationSeconds",
                       "Invalid value: %lld: may not specify a duration less than 10 minutes",
                       (long long)seconds);
    json_object_set_new(spec, "expirationSeconds", json_integer(seconds));
    return request;
}

static json_t *claims_new(const struct kube_token_issuer *issuer,
                          const struct kube_token_account *account, const json_t *spec,
                          int64_t now_s, int64_t end_s)
{
    const json_t *bound = json_object_get(spec, "boundObjectRef");
    const char *pod = json_path_string_or(bound, "name", "");
    char uuid[RNG_UUID_SIZE];
    json_t *facts = json_pack("{s:s, s:{s:s, s:s}}", "namespace", account->ns, "serviceaccount",
                              "name", account->name, "uid", account->uid);

    if (pod[0] && strcmp(json_path_string_or(bound, "kind", ""), "Pod") == 0)
        json_object_set_new(
            facts, "pod",
            json_pack("{s:s, s:s}", "name", pod, "uid", json_path_string_or(bound, "uid", "")));
    return json_pack("{s:O, s:I, s:I, s:I, s:s, s:s, s:o, s:o}", "aud",
                     json_object_get(spec, "audiences"), "exp", (json_int_t)end_s, "iat",
                     (json_int_t)now_s, "nbf", (json_int_t)now_s, "iss", issuer->name, "jti",
                     rng_system_uuid(uuid), "sub",
                     json_sprintf("system:serviceaccount:%s:%s", account->ns, account->name),
                     "kubernetes.io", facts);
}

int kube_token_issue(const struct kube_token_issuer *issuer,
                     const struct kube_token_account *account, int64_t now_ms, json_t *request)
{
    const json_t *spec = json_object_get(request, "spec");
    int64_t asked_s = json_get_int(spec, "expirationSeconds", LIFE_DEFAULT_S);
    int64_t life_s = asked_s == LIFE_KUBELET_S ? LIFE_MAX_S : MIN(asked_s, LIFE_MAX_S);
    int64_t end_s = now_ms / 1000 + life_s;
    json_t *claims = claims_new(issuer, account, spec, now_ms / 1000, end_s);
    char end[CLOCK_RFC3339_SIZE];
    struct buf token;
    int rc;

    buf_init(&token, JWS_SIZE_MAX);
    rc = jws_sign(issuer->key, issuer->key_id, claims, &token);
    if (rc == 0)
        json_object_set_new(request, "status",
                            json_pack("{s:o, s:s}", "token", json_string_slice(buf_slice(&token)),
                                      "expirationTimestamp",
                                      clock_format_rfc3339(end_s * 1000, false, end)));
    json_decref(claims);
    buf_deinit(&token);
    return rc;
}

/* --- verification --- */

int kube_token_verify(const struct kube_token_issuer *issuer, struct slice token,
                      const char *audience, int64_t now_ms, json_t **ret_claims, struct error *err)
{
    json_t *claims;
    int rc = jws_verify(issuer->key, token, &claims, err);

    if (rc != 0)
        return rc;
    rc = jws_claims_check(claims, now_ms, SKEW_S, audience, err);
    if (rc == 0)
        *ret_claims = claims;
    else
        json_decref(claims);
    return rc;
}

struct kube_token_account kube_token_account(const json_t *claims)
{
    const json_t *facts = json_object_get(claims, "kubernetes.io");

    return (struct kube_token_account){
        .ns = json_path_string_or(facts, "namespace", ""),
        .name = json_path_string_or(facts, "serviceaccount.name", ""),
        .uid = json_path_string_or(facts, "serviceaccount.uid", ""),
    };
}

/* --- reviews --- */

static json_t *review_user(const json_t *claims)
{
    const struct kube_token_account account = kube_token_account(claims);
    const json_t *pod = json_path_get(json_object_get(claims, "kubernetes.io"), "pod");
    json_t *user =
        json_pack("{s:s, s:s, s:[s, o, s]}", "username", json_path_string_or(claims, "sub", ""),
                  "uid", account.uid, "groups", "system:serviceaccounts",
                  json_sprintf("system:serviceaccounts:%s", account.ns), "system:authenticated");

    if (json_get_string(pod, "name") != NULL)
        json_object_set_new(user, "extra",
                            json_pack("{s:[s], s:[s]}", "authentication.kubernetes.io/pod-name",
                                      json_get_string(pod, "name"),
                                      "authentication.kubernetes.io/pod-uid",
                                      json_path_string_or(pod, "uid", "")));
    return user;
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

static json_t *review_refused(const json_t *asked, const json_t *claims, const char *why)
{
    struct buf text;
    json_t *status;

    buf_init(&text, 0);
    buf_append_str(&text, "[invalid bearer token, ");
    if (claims == NULL) {
        buf_append_str(&text, why);
    } else {
        buf_append_str(&text, "token audiences ");
        audiences_say(&text, json_object_get(claims, "aud"));
        buf_append_str(&text, " is invalid for the target audiences ");
        audiences_say(&text, asked);
    }
    buf_append_char(&text, ']');
    status = json_pack("{s:{}, s:o}", "user", "error", json_string_slice(buf_slice(&text)));
    buf_deinit(&text);
    return status;
}

json_t *kube_token_review(const struct kube_token_issuer *issuer, const json_t *asked,
                          const json_t *claims, const char *why)
{
    json_t *own = json_pack("[s]", issuer->name);
    json_t *shared = json_array();
    json_t *status;
    size_t i;
    json_t *item;

    json_array_foreach(json_array_size(asked) ? asked : own, i, item)
    {
        if (json_is_string(item) &&
            json_array_has(json_object_get(claims, "aud"), json_string_value(item)))
            json_array_append(shared, item);
    }
    if (json_array_size(shared) > 0)
        status = json_pack("{s:b, s:o, s:O}", "authenticated", 1, "user", review_user(claims),
                           "audiences", shared);
    else
        status = review_refused(asked, claims, why);
    json_decref(own);
    json_decref(shared);
    return status;
}
