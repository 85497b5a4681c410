/* SPDX-License-Identifier: Apache-2.0 */
/* The resources in force in their original bytes, for /config_dump: decoded only when asked for.
 *
 * Place   filled by resources.c, printed by admin
 * Owns    a copy of each resource's bytes (bytes are several times smaller than message trees)
 * Limits  100,000 resources of a kind
 */
#ifndef WEFT_PROXY_DUMP_H
#define WEFT_PROXY_DUMP_H

#include "base/map.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "wire/json.h"
#include "wire/proto.h"

enum dump_kind { DUMP_CLUSTER, DUMP_ENDPOINTS, DUMP_LISTENER, DUMP_ROUTE, DUMP_KIND_COUNT };

struct dump_entry {
    struct slice bytes; /* owned */
    char *version;
    int64_t updated_ms;
    bool dynamic;
    bool warming;
    char *error; /* why the last update was refused; NULL: it was not */
};

struct dump {
    struct map kinds[DUMP_KIND_COUNT]; /* name -> dump_entry */
};

void dump_init(struct dump *dump);
void dump_deinit(struct dump *dump);
/* Copies all. */
void dump_put(struct dump *dump, enum dump_kind kind, struct slice name, struct slice bytes,
              const char *version, bool dynamic);
void dump_set_warming(struct dump *dump, enum dump_kind kind, struct slice name, bool warming);
/* Notes that an update of that name was refused. */
void dump_set_error(struct dump *dump, enum dump_kind kind, struct slice name, const char *error);
void dump_remove(struct dump *dump, enum dump_kind kind, struct slice name);
/* The bytes in force, or an empty slice. */
struct slice dump_bytes(const struct dump *dump, enum dump_kind kind, struct slice name);
/* One of Envoy's ...ConfigDump objects: new reference. */
json_t *dump_print(const struct dump *dump, enum dump_kind kind);

#endif
