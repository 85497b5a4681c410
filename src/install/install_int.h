/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of install/ share among themselves.
 */
#ifndef WEFT_INSTALL_INSTALL_INT_H
#define WEFT_INSTALL_INSTALL_INT_H

#include "install/objects.h"

/* Appends to `list`. */
void install_crds(json_t *list);
void install_accounts(const struct install_values *values, json_t *list);
void install_config_maps(const struct install_values *values, json_t *list);
void install_control_plane(const struct install_values *values, json_t *list);
void install_webhooks(const struct install_values *values, json_t *list);
void install_gateways(const struct install_values *values, json_t *list);

/* {apiVersion, kind, metadata{name, namespace?, labels}}: a new object. ns NULL: cluster-scoped. */
json_t *install_object(const char *api_version, const char *kind, const char *ns, const char *name);
/* "hub/NAME:tag"; mem_free it. */
char *install_image(const struct install_values *values, const char *name);
/* The text at the path, or the fallback. */
const char *install_text(const struct install_values *values, const char *path,
                         const char *fallback);
/* {"requests": {...}, "limits": {...}}: a new object; limits NULL: none. */
json_t *install_resources(const char *cpu, const char *memory, const char *cpu_limit,
                          const char *memory_limit);

#endif
