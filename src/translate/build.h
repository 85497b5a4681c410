/* SPDX-License-Identifier: Apache-2.0 */
/* Small parts of xDS messages, made in an arena.
 *
 * Place   all files of this folder
 * Owns    nothing
 */
#ifndef WEFT_TRANSLATE_BUILD_H
#define WEFT_TRANSLATE_BUILD_H

#include "base/arena.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "model/mesh.h"
#include "wire/pb_known.h"
#include "xds/pb/accesslog.h"
#include "xds/pb/core.h"
#include "xds/pb/hcm.h"
#include "xds/pb/listener.h"
#include "xds/pb/route.h"

struct translator;

struct pb_duration build_duration(int64_t duration_ns);
struct pb_address *build_address(struct arena *arena, const char *address, uint32_t port);
/* Aggregated discovery, no timeout of the first fetch, API version 3. */
struct pb_config_source *build_ads(struct arena *arena);
/* Metadata with the struct of `filter` ("istio"), which is returned in *ret_fields. */
struct pb_metadata *build_metadata(struct arena *arena, const char *filter,
                                   struct pb_struct **ret_fields);
void build_struct_set(struct arena *arena, struct pb_struct *fields, const char *key,
                      struct pb_value *value);
struct pb_value *build_number(struct arena *arena, double number);
/* istio.config: the path of an object in the API. */
void build_config_path(struct arena *arena, struct pb_struct *fields, const char *resource,
                       const struct mesh_meta *meta);
/* Percent (0..100) in parts per million. */
struct pb_fractional_percent *build_fraction(struct arena *arena, double percent);
struct pb_http_filter *build_http_filter(struct arena *arena, const char *name,
                                         const struct proto_message *desc, const void *message);
struct pb_filter *build_filter(struct arena *arena, const char *name,
                               const struct proto_message *desc, const void *message);
struct pb_listener_filter *build_listener_filter(struct arena *arena, const char *name,
                                                 const struct proto_message *desc,
                                                 const void *message);
/* The access log that the mesh is set to have, appended to a filter's list; nothing when it has
 * none. */
void build_access_log(struct arena *arena, const struct mesh_config *config,
                      struct pb_access_log ***logs, size_t *log_count);
/* A chain with one tcp_proxy to a cluster, whose name is its stat prefix too. */
struct pb_filter_chain *build_tcp_chain(struct arena *arena, const struct mesh_config *config,
                                        const char *name, const char *cluster);
/* The same that ends idle connections after a time of its own (NULL: Envoy's). */
struct pb_filter_chain *build_tcp_chain_idle(struct arena *arena, const struct mesh_config *config,
                                             const char *name, const char *cluster,
                                             const struct pb_duration *idle);
struct pb_filter_chain *build_http_chain(struct arena *arena, const char *name,
                                         const struct pb_hcm *hcm);

enum build_hcm_side { BUILD_HCM_OUTBOUND, BUILD_HCM_INBOUND, BUILD_HCM_GATEWAY };
/* The HTTP connection manager as istiod sets it, without routes. */
struct pb_hcm *build_hcm(struct arena *arena, const struct mesh_config *config,
                         enum build_hcm_side side, const char *stat_prefix);
void build_hcm_rds(struct arena *arena, struct pb_hcm *hcm, const char *route_name);
/* An empty listener on an address. */
struct pb_listener *build_listener(struct arena *arena, const char *name, const char *address,
                                   uint32_t port);
/* Makes a listener detect protocols before it chooses a chain. */
void build_inspectors(struct arena *arena, struct pb_listener *listener);
/* Makes a listener read the server name of TLS; before build_inspectors. */
void build_tls_inspector(struct arena *arena, struct pb_listener *listener);
/* Adds a server name, perhaps with a wildcard, to what a chain asks for; "*" asks for none. */
void build_match_name(struct arena *arena, struct pb_filter_chain *chain, const char *name);
/* Plain-text HTTP/1.1 and HTTP/2, as the inspectors name it. */
void build_match_http(struct arena *arena, struct pb_filter_chain *chain);

#endif
