/* SPDX-License-Identifier: Apache-2.0 */
/* Who is signed in: a user name in a cookie, so that every replica of productpage knows it.
 *
 * Place   productpage.c
 * Limits  names of 1 to SESSION_USER_MAX bytes without control characters; others count as signed
 * out. Any password is taken, as in Istio's sample, so a signature of the cookie would guard
 * nothing.
 */
#ifndef BOOKINFO_SESSION_H
#define BOOKINFO_SESSION_H

#include "base/arena.h"
#include "base/slice.h"

enum { SESSION_USER_MAX = 128 };

/* The user in a Cookie header's value, in the arena, or NULL. */
const char *session_user(struct arena *arena, struct slice cookie);

/* The Set-Cookie value that signs `user` in (NULL: out). */
const char *session_cookie(struct arena *arena, const char *user);

/* A field of an application/x-www-form-urlencoded body, decoded, in the arena, or NULL. */
const char *session_form_field(struct arena *arena, struct slice form, const char *name);

#endif
