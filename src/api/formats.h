/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of texts: `format` of a schema, and Kubernetes' rules for names.
 *
 * Place   structural_check.c; schemas (form=); the API server (names, labels)
 * Owns    nothing
 * Spec    apiextensions.k8s.io/v1 (formats); RFC 1123, RFC 1035; kube-api reference, section 5.3
 */
#ifndef WEFT_API_FORMATS_H
#define WEFT_API_FORMATS_H

#include "base/prelude.h"
#include "base/slice.h"

/* date-time, date, duration, byte, ipv4, ipv6, cidr, uuid; a format without a rule fits always. */
bool format_fits(const char *format, struct slice text);

enum format_name {
    FORMAT_ANY,
    FORMAT_SUBDOMAIN,      /* RFC 1123: names of most objects */
    FORMAT_LABEL,          /* RFC 1123: namespaces, containers */
    FORMAT_LABEL_1035,     /* Services */
    FORMAT_PATH,           /* RBAC: anything without '/' and '%' */
    FORMAT_LABEL_VALUE,    /* values of labels */
    FORMAT_QUALIFIED_NAME, /* keys of labels and annotations: [subdomain/]name */
    FORMAT_CONFIG_KEY,     /* keys of ConfigMaps and Secrets */
};

/* NULL when the text fits, else what Kubernetes says is wrong with it (constant). */
const char *format_name_wrong(enum format_name form, const char *text);

#endif
