/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of plain TCP, with the tcp routes of virtual services.
 */
#ifndef WEFT_TRANSLATE_TCP_H
#define WEFT_TRANSLATE_TCP_H

#include "translate/translate_int.h"

struct pb_filter_chain;

/* The chain of a service's port for this proxy. */
struct pb_filter_chain *tcp_chain_service(struct translator *translator,
                                          const struct mesh_service *service, uint32_t port);
/* The chain of a virtual service bound to context->gateway; NULL when none of its tcp routes is for
 * this port. */
struct pb_filter_chain *tcp_chain_virtual(struct translator *translator,
                                          const struct route_context *context);

#endif
