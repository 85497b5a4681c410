/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of service accounts: made for a TokenRequest, verified, told of in a TokenReview.
 *
 *   TokenRequest --kube_token_request--> with defaults --kube_token_issue--> with its status
 *   token --kube_token_verify--> claims --kube_token_review--> status of a TokenReview
 *
 * Whether the account is still there is for the caller to see.
 *
 * Place   an API server's authentication
 * Owns    nothing; the key is the caller's
 * Limits  tokens live 10 minutes to a year; an ask for 3607 s (a kubelet's) is given a year, as
 *         Kubernetes does by default
 * Spec    authentication.k8s.io/v1; KEP-1205 (bound tokens)
 */
#ifndef WEFT_KUBE_TOKEN_H
#define WEFT_KUBE_TOKEN_H

#include <jansson.h>

#include "api/check.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "crypto/key.h"

/* Who signs. Borrows. */
struct kube_token_issuer {
    const char *name; /* "https://kubernetes.default.svc.cluster.local"; the API's own audience */
    const struct key *key;
    const char *key_id;
};

/* Whom a token is for. Borrows. */
struct kube_token_account {
    const char *ns, *name, *uid;
};

/* The TokenRequest of a client (NULL: an empty one) with its defaults: a fresh tree. Tells of what
 * is wrong with it. */
json_t *kube_token_request(const struct kube_token_issuer *issuer, const json_t *asked,
                           const struct api_cause_sink *sink);
/* Signs a token for the account, by such a request, and puts it into its status. ERR_LIMIT for
 * audiences that no token holds. */
MUST_USE int kube_token_issue(const struct kube_token_issuer *issuer,
                              const struct kube_token_account *account, int64_t now_ms,
                              json_t *request);
/* Signature, times (10 s of skew), audience (NULL: any). *ret_claims is a new reference.
 * ERR_DENIED, ERR_EXPIRED or ERR_INVALID with the reason. */
MUST_USE int kube_token_verify(const struct kube_token_issuer *issuer, struct slice token,
                               const char *audience, int64_t now_ms, json_t **ret_claims,
                               struct error *err);
/* The account that verified claims name; "" for what is missing. Borrowed from them. */
struct kube_token_account kube_token_account(const json_t *claims);
/* The status of a TokenReview: of verified claims, or of a token that is not valid (NULL) and why.
 * `asked`: the review's audiences, the API's own when there are none. A fresh tree. */
json_t *kube_token_review(const struct kube_token_issuer *issuer, const json_t *asked,
                          const json_t *claims, const char *why);

#endif
