/* SPDX-License-Identifier: Apache-2.0 */
/* What tools/gen_api.py defines in tables.c; schema.c alone reads it.
 */
#ifndef WEFT_API_TABLES_H
#define WEFT_API_TABLES_H

#include "api/schema.h"
#include "base/prelude.h"

extern const struct api_kind api_kind_table[];
extern const size_t api_kind_table_count;
extern const struct api_schema *const api_type_table[]; /* sorted by name */
extern const size_t api_type_table_count;

#endif
