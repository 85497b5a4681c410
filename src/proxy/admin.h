/* SPDX-License-Identifier: Apache-2.0 */
/* The admin interface, in the forms that tools for Envoy read.
 *
 * Place   server.c; `weft-proxy request GET path` and istioctl are its clients
 * Owns    its HTTP server
 * Limits  answers are built whole, at most 256 MiB
 * Spec    docs/reference/proxy.md
 */
#ifndef WEFT_PROXY_ADMIN_H
#define WEFT_PROXY_ADMIN_H

#include "base/err.h"
#include "base/prelude.h"
#include "io/addr.h"

struct admin;
struct server;

MUST_USE int admin_open(struct server *server, const struct addr *addr, struct admin **ret,
                        struct error *err);
/* NULL is fine. */
void admin_free(struct admin *admin);

#endif
