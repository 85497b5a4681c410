/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers: bytes <-> plain C structs <-> JSON, driven by tables.
 *
 * tools/gen_proto.py turns .proto files into C at build time. For `message RouteAction` it makes
 * `struct pb_route_action` and the table `pb_route_action_desc`; every function here takes such a
 * table. The shape of a struct:
 *
 *   string, bytes        struct slice name;                  (decoded ones are terminated as well)
 *   int, bool, double    as in C; an enum is int32_t, its values are PB_<ENUM>_<VALUE>
 *   optional, wrappers   bool has_x; T x;                    (UInt32Value etc. appear as the value)
 *   Duration, Timestamp  bool has_x; struct pb_duration x;   (by value)
 *   message              struct pb_t *x;                     NULL: absent
 *   repeated             T *x; size_t x_count;               messages: struct pb_t **x
 *   map                  as repeated struct pb_m_x_entry {key, value} *; of equal keys the last
 *                        one counts
 *   oneof y              uint32_t y_case; and the members in a union; y_case is 0 or one of
 *                        PB_<M>_CASE_<X>
 *
 * All of a decoded message lies in one arena: no free, no ownership. A zeroed struct is the empty
 * message; build one with ARENA_NEW and PROTO_PUSH.
 *
 * Place   xDS resources, gRPC messages, the bootstrap (as JSON)
 * Limits  struct proto_limits; unknown fields are skipped and reported by path
 * Spec    protobuf encoding and the proto3 JSON mapping
 */
#ifndef WEFT_WIRE_PROTO_H
#define WEFT_WIRE_PROTO_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/prelude.h"
#include "base/slice.h"
#include "wire/json.h"

struct pb_any;
struct proto_enum;
struct proto_message;

/* Numbers as in descriptor.proto. */
enum proto_type {
    PROTO_DOUBLE = 1,
    PROTO_FLOAT = 2,
    PROTO_INT64 = 3,
    PROTO_UINT64 = 4,
    PROTO_INT32 = 5,
    PROTO_FIXED64 = 6,
    PROTO_FIXED32 = 7,
    PROTO_BOOL = 8,
    PROTO_STRING = 9,
    PROTO_MESSAGE = 11,
    PROTO_BYTES = 12,
    PROTO_UINT32 = 13,
    PROTO_ENUM = 14,
    PROTO_SFIXED32 = 15,
    PROTO_SFIXED64 = 16,
    PROTO_SINT32 = 17,
    PROTO_SINT64 = 18,
};

enum proto_flag {
    PROTO_REPEATED = 1, /* array of `type` at offset, its count (size_t) at presence */
    PROTO_MAP = 2,      /* with REPEATED: entries are messages with fields 1 and 2 */
    PROTO_HAS = 4,      /* a bool at presence */
    PROTO_ONEOF = 8,    /* a uint32_t at presence holds the number of the member that is set */
    PROTO_WRAPPER = 16, /* on the wire a message whose field 1 is the value */
    PROTO_INLINE = 32,  /* a message held by value */
    PROTO_PACKED = 64,  /* repeated scalars in one run of bytes */
};

struct proto_field {
    const char *name;      /* as in the .proto file */
    const char *json_name; /* lowerCamelCase */
    uint32_t number;
    uint16_t offset;   /* of the value in the struct */
    uint16_t presence; /* of has_, _count or _case; 0 when none is needed */
    uint8_t type;      /* enum proto_type */
    uint8_t flags;     /* enum proto_flag */
    union {
        const struct proto_message *message; /* PROTO_MESSAGE */
        const struct proto_enum *values;     /* PROTO_ENUM */
    };
};

/* How the JSON mapping treats a message. */
enum proto_kind {
    PROTO_KIND_PLAIN,
    PROTO_KIND_ANY,
    PROTO_KIND_DURATION,
    PROTO_KIND_TIMESTAMP,
    PROTO_KIND_STRUCT,
    PROTO_KIND_VALUE,
    PROTO_KIND_LIST,
};

struct proto_message {
    const char *name;                 /* full, "envoy.config.route.v3.Route" */
    const struct proto_field *fields; /* by number, ascending */
    uint16_t field_count;
    uint16_t size; /* of the struct, bytes */
    uint8_t kind;  /* enum proto_kind */
};

struct proto_enum_value {
    const char *name;
    int32_t number;
};

struct proto_enum {
    const char *name;
    const struct proto_enum_value *values; /* in order of declaration */
    size_t value_count;
};

/* All messages that an Any may hold, sorted by name. */
struct proto_registry {
    const struct proto_message *const *messages;
    size_t message_count;
};

struct proto_limits {
    unsigned depth_max; /* nested messages; 0 means 100 */
    size_t memory_max;  /* bytes of arena for one message; 0 means 256 MiB */
};

enum { PROTO_REPORT_PATH_MAX = 16 };

/* What a decoder met and skipped. Zero-initialise; one report may gather several messages. Paths
 * look like "virtual_hosts[0].routes[2].#4711" (bytes) or "…routes[2].newName" (JSON). */
struct proto_report {
    size_t unknown_count;                     /* all of them */
    size_t path_count;                        /* those kept below */
    const char *paths[PROTO_REPORT_PATH_MAX]; /* in the decoder's arena */
};

/* Appends the encoding of `message` (a struct of that table). Fields in order of number, so equal
 * structs give equal bytes. ERR_LIMIT when `out` is full. */
int proto_encode(const struct proto_message *desc, const void *message, struct buf *out);

/* Decodes into a new struct in `arena`; texts are copied. `limits` and `report` may be NULL.
 * ERR_INVALID (err->path says where) for malformed bytes, ERR_LIMIT past a limit. On failure *ret
 * is untouched; what was allocated stays in the arena. */
MUST_USE int proto_decode(const struct proto_message *desc, struct slice in,
                          const struct proto_limits *limits, struct arena *arena, void **ret,
                          struct proto_report *report, struct error *err);

/* The message as JSON: lowerCamelCase names, fields without presence left out when zero. An Any
 * whose type is not in `registry` (NULL: none is) becomes {"@type": ..., "value": base64}. New
 * reference; never NULL. */
json_t *proto_to_json(const struct proto_message *desc, const void *message,
                      const struct proto_registry *registry);
/* The same with the .proto file's own names, as Envoy's admin prints. */
json_t *proto_to_json_names(const struct proto_message *desc, const void *message,
                            const struct proto_registry *registry);

/* Reads the proto3 JSON mapping; both spellings of names count. An unknown name is ERR_INVALID with
 * its path, unless `report` is given: then it is skipped and reported. An Any of a type that the
 * registry lacks is ERR_UNSUPPORTED naming the type. The limits are the defaults. */
MUST_USE int proto_from_json(const struct proto_message *desc, const json_t *json,
                             const struct proto_registry *registry, struct arena *arena, void **ret,
                             struct proto_report *report, struct error *err);

/* By full name, or by type URL (what follows the last '/'). NULL when unknown. */
const struct proto_message *proto_registry_find(const struct proto_registry *registry,
                                                struct slice name_or_url);

/* A message encoded into an Any, "type.googleapis.com/<name>", all in `arena`. */
struct pb_any *proto_any_pack(struct arena *arena, const struct proto_message *desc,
                              const void *message);
/* True when the Any holds a message of that table. NULL holds none. */
bool proto_any_is(const struct pb_any *any, const struct proto_message *desc);
/* Decodes the value; ERR_INVALID naming both types when it holds another one. */
MUST_USE int proto_any_unpack(const struct pb_any *any, const struct proto_message *desc,
                              struct arena *arena, void **ret, struct proto_report *report,
                              struct error *err);

/* For messages without a table, field by field: a tag, then its value. A message or text in a field
 * is a run of bytes: tag, begin, the bytes, end (proto_run_end puts the length in front). Nothing
 * is appended when `out` is full: see its `failed`. */
enum {
    PROTO_WIRE_VARINT = 0,
    PROTO_WIRE_64 = 1,
    PROTO_WIRE_BYTES = 2,
    PROTO_WIRE_GROUP = 3,
    PROTO_WIRE_GROUP_END = 4,
    PROTO_WIRE_32 = 5,
};
void proto_put_tag(struct buf *out, uint32_t number, unsigned wire);
void proto_put_varint(struct buf *out, uint64_t value);
/* 4 or 8 bytes as they lie in memory. */
void proto_put_fixed(struct buf *out, const void *value, size_t size);
/* Returns the run's start, for the end. */
size_t proto_run_begin(struct buf *out);
void proto_run_end(struct buf *out, size_t start);

/* The declared name of an enum's number, or NULL. */
const char *proto_enum_name(const struct proto_enum *values, int32_t number);

/* Room for one more element in a repeated field; used by PROTO_PUSH. */
void *proto_array_grow(struct arena *arena, void *items, size_t count, size_t item_size)
    __attribute__((returns_nonnull));

/* Appends to a repeated field: PROTO_PUSH(arena, host, routes, route); */
#define PROTO_PUSH(arena, message, field, item)                                                    \
    do {                                                                                           \
        (message)->field = proto_array_grow((arena), (message)->field, (message)->field##_count,   \
                                            sizeof *(message)->field);                             \
        (message)->field[(message)->field##_count++] = (item);                                     \
    } while (0)

#endif
