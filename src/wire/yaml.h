/* SPDX-License-Identifier: Apache-2.0 */
/* YAML to and from JSON trees, as kubectl reads and prints it.
 *
 * Reading follows sigs.k8s.io/yaml: YAML 1.1 scalars (true/yes/on only as go-yaml v2 resolves them,
 * 0x, 0b and leading-zero integers, .inf refused because JSON has none), merge keys (<<), anchors;
 * keys become strings; a key given twice is an error. Writing sorts keys, block style, two spaces,
 * sequences not indented below their key.
 *
 * Place   kubectl-style files, bootstrap, samples, `-o yaml`
 * Owns    nothing
 * Limits  struct yaml_limits; aliases count as often as they are used, so a "billion laughs" file
 *         ends with ERR_LIMIT
 * Spec    YAML 1.1; look at sigs.k8s.io/yaml for what Kubernetes makes of it
 */
#ifndef WEFT_WIRE_YAML_H
#define WEFT_WIRE_YAML_H

#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "wire/json.h"

enum {
    YAML_SIZE_DEFAULT_MAX = 16 * 1024 * 1024,
    YAML_DEPTH_DEFAULT_MAX = 200,
    YAML_NODE_DEFAULT_MAX = 2 * 1000 * 1000,
};

struct yaml_limits {
    size_t size_max;    /* bytes of text; 0 means the default above */
    unsigned depth_max; /* nested collections; 0 means the default */
    size_t node_max;    /* scalars and collections, aliases expanded; 0 means the default */
};

/* Parses all documents. *ret_documents is a new JSON array of them; empty documents (only comments
 * or null) are left out. `limits` may be NULL. Error: "line L, column C: why". */
MUST_USE int yaml_parse(struct slice text, const struct yaml_limits *limits, json_t **ret_documents,
                        struct error *err);
/* Parses exactly one document; none, or more than one, is ERR_INVALID. JSON text is read too. */
MUST_USE int yaml_parse_one(struct slice text, const struct yaml_limits *limits, json_t **ret,
                            struct error *err);

/* Told of a field: its document (from 0; empty ones do not count), its path, where keys are put
 * together with dots and items with brackets ("spec.http[0].match"; "" is the document itself), and
 * its line (from 1). False ends the walk. */
typedef bool yaml_on_field(size_t document, struct slice path, size_t line, void *ctx);
/* Walks over all fields of a text that yaml_parse accepts, in order. Aliases are not followed; the
 * walk ends early at a path longer than 4 KiB. */
void yaml_fields_each(struct slice text, yaml_on_field *on_field, void *ctx);

/* Appends `value` as one document, with a newline at its end and no "---". ERR_LIMIT when `out` is
 * full. */
int yaml_format(const json_t *value, struct buf *out);

#endif
