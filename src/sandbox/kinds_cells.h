/* SPDX-License-Identifier: Apache-2.0 */
/* The computed cells of built-in kinds' Tables.
 *
 * Place   kinds_table.c alone
 * Owns    nothing
 * Spec    the printers of Kubernetes 1.34, kube-api reference section 4
 */
#ifndef WEFT_SANDBOX_KINDS_CELLS_H
#define WEFT_SANDBOX_KINDS_CELLS_H

#include "base/prelude.h"
#include "sandbox/kinds.h"
#include "wire/json.h"

/* A fresh value, or NULL when this kind has no function for that column. */
json_t *kinds_cell(const struct kind *kind, const char *column, const json_t *object,
                   int64_t now_ms);

#endif
