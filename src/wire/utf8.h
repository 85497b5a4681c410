/* SPDX-License-Identifier: Apache-2.0 */
/* Is this text UTF-8?
 *
 * Place   JSON and protobuf strings
 * Spec    RFC 3629
 */
#ifndef WEFT_WIRE_UTF8_H
#define WEFT_WIRE_UTF8_H

#include "base/prelude.h"
#include "base/slice.h"

/* Bytes of the well-formed sequence that the text (not empty) starts with, or 0. */
size_t utf8_len(struct slice text);
bool utf8_valid(struct slice text);

#endif
