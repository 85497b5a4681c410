/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP proxy: copies bytes both ways between a client and a host of a cluster, with half-close
 * and back-pressure.
 *
 * Place   inbound.c gives it connections whose chain is TCP
 * Owns    both connections; one struct per session, in worker->tcp_sessions
 * Limits  one block of 64 KiB kept per direction while the other side is slow; idle time-out
 * Threads the worker's
 */
#ifndef WEFT_PROXY_TCP_PROXY_H
#define WEFT_PROXY_TCP_PROXY_H

#include "base/prelude.h"
#include "io/conn.h"
#include "proxy/listener_conf.h"
#include "proxy/worker.h"

/* Takes the connection; bytes that were peeked at are still unread. */
void tcp_proxy_start(struct worker *worker, struct tcp_conf *conf, struct conn *conn,
                     struct slice server_name);
/* Ends sessions that were idle too long; called each second. */
void tcp_proxy_tick(struct worker *worker);
/* Ends all. */
void tcp_proxy_close_all(struct worker *worker);

#endif
