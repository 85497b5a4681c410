/* SPDX-License-Identifier: Apache-2.0 */
/* From Envoy's messages to compiled configuration.
 *
 * Place   main thread: the bootstrap's static resources and what xDS brings
 * Owns    the slots of names and the list of log sinks; results belong to the caller (a reference)
 * Limits  a message that cannot be compiled is refused whole, with path and reason; fields that are
 *         read but not implemented are counted by name (`unsupported`)
 */
#ifndef WEFT_PROXY_COMPILE_H
#define WEFT_PROXY_COMPILE_H

#include "base/err.h"
#include "base/map.h"
#include "base/prelude.h"
#include "proxy/cluster.h"
#include "proxy/listener_conf.h"
#include "proxy/names.h"
#include "proxy/route.h"
#include "xds/pb/accesslog.h"
#include "xds/pb/cluster.h"
#include "xds/pb/core.h"
#include "xds/pb/endpoint.h"
#include "xds/pb/hcm.h"
#include "xds/pb/listener.h"
#include "xds/pb/matcher.h"
#include "xds/pb/route.h"
#include "xds/pb/type.h"

struct compiler {
    struct stats *stats;
    unsigned worker_count;
    bool telemetry; /* Istio's metrics for every chain, not only where istio.stats is named */
    struct names clusters;
    struct names routes;
    struct names sinks;     /* paths of access logs */
    struct map unsupported; /* feature -> count, as uintptr_t */
};

void compile_init(struct compiler *compiler, struct stats *stats, unsigned worker_count);
void compile_deinit(struct compiler *compiler);

MUST_USE int compile_route(struct compiler *compiler, const struct pb_route_configuration *in,
                           struct route_table **ret, struct error *err);
/* `old` (may be NULL) is the cluster of that name in force: breakers and statistics go on.
 * *ret_endpoints gets the inline endpoints of a STATIC cluster, NULL for others. */
MUST_USE int compile_cluster(struct compiler *compiler, const struct pb_cluster *in,
                             const struct cluster_conf *old,
                             const struct endpoint_set *old_endpoints, struct cluster_conf **ret,
                             struct endpoint_set **ret_endpoints, struct error *err);
MUST_USE int compile_endpoints(struct compiler *compiler,
                               const struct pb_cluster_load_assignment *in,
                               const struct endpoint_set *old, struct endpoint_set **ret,
                               struct error *err);
/* HTTP and TCP parts of `old` (may be NULL) whose bytes are the same are taken over. */
MUST_USE int compile_listener(struct compiler *compiler, const struct pb_listener *in,
                              const struct listener_conf *old, struct listener_conf **ret,
                              struct error *err);

/* --- shared by the compile_*.c files --- */

/* Counts a feature that the message uses and we do not have. */
void compile_unsupported(struct compiler *compiler, const char *feature);
/* A socket address or pipe; names are ERR_INVALID. */
MUST_USE int compile_address(const struct pb_address *in, struct addr *ret, struct error *err);
/* Milliseconds, or `fallback` when absent. */
uint64_t compile_ms(bool has, struct pb_duration duration, uint64_t fallback);
/* NULL is none of a hundred. */
struct match_fraction compile_fraction(const struct pb_fractional_percent *in);
MUST_USE int compile_regex(struct resource *resource, const struct pb_regex_matcher *in,
                           const struct regex **ret, struct error *err);
MUST_USE int compile_string_matcher(struct resource *resource, const struct pb_string_matcher *in,
                                    struct match_text *ret, struct error *err);
MUST_USE int compile_header_matcher(struct resource *resource, const struct pb_header_matcher *in,
                                    struct match_header *ret, struct error *err);
/* One set of additions and removals. */
MUST_USE int compile_header_ops(struct resource *resource,
                                struct pb_header_value_option *const *adds, size_t add_count,
                                const struct slice *removes, size_t remove_count,
                                struct header_ops *ret, struct error *err);
/* Puts a word right before the path, without a dot ("request_" + "headers_to_add[0]"); returns
 * err->code. */
int compile_err_word(struct error *err, const char *word);
/* Inline text of a data source; files are not read. */
MUST_USE int compile_data_source(const struct pb_data_source *in, struct slice *ret,
                                 struct error *err);
MUST_USE int compile_access_logs(struct compiler *compiler, struct resource *resource,
                                 struct pb_access_log *const *in, size_t count,
                                 struct access_log_conf **ret, size_t *ret_count,
                                 struct error *err);
/* HTTP connection manager from its bytes. */
MUST_USE int compile_hcm(struct compiler *compiler, const struct pb_hcm *in, struct hcm_conf **ret,
                         struct error *err);

#endif
