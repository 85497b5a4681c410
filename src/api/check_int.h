/* SPDX-License-Identifier: Apache-2.0 */
/* What check.c finds, before anybody puts it into words; and paths of fields.
 *
 * Place   check.c finds; words.c and words_kube.c speak; structural.c uses the paths
 */
#ifndef WEFT_API_CHECK_INT_H
#define WEFT_API_CHECK_INT_H

#include <jansson.h>

#include "api/check.h"
#include "api/schema.h"
#include "base/err.h"

/* "spec.ports[0].name": built while walking, cut when it does not fit. */
struct api_path {
    char text[ERR_PATH_SIZE];
    size_t len;
};

/* Appends; undone by api_path_cut with the length from before. */
void api_path_push(struct api_path *path, const char *fmt, ...) PRINTF_LIKE(2, 3);
void api_path_cut(struct api_path *path, size_t len);

enum api_finding_kind {
    API_FOUND_TYPE,    /* a value of another type */
    API_FOUND_FORM,    /* a text that is no duration, or no base64 */
    API_FOUND_RANGE,   /* an integer beyond its type */
    API_FOUND_BOUND,   /* beyond the schema's min or max (length, for texts and lists) */
    API_FOUND_ENUM,    /* none of the allowed values */
    API_FOUND_NAME,    /* a text, or the key of a map, against the rules for names */
    API_FOUND_TWICE,   /* a text that another item of the list has too */
    API_FOUND_MISSING, /* a required field that is absent */
    API_FOUND_EMPTY,   /* a required text or list that is there, but empty */
    API_FOUND_UNKNOWN, /* a field that the schema does not know */
    API_FOUND_DEPTH,   /* nested too deep */
};

struct api_finding {
    enum api_finding_kind kind;
    const char *path;
    const char *owner;               /* name of the type that holds the field */
    const struct api_schema *schema; /* of the value; of the holder when UNKNOWN */
    const json_t *value;             /* borrowed; NULL or null when MISSING, or a key's NAME */
    const char *text;                /* of NAME and TWICE: the offending text */
};

typedef void api_on_finding(const struct api_finding *finding, void *ctx);

/* Walks the whole tree. Returns how much was found. */
size_t api_find(const struct api_schema *schema, const json_t *json, api_on_finding *on_finding,
                void *ctx);

#endif
