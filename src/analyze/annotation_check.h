/* SPDX-License-Identifier: Apache-2.0 */
/* Values of annotations: are they what injection can read?
 *
 * Place   annotations.c
 * Owns    nothing
 */
#ifndef WEFT_ANALYZE_ANNOTATION_CHECK_H
#define WEFT_ANALYZE_ANNOTATION_CHECK_H

#include "base/err.h"
#include "base/prelude.h"

enum annotation_check {
    ANNOTATION_CHECK_NONE,
    ANNOTATION_CHECK_BOOL,
    ANNOTATION_CHECK_NUMBER,        /* 32 bits */
    ANNOTATION_CHECK_QUANTITY,      /* "100m", "1Gi" */
    ANNOTATION_CHECK_INTERCEPTION,  /* REDIRECT, TPROXY, NONE */
    ANNOTATION_CHECK_STATUS_PORT,   /* one port */
    ANNOTATION_CHECK_PORTS_OR_ALL,  /* ports with commas between, or "*" */
    ANNOTATION_CHECK_PORTS_IN,      /* ports of excludeInboundPorts */
    ANNOTATION_CHECK_PORTS_OUT,     /* ports of excludeOutboundPorts */
    ANNOTATION_CHECK_RANGES_OR_ALL, /* CIDR ranges with commas between, or "*" */
    ANNOTATION_CHECK_RANGES,
    ANNOTATION_CHECK_INTERFACES, /* names of network interfaces */
    ANNOTATION_CHECK_YAML,       /* a mapping */
};

/* 0, or ERR_INVALID with the reason in `err`. */
MUST_USE int annotation_value_check(enum annotation_check check, const char *value,
                                    struct error *err);

#endif
