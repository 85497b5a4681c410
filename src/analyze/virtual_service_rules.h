/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a virtual service that can never be used.
 *
 * Place   schema.c, as a part of a VirtualService's validation
 */
#ifndef WEFT_ANALYZE_VIRTUAL_SERVICE_RULES_H
#define WEFT_ANALYZE_VIRTUAL_SERVICE_RULES_H

#include "analyze/analysis_int.h"
#include "base/prelude.h"

void virtual_service_rules_check(struct analysis *analysis, const struct analyze_object *object);

#endif
