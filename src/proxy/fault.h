/* SPDX-License-Identifier: Apache-2.0 */
/* The fault filter: requests that are held up, refused, or both.
 *
 * Place   the table of filter.c
 * Owns    a timer a held request, in its arena
 * Limits  max_active_faults of its configuration, counted over all workers
 * Spec    envoy.filters.http.fault; docs/reference/proxy.md
 */
#ifndef WEFT_PROXY_FAULT_H
#define WEFT_PROXY_FAULT_H

#include "proxy/filter.h"

extern const struct filter_ops fault_filter;

#endif
