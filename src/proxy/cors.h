/* SPDX-License-Identifier: Apache-2.0 */
/* The CORS filter: answers a browser's preflight in the application's place, and tells browsers on
 * responses which origins may read them.
 *
 * Place   the table of filter.c
 * Owns    nothing; the state of a request is the text of its origin
 * Spec    envoy.filters.http.cors; docs/reference/proxy.md
 */
#ifndef WEFT_PROXY_CORS_H
#define WEFT_PROXY_CORS_H

#include "proxy/filter.h"

extern const struct filter_ops cors_filter;

#endif
