/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of install/ share among themselves.
 */
#ifndef WEFT_INSTALL_INSTALL_INT_H
#define WEFT_INSTALL_INSTALL_INT_H

#include "base/buf.h"
#include "install/objects.h"

/* --- built in from deploy/helm/weft by tools/gen_values.py, as JSON --- */

struct install_profile {
    const char *name; /* NULL: the end of the table */
    const char *json; /* what it sets, over the defaults */
};

extern const char install_defaults[];
extern const char install_schema[];
extern const struct install_profile install_profiles[];

/* --- keys --- */

/* Where a user's key leads. */
struct install_key {
    struct buf path;      /* in the tree, for json_path_set */
    const json_t *schema; /* the node of values.schema.json; NULL: below a free-form object */
    const char
        *fixed; /* not NULL: the one value that is carried out; path and schema are not set */
};

/* Finds a key as a user writes it ("hub", "components.pilot.enabled", "values.global.tag", as a
 * json_path). Returns false when there is none. `ret` is to be deinitialised after true alone. */
bool install_key_find(const json_t *schema, struct slice key, struct install_key *ret);
void install_key_deinit(struct install_key *key);
/* Whether `value` may stand there; the error's path is `shown`. */
MUST_USE int install_key_check(const struct install_key *key, const char *shown,
                               const json_t *value, struct error *err);
/* The text of --set as a value of the key's type; NULL when it is none. */
json_t *install_key_parse(const struct install_key *key, const char *text);

/* --- objects --- */

/* One call of install_objects. */
struct install_run {
    const json_t *tree;   /* the values */
    const char *revision; /* "default", or as the user named it */
    const char *suffix;   /* of names: "" or "-REVISION" */
    const char *ns;       /* of the objects that are being made */
    json_t *list;         /* what is made goes here */
};

/* The value of label operator.istio.io/component. */
#define INSTALL_BASE "Base"
#define INSTALL_PILOT "Pilot"

void install_crds(struct install_run *run);
void install_accounts(struct install_run *run);
void install_gateway_accounts(struct install_run *run, const char *gateway, const char *component);
void install_config_maps(struct install_run *run);
void install_webhooks(struct install_run *run);
void install_control_plane(struct install_run *run);
/* `gateway` names its objects; `settings` are whole. */
void install_gateway(struct install_run *run, const char *gateway, const json_t *settings);

/* Appends {apiVersion, kind, metadata{name, namespace?, labels}} to the list; borrowed. Takes
 * `name`. */
json_t *install_object(struct install_run *run, const char *api_version, const char *kind,
                       const char *component, char *name);
/* meshConfig with what follows from revision and namespace; a new tree. */
json_t *install_mesh_config(const struct install_run *run);
/* Where proxies get their certificates: "HOST:port"; mem_free it. */
char *install_ca_address(const struct install_run *run);
/* The text at the path, or the fallback when it is absent or empty. */
const char *install_text(const struct install_run *run, const char *path, const char *fallback);

#endif
