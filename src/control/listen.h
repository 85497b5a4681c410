/* SPDX-License-Identifier: Apache-2.0 */
/* Where weftd's servers listen, as texts of the command line.
 *
 * Place   xDS, webhooks, debug
 */
#ifndef WEFT_CONTROL_LISTEN_H
#define WEFT_CONTROL_LISTEN_H

#include "base/err.h"
#include "base/prelude.h"
#include "http/server.h"

/* Listens on "IP:port", or on every IPv4 and (where there is one) IPv6 address for ":port". ""
 * listens nowhere. The error names the text. */
MUST_USE int listen_text(struct http_server *server, const char *text, struct error *err);

#endif
