/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: what `kubectl get` prints, made by the API server.
 *
 *   columns   of a built-in kind from the files of api/, of a custom one from its printer columns
 *   cells     by the column's form (path, count, join, ...), or by code (table_cells.c)
 *
 * Place   the API server's lists and watches
 * Owns    nothing; returns new trees
 * Spec    kube-api reference, section 4
 */
#ifndef WEFT_API_TABLE_H
#define WEFT_API_TABLE_H

#include <jansson.h>

#include "api/schema.h"
#include "base/prelude.h"
#include "base/slice.h"

/* columnDefinitions. `kind` NULL: a custom kind, whose additionalPrinterColumns are `custom` (NULL
 * when it has none). The caller owns the reference. */
json_t *table_columns_new(const struct api_kind *kind, const json_t *custom);
/* The cells of one object. The caller owns the reference. */
json_t *table_cells_new(const struct api_kind *kind, const json_t *custom, const json_t *object,
                        int64_t now_ms);
/* An empty Table; without a header (a watch tells its columns once) columnDefinitions is null. The
 * caller owns the reference. */
json_t *table_new(const struct api_kind *kind, const json_t *custom, bool has_header);
/* Appends the object's row to a Table. `include` tells what the row says of its object: "None",
 * "Object" (whole), or else its metadata. */
void table_add(json_t *table, const struct api_kind *kind, const json_t *custom,
               const json_t *object, struct slice include, int64_t now_ms);
/* {kind: PartialObjectMetadata, metadata}: the form of an object whose metadata alone is asked for.
 * The caller owns the reference. */
json_t *table_partial_new(const json_t *object);
/* "3m32s" as kubectl prints ages; out has room for 32 bytes. */
const char *table_age(int64_t age_ms, char *out);

#endif
