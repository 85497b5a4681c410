/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the mesh in ConfigMaps: `istio` (mesh) and `istio-sidecar-injector` (values).
 *
 * Place   the webhook injects with them; a change is in force at once
 * Owns    a cache of the ConfigMaps of istio-system, and the parsed trees
 * Limits  a text that cannot be parsed is logged and the former one stays in force
 */
#ifndef WEFT_CONTROL_SETTINGS_H
#define WEFT_CONTROL_SETTINGS_H

#include "base/prelude.h"
#include "inject/inject.h"
#include "kube/client.h"

struct settings;

/* client NULL: the defaults, for ever. `suffix` (copied) ends the names of the ConfigMaps: "" or
 * "-REVISION". */
MUST_USE int settings_new(struct kube_client *client, const char *ns, const char *suffix,
                          struct settings **ret);
/* NULL is fine. */
void settings_free(struct settings *settings);
/* Both ConfigMaps were looked for. */
bool settings_is_synced(const struct settings *settings);
/* Calls on_mesh with meshConfig as it is now, and after each change of it. One listener. */
void settings_on_mesh(struct settings *settings, void (*on_mesh)(const json_t *mesh, void *ctx),
                      void *ctx);
/* Borrowed until the loop turns. */
struct inject_config settings_inject(const struct settings *settings);

#endif
