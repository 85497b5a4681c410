/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets of one worker and the way of a connection from there to its filter chain.
 *
 *   accept -> [hand over by original destination] -> [read first bytes: TLS? HTTP?] -> chain
 *          -> hcm (HTTP) | tcp_proxy (TCP) | close and log (no chain)
 *
 * Place   worker_apply
 * Owns    sockets, and connections that wait for their first bytes
 * Limits  SNIFF_HELLO_MAX bytes are read before the decision; the listener's time-out
 * Threads the worker's
 */
#ifndef WEFT_PROXY_INBOUND_H
#define WEFT_PROXY_INBOUND_H

#include "base/prelude.h"
#include "proxy/config.h"
#include "proxy/worker.h"

/* Makes the sockets those of this configuration: opens new ones, closes the others, keeps what
 * stays. Returns how many could not be opened (logged). */
size_t inbound_apply(struct worker *worker, const struct config *config);
/* Stops accepting; `inbound_only` leaves outbound listeners open. */
void inbound_drain(struct worker *worker, bool inbound_only);
/* Closes all. */
void inbound_close(struct worker *worker);

#endif
