/* SPDX-License-Identifier: Apache-2.0 */
/* Resource kinds as tables: which kinds there are, and the tree of fields of each.
 *
 *   api/<group>.yaml -- tools/gen_api.py (build time) --> build/src/api/tables.c   these tables
 *                                                     --> build/src/api/kinds.h    C structs of the
 *                                                                                  kinds we compute
 * on
 *
 * Place   the API server walks the tables beside a JSON tree (protobuf bodies, defaults, strategic
 *         merge); api_check validates with them; api_crd_new prints CRDs; api_decode fills C
 * structs Owns    nothing: all tables are constant Limits  fields that no table names are unknown,
 * not wrong: trees keep them as they are
 */
#ifndef WEFT_API_SCHEMA_H
#define WEFT_API_SCHEMA_H

#include "base/prelude.h"
#include "base/slice.h"

/* How a value looks in JSON, and as a protobuf field of Kubernetes. */
enum api_type {
    API_OBJECT,        /* {fields}; a message */
    API_LIST,          /* [item]; a repeated field */
    API_MAP,           /* {key: item}; map<string, item> */
    API_STRING,        /* string */
    API_BOOL,          /* bool */
    API_INT32,         /* number without fraction; int32 */
    API_INT64,         /* the same, 64 bits */
    API_UINT32,        /* 0 .. 4294967295 */
    API_NUMBER,        /* any number; double */
    API_BYTES,         /* base64 text; bytes */
    API_TIME,          /* RFC 3339 text; message {seconds=1, nanos=2} */
    API_MICRO_TIME,    /* RFC 3339 text with microseconds; the same message */
    API_DURATION,      /* Istio: "1.5s", "2m", "100ms". Never in protobuf bodies */
    API_QUANTITY,      /* "100m", "1Gi" or a number; message {string=1} */
    API_INT_OR_STRING, /* 80 or "http"; message {type=1, intVal=2, strVal=3}, type 0 int, 1 string
                        */
    API_ANY,           /* any JSON, kept verbatim; protobuf: message {raw=1} of JSON bytes */
};

/* How a list is merged by server-side apply. */
enum api_list_kind { API_LIST_ATOMIC, API_LIST_SET, API_LIST_MAP };

struct api_schema;

struct api_field {
    const char *name;                /* in JSON */
    const struct api_schema *schema; /* of the value */
    uint16_t number;                 /* in protobuf, 0: has none */
    uint16_t inline_number;          /* protobuf: the field lies in the embedded message of this
                                        number, while JSON has it right here (Volume's sources) */
    bool required;                   /* must be present */
    bool immutable;                  /* may not change after creation */
    bool is_present;                 /* never NULL in Kubernetes: an object without it has it empty,
                                        when it comes to who owns what */
    bool keeps_zero;                 /* a pointer in Kubernetes: false, 0, "" in a protobuf body are
                                        values; without it they mean absent */
    const char *default_json;        /* JSON text of the default, or NULL */
    /* private: where api_decode puts the value in the C struct */
    int32_t offset;       /* of the value, -1: not decoded */
    int32_t extra_offset; /* of the count (lists, maps) or the `has_` flag, -1: none */
};

struct api_schema {
    enum api_type type;
    const char *name;               /* of an object's type, e.g. "PodSpec"; NULL for others */
    const char *package;            /* of such a type in OpenAPI documents, e.g.
                                      "io.k8s.api.core.v1"; NULL: none */
    const struct api_field *fields; /* of an object, sorted by name */
    uint16_t field_count;
    const struct api_schema *item; /* of a list or map */
    enum api_list_kind list_kind;
    const char *const *list_keys; /* of API_LIST_MAP: names, NULL at the end; else NULL */
    const char *merge_key;        /* strategic merge patch: NULL replaces the list as a whole; ""
                                     merges a list of scalars as a set */
    bool is_atomic;               /* an object or map that server-side apply owns whole */
    bool retain_keys;             /* strategic merge: $retainKeys (volumes, update strategy) */
    const char *const *enums;     /* of a string: the allowed values, NULL at the end; else NULL */
    const char *unique; /* of a list: no two items may have the same text in this member */
    uint8_t form;       /* enum format_name: of a string, of the keys of a map */
    bool has_min, has_max;
    int64_t min, max;     /* numbers: bounds; strings and lists: bounds of the length */
    uint32_t struct_size; /* private: bytes of the C struct of an object, 0: none */
};

/* How the cell of a built-in column is made. */
enum api_column_form {
    API_COLUMN_CODE,   /* by code */
    API_COLUMN_TEXT,   /* the scalar at the path, or `extra` */
    API_COLUMN_INT,    /* the number at the path, 0 when absent */
    API_COLUMN_COUNT,  /* how many items the list has */
    API_COLUMN_MAP,    /* "a=b,c=d" */
    API_COLUMN_JOIN,   /* member `extra` of each item ("": the item) */
    API_COLUMN_AGE,    /* how long ago the time was, or `extra` */
    API_COLUMN_FORMAT, /* the path is a text with paths in braces: "{a.b|0}/{c}" */
};

/* A column of `kubectl get`. */
struct api_column {
    const char *name;
    const char *type; /* string, integer, date, boolean, number */
    enum api_column_form form;
    const char *json_path; /* ".spec.hosts"; "spec.hosts" for built-in kinds; NULL for code */
    const char *extra;     /* by the form; never NULL */
    const char *description;
    int32_t priority; /* 1: only with -o wide */
};

struct api_version {
    const char *name;
    bool storage;
};

enum api_kind_flag {
    API_KIND_NAMESPACED = 1,
    API_KIND_CRD = 2,         /* installed as CustomResourceDefinition, not built in */
    API_KIND_STATUS = 4,      /* has the subresource status */
    API_KIND_SCALE = 8,       /* has the subresource scale */
    API_KIND_GENERATION = 16, /* metadata.generation counts changes of the spec */
    API_KIND_IDLE = 64,       /* stored by the sandbox, which does not act on it */
    API_KIND_BODY = 128,      /* exists as a subresource's body only: discovery does not list it */
    API_KIND_VIRTUAL = 32, /* only created, never stored (reviews, TokenRequest, DeleteOptions) */
};

/* A subresource beside status and scale, which are flags. */
struct api_subresource {
    const char *name;
    const char *group, *version; /* of its body; NULL: the kind's own */
    const char *kind;            /* of its body */
    const char *verbs;           /* "get,patch" */
};

struct api_kind {
    const char *group; /* "" for core */
    const char *kind;
    const char *plural;
    const char *singular;
    const char *description;            /* one sentence, or NULL */
    const struct api_version *versions; /* best first */
    uint16_t version_count;
    uint16_t flags;                  /* of enum api_kind_flag */
    const char *const *short_names;  /* NULL at the end; never NULL itself */
    const char *const *categories;   /* the same */
    const char *const *field_labels; /* the same: what a field selector may name beside
                                         metadata.name and metadata.namespace */
    const struct api_subresource *subresources;
    uint16_t subresource_count;
    const struct api_column *columns; /* after Name (which is implied); Age is listed */
    uint16_t column_count;
    const struct api_schema *schema; /* of the whole object: apiVersion, kind, metadata, ... */
};

/* All kinds, in no promised order. */
const struct api_kind *api_kinds(size_t *ret_count);
/* NULL when there is none. An empty version matches any. */
const struct api_kind *api_kind_find(const char *group, const char *version, const char *kind);
const struct api_kind *api_kind_find_plural(const char *group, const char *version,
                                            const char *plural);
/* By "apiVersion" ("v1", "apps/v1") and kind. */
const struct api_kind *api_kind_find_object(const char *api_version, const char *kind);
/* The field of an object schema, by its JSON name; NULL when unknown. */
const struct api_field *api_field_find(const struct api_schema *schema, struct slice name);
/* By protobuf number, among those of embedded message `inline_number` (0: the message itself). */
const struct api_field *api_field_find_number(const struct api_schema *schema,
                                              uint16_t inline_number, uint32_t number);
/* Whether JSON shows fields of an embedded message of this number. */
bool api_field_is_inline(const struct api_schema *schema, uint32_t number);
/* A type by name ("ObjectMeta", "DeleteOptions", "PodSpec"); NULL when unknown. */
const struct api_schema *api_type_find(const char *name);

#endif
