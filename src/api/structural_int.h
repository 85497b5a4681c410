/* SPDX-License-Identifier: Apache-2.0 */
/* What structural.c and structural_check.c share: facts of one schema node. */
#ifndef WEFT_API_STRUCTURAL_INT_H
#define WEFT_API_STRUCTURAL_INT_H

#include <jansson.h>

#include "base/prelude.h"

enum { STRUCTURAL_DEPTH_MAX = 64 };

/* A boolean keyword such as nullable. */
bool structural_is_true(const json_t *schema, const char *name);
/* The schema of an object's member: of properties, else additionalProperties; NULL when neither
 * knows it. Borrowed. */
const json_t *structural_member(const json_t *schema, const char *key);
/* apiVersion, kind, metadata. */
bool structural_is_envelope(const char *key);

#endif
