/* SPDX-License-Identifier: Apache-2.0 */
/* /clusters in Envoy's two forms.
 */
#ifndef WEFT_PROXY_ADMIN_CLUSTERS_H
#define WEFT_PROXY_ADMIN_CLUSTERS_H

#include "base/buf.h"
#include "base/prelude.h"

struct server;

void admin_clusters_print_text(struct server *server, struct buf *out);
void admin_clusters_print_json(struct server *server, struct buf *out);

#endif
