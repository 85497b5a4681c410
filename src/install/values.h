/* SPDX-License-Identifier: Apache-2.0 */
/* What a user may choose about an installation: typed values, from a profile, files and --set.
 *
 *   profile's defaults <- -f FILE (IstioOperator's spec) <- --set key=value
 *
 * Place   cli/install, cli/manifest; input of install_objects
 * Owns    its tree
 * Limits  a key that the table does not have is refused by name, so nothing is silently ignored
 * Spec    istioctl's keys: hub, tag, profile, meshConfig.*, components.*, values.*
 */
#ifndef WEFT_INSTALL_VALUES_H
#define WEFT_INSTALL_VALUES_H

#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

struct install_values {
    json_t *tree; /* by the table's keys: {"hub", "tag", "meshConfig": {...}, "values": {...}} */
};

/* Sets the defaults of `profile` ("default", "minimal", "demo", "empty"; NULL is "default").
 * ERR_NOT_FOUND for others. */
MUST_USE int install_values_init(struct install_values *values, const char *profile,
                                 struct error *err);
/* Also for SCOPED. */
void install_values_deinit(struct install_values *values);
/* One "key=value". ERR_INVALID names the key that is unknown or the type that is wrong. */
MUST_USE int install_values_set(struct install_values *values, const char *assignment,
                                struct error *err);
/* An IstioOperator document, or a bare spec: every leaf is set as by install_values_set. */
MUST_USE int install_values_merge(struct install_values *values, const json_t *document,
                                  struct error *err);
/* The profile that an IstioOperator document or a --set asks for, NULL when it does not. */
const char *install_profile_of(const json_t *document);

#endif
