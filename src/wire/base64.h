/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (standard and URL alphabets) and hexadecimal text.
 *
 * Place   Secrets, PEM-like fields, JWS, bytes in proto3 JSON
 * Limits  output goes to a struct buf with its maximum
 * Spec    RFC 4648
 */
#ifndef WEFT_WIRE_BASE64_H
#define WEFT_WIRE_BASE64_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

/* Appends with padding. ERR_LIMIT when `out` is full. */
int base64_encode(struct slice bytes, struct buf *out);
/* Appends in the URL alphabet, no padding. */
int base64_url_encode(struct slice bytes, struct buf *out);
/* Appends the bytes. Takes both alphabets, padding or none; no white space. ERR_INVALID otherwise;
 * `out` is then as before. */
MUST_USE int base64_decode(struct slice text, struct buf *out);
/* Lower-case hexadecimal. */
int hex_encode(struct slice bytes, struct buf *out);
MUST_USE int hex_decode(struct slice text, struct buf *out);

#endif
