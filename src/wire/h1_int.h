/* SPDX-License-Identifier: Apache-2.0 */
/* Between wire/h1_parser.c (where heads end, bodies) and wire/h1_head.c (what heads say).
 *
 * Place   wire/h1_*.c only
 */
#ifndef WEFT_WIRE_H1_INT_H
#define WEFT_WIRE_H1_INT_H

#include "wire/h1.h"

/* Records the fault; returns ERR_PROTOCOL, or ERR_LIMIT for a fault about size. */
int h1_fail(struct h1_parser *parser, enum h1_fault fault);
/* Parses the whole head text, ending in an empty line, in place (names become lower case) into
 * parser->head, and decides about the body. */
MUST_USE int h1_head_parse(struct h1_parser *parser, char *text, size_t len);
/* The same for the lines of trailers, into parser->trailers; framing fields are dropped. */
MUST_USE int h1_trailers_parse(struct h1_parser *parser, char *text, size_t len);

#endif
