/* SPDX-License-Identifier: Apache-2.0 */
/* JSON trees: jansson's json_t plus what weft needs around it.
 *
 * jansson's own calls (json_object_get, json_array_foreach, json_equal, json_deep_copy, json_incref
 * ...) are used directly. Objects keep the order of their keys. Here is what jansson lacks: parsing
 * with limits and a place of the error, dotted paths, typed getters, output into a struct buf.
 *
 * Place   API objects, xDS in JSON form, bootstrap, CLI output
 * Owns    nothing; reference counting is jansson's ("borrowed" results need no json_decref)
 * Limits  struct json_limits; strings with NUL, invalid UTF-8 and integers outside int64 are
 * refused Spec    RFC 8259
 */
#ifndef WEFT_WIRE_JSON_H
#define WEFT_WIRE_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"

enum { JSON_SIZE_DEFAULT_MAX = 16 * 1024 * 1024, JSON_DEPTH_DEFAULT_MAX = 200 };

struct json_limits {
    size_t size_max;       /* bytes of text; 0 means JSON_SIZE_DEFAULT_MAX */
    unsigned depth_max;    /* nested arrays and objects; 0 means JSON_DEPTH_DEFAULT_MAX */
    bool duplicate_refuse; /* a repeated key is an error; otherwise its last value counts */
};

/* Parses one value (of any type, not only objects) that fills `text` but for white space. `limits`
 * may be NULL. *ret is a new reference. ERR_INVALID with "line L, column C: why" in err->reason;
 * ERR_LIMIT above a limit. */
MUST_USE int json_parse(struct slice text, const struct json_limits *limits, json_t **ret,
                        struct error *err);

/* Tells the path ("spec.ports[0].port") of each key that an object of a well-formed text repeats;
 * nothing else is checked (json_dup.c). */
void json_dup_find(struct slice text, void (*on_duplicate)(const char *path, void *ctx), void *ctx);

enum json_format {
    JSON_FORMAT_COMPACT = 0, /* no white space */
    JSON_FORMAT_PRETTY = 1,  /* 4 spaces, as `kubectl -o json` */
    JSON_FORMAT_SORTED = 2,  /* keys in bytewise order; may be or-ed with PRETTY */
};

/* Appends the text of `value` to `out`; no newline at the end. ERR_LIMIT when `out` is full. */
int json_format(const json_t *value, unsigned format, struct buf *out);
/* The same as a terminated string; mem_free it. */
char *json_format_str(const json_t *value, unsigned format);

/* Follows a path of keys and indexes, "spec.containers[0].image"; a key that holds dots or
 * brackets is written ["app.kubernetes.io/name"]. Borrowed, or NULL when any step is missing.
 * `root` may be NULL. An empty path is the root. */
json_t *json_path_get(const json_t *root, const char *path);
/* The string at the path (borrowed), or NULL when missing or of another type. */
const char *json_path_string(const json_t *root, const char *path);
/* As above, with a default instead of NULL. */
const char *json_path_string_or(const json_t *root, const char *path, const char *fallback);
/* Whether the string at the path is `text`. */
bool json_path_is(const json_t *root, const char *path, const char *text);
int64_t json_path_int(const json_t *root, const char *path, int64_t fallback);
bool json_path_bool(const json_t *root, const char *path, bool fallback);
/* Takes integers too. */
double json_path_real(const json_t *root, const char *path, double fallback);
/* Puts `value` (taken, also on failure) at the path and makes missing objects on the way. An index
 * must exist, or be the array's length (appends). ERR_INVALID when a step is of the wrong type. */
int json_path_set(json_t *root, const char *path, json_t *value);
/* Removes what is at the path; ERR_NOT_FOUND when nothing is there. */
int json_path_remove(json_t *root, const char *path);

/* The member of that exact name (dots mean nothing here): string, or NULL when absent or of another
 * type. `object` may be NULL. */
const char *json_get_string(const json_t *object, const char *key);
int64_t json_get_int(const json_t *object, const char *key, int64_t fallback);
bool json_get_bool(const json_t *object, const char *key, bool fallback);

/* The first object of an array whose string member `key` is `text`: named ports, volumes,
 * containers, conditions. Borrowed; NULL when there is none, or `array` is no array. */
json_t *json_array_find(const json_t *array, const char *key, const char *text);
/* Whether a string is among an array's items. `array` may be NULL. */
bool json_array_has(const json_t *array, const char *text);

/* The array under that name: an empty one when there is none, or something else is there.
 * Borrowed. */
json_t *json_member_array(json_t *object, const char *key);

/* json_object_set_new / json_array_append_new for text; the key must be valid UTF-8.
 * NULL or invalid UTF-8 text sets nothing and returns ERR_INVALID. */
int json_set_string(json_t *object, const char *key, const char *text);
/* A string value of a slice (invalid UTF-8 bytes become U+FFFD). New reference, never NULL. */
json_t *json_string_slice(struct slice text);
/* Borrows the bytes of a string value; empty for NULL and other types. */
struct slice json_slice(const json_t *string);

/* "object", "array", "string", "integer", "number", "boolean", "null" or "nothing" (NULL). */
const char *json_type_name(const json_t *value);

/* For SCOPED(json_drop) on a json_t * variable. NULL is fine. */
void json_drop(json_t **value);

#endif
