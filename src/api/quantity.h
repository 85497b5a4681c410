/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' resource quantities: "100m", "1.5", "64Mi", "2e3".
 *
 * Place   the sandbox: limits of containers, fields of the environment, autoscaling
 * Spec    apimachinery's resource.Quantity, as far as a number of thousandths can hold it
 */
#ifndef WEFT_API_QUANTITY_H
#define WEFT_API_QUANTITY_H

#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

/* A text, or a plain number, in thousandths, rounded up. ERR_INVALID for another value, a negative
 * one, or one above 9e15; NULL is ERR_INVALID too. */
MUST_USE int quantity_parse(const json_t *quantity, int64_t *ret_milli);

#endif
