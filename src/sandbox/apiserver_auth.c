/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls: client certificates of the sandbox's own CA, and service-account tokens, which are
 * made here too (kube/token.h). Keys and files are in apiserver_pki.c.
 *
 * Authorization is one rule: whoever is authenticated may do everything.
 */
#include "sandbox/apiserver_pki.h"

#include "base/clock.h"
#include "base/mem.h"
#include "crypto/cert.h"
#include "crypto/jws.h"
#include "kube/token.h"

static const char issuer_name[] = "https://kubernetes.default.svc.cluster.local";

/* --- users --- */

static void groups_add(struct apiserver_user *user, const char *group)
{
    size_t i = 0;

    while (i < APISERVER_GROUPS_MAX - 2 && user->groups[i] != NULL)
        i++;
    user->groups[i] = group;
    user->groups[i + 1] = NULL;
}

json_t *apiserver_auth_groups(const struct apiserver_user *user)
{
    json_t *groups = json_array();

    for (size_t i = 0; user->groups[i] != NULL; i++)
        json_array_append_new(groups, json_string(user->groups[i]));
    return groups;
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

static struct kube_token_issuer issuer_of(const struct sandbox_apiserver *server)
{
    return (struct kube_token_issuer){issuer_name, server->auth->token_key, server->auth->key_id};
}

/* The account that a token names must exist, with the same uid. */
static int account_check(struct sandbox_apiserver *server, const json_t *claims, struct error *err)
{
    const struct kube_token_account named = kube_token_account(claims);
    const struct kind *accounts = kinds_builtin(&server->kinds, "", "serviceaccounts");
    const struct store_object *account = store_get(accounts->bucket, named.ns, named.name);

    if (account == NULL || named.uid[0] == '\0' ||
        strcmp(json_path_string_or(account->tree, "metadata.uid", ""), named.uid) != 0)
        return err_set(err, ERR_DENIED, "service account %s/%s has been deleted", named.ns,
                       named.name);
    return 0;
}

/* As kube_token_verify, and the account. */
static int token_verify(struct sandbox_apiserver *server, struct slice token, const char *audience,
                        json_t **ret_claims, struct error *err)
{
    const struct kube_token_issuer issuer = issuer_of(server);
    json_t *claims;
    int rc = kube_token_verify(&issuer, token, audience, clock_realtime_ms(), &claims, err);

    if (rc != 0)
        return rc;
    rc = account_check(server, claims, err);
    if (rc == 0)
        *ret_claims = claims;
    else
        json_decref(claims);
    return rc;
}

int apiserver_auth_user(struct sandbox_apiserver *server, struct arena *arena,
                        struct slice peer_cert_der, struct slice token, struct apiserver_user *ret,
                        struct error *err)
{
    json_t *claims;

    if (peer_cert_der.len > 0)
        return user_of_cert(arena, peer_cert_der, ret, err);
    if (token.len == 0) {
        user_anonymous(ret);
        return 0;
    }
    if (token_verify(server, token, issuer_name, &claims, err) != 0)
        return ERR_DENIED;
    *ret = (struct apiserver_user){.uid = ""};
    ret->name = arena_strdup(arena, json_path_string_or(claims, "sub", ""));
    groups_add(ret, "system:serviceaccounts");
    groups_add(ret,
               arena_printf(arena, "system:serviceaccounts:%s", kube_token_account(claims).ns));
    groups_add(ret, "system:authenticated");
    json_decref(claims);
    return 0;
}

/* --- TokenRequest, TokenReview --- */

void apiserver_auth_token_request(struct apiserver_call *call)
{
    const struct kube_token_issuer issuer = issuer_of(call->server);
    const struct api_cause_sink sink = {apiserver_schema_on_cause, call};
    const struct store_object *object = store_get(call->kind->bucket, call->ns, call->name);
    struct kube_token_account account = {.ns = call->ns, .name = call->name};
    json_t *request;

    if (object == NULL) {
        apiserver_fail_not_found(call, call->kind, call->name);
        apiserver_call_finish(call);
        return;
    }
    account.uid = json_path_string_or(object->tree, "metadata.uid", "");
    request = kube_token_request(&issuer, call->body, &sink);
    if (apiserver_invalid_finish_as(call, "TokenRequest.authentication.k8s.io", "") != 0) {
        json_decref(request);
    } else if (kube_token_issue(&issuer, &account, clock_realtime_ms(), request) != 0) {
        apiserver_fail(call, 500, "InternalError", "the token could not be signed");
        json_decref(request);
    } else {
        call->status = 201;
        call->result = request;
    }
    apiserver_call_finish(call);
}

void apiserver_auth_token_review(struct apiserver_call *call)
{
    const struct kube_token_issuer issuer = issuer_of(call->server);
    json_t *review = call->body ? json_deep_copy(call->body) : json_object();
    const json_t *spec = json_object_get(review, "spec");
    struct error err = {0};
    json_t *claims = NULL;

    if (token_verify(call->server, slice_str(json_path_string_or(spec, "token", "")), NULL, &claims,
                     &err) != 0)
        claims = NULL;
    json_set_string(review, "kind", "TokenReview");
    json_set_string(review, "apiVersion", call->kind->api_version);
    json_object_set_new(
        review, "status",
        kube_token_review(&issuer, json_object_get(spec, "audiences"), claims, err.reason));
    json_decref(claims);
    call->status = 201;
    call->result = review;
    apiserver_call_finish(call);
}

json_t *apiserver_auth_jwks(const struct apiserver_auth *auth)
{
    return json_pack("{s:[o]}", "keys", jws_public_jwk(auth->token_key, auth->key_id));
}
