/* SPDX-License-Identifier: Apache-2.0 */
/* What a user may choose about an installation: values, typed by a schema.
 *
 *   deploy/helm/weft/values.yaml <- its files/profile-NAME.yaml <- -f FILE (IstioOperator) <- --set
 *
 * Place   cli/install, cli/manifest, cli/profile; input of install_objects
 * Owns    its tree
 * Limits  a key that values.schema.json does not have is refused by name, so nothing is silently
 *         ignored; of an IstioOperator's components, what keys.c lists
 * Spec    istioctl's keys: hub, tag, profile, revision, meshConfig.*, components.*, values.*
 */
#ifndef WEFT_INSTALL_VALUES_H
#define WEFT_INSTALL_VALUES_H

#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

struct install_values {
    /* read-only: the Helm chart's values, {"profile", "revision", "global", "pilot", "gateways",
     * "meshConfig", ...} */
    json_t *tree;
    /* private */
    json_t *schema;
};

/* Sets the defaults of `profile` (NULL is "default"). ERR_NOT_FOUND for one that is not there. */
MUST_USE int install_values_init(struct install_values *values, const char *profile,
                                 struct error *err);
/* Also for SCOPED. */
void install_values_deinit(struct install_values *values);
/* One "key=value"; a dot inside a key's step is written "\.". ERR_INVALID names the key that is
 * unknown or the type that is wrong. */
MUST_USE int install_values_set(struct install_values *values, const char *assignment,
                                struct error *err);
/* An IstioOperator document, or a bare spec: every leaf is set as by install_values_set. */
MUST_USE int install_values_merge(struct install_values *values, const json_t *document,
                                  struct error *err);
/* Instead of a profile: a whole tree of values, such as a cluster's ConfigMap `values` holds. */
MUST_USE int install_values_load(struct install_values *values, const json_t *tree,
                                 struct error *err);
/* The profile that an IstioOperator document or a --set asks for, NULL when it does not. */
const char *install_profile_of(const json_t *document);
/* The names of the profiles, in order; NULL past the last. */
const char *install_profile_name(size_t index);
/* What names of a control plane's objects end in: "-REVISION", or "" for "default", "" and NULL. A
 * new string. */
char *install_suffix(const char *revision);

#endif
