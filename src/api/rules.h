/* SPDX-License-Identifier: Apache-2.0 */
/* What the rule files of Istio's kinds share: telling a problem, and checks of common values.
 *
 * Place   validate.c runs the rules; rules_*.c hold them
 */
#ifndef WEFT_API_RULES_H
#define WEFT_API_RULES_H

#include "api/check.h"
#include "api/kinds.h"
#include "base/prelude.h"

struct rules {
    api_on_problem *on_problem; /* may be NULL */
    void *ctx;
    struct error first; /* the first fatal problem; code 0 when there is none */
    size_t count;       /* told so far */
};

/* Tells of one broken rule (ERR_INVALID), or of a warning (ERR_AGAIN). */
void rules_tell(struct rules *rules, int code, const char *path, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* A field's path, cut when it does not fit. */
void rules_path(char *out, size_t out_size, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A DNS name; its first label may be "*" when `wildcard`. */
bool rules_is_host(const char *host, bool wildcard);
bool rules_is_address(const char *text);
/* A DNS label, as names of subsets and ports are. */
bool rules_is_label(const char *text);
void rules_port(struct rules *rules, const char *path, int64_t port);
/* At least one millisecond, when present. */
void rules_duration(struct rules *rules, const char *path, bool has, int64_t ns);
void rules_export_to(struct rules *rules, const char *const *items, size_t count);

/* The rules of a kind; `object` is its struct, decoded. */
void rules_virtual_service(struct rules *rules, const void *object);
void rules_destination_rule(struct rules *rules, const void *object);
void rules_gateway(struct rules *rules, const void *object);
void rules_service_entry(struct rules *rules, const void *object);
void rules_sidecar(struct rules *rules, const void *object);
void rules_workload_entry(struct rules *rules, const void *object);

#endif
