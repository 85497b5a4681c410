/* SPDX-License-Identifier: Apache-2.0 */
/* What reading and writing YAML share: which value a plain scalar stands for.
 *
 * Place   yaml_parse.c, yaml_format.c only
 */
#ifndef WEFT_WIRE_YAML_INT_H
#define WEFT_WIRE_YAML_INT_H

#include "wire/yaml.h"

enum yaml_kind {
    YAML_KIND_STRING,
    YAML_KIND_NULL,
    YAML_KIND_BOOL,
    YAML_KIND_INT,
    YAML_KIND_BIG, /* an integer outside int64 */
    YAML_KIND_REAL,
    YAML_KIND_ENDLESS, /* .inf or .nan */
    YAML_KIND_MERGE,   /* << */
};

struct yaml_scalar {
    enum yaml_kind kind;
    bool boolean;
    int64_t integer;
    double real;
};

/* What an unquoted scalar means, as go-yaml v2 resolves it. */
struct yaml_scalar yaml_scalar_resolve(struct slice text);

#endif
