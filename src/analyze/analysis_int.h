/* SPDX-License-Identifier: Apache-2.0 */
/* What analyzers see: objects by kind, look-ups, and how to tell a message.
 *
 * Place   every file of this folder; an analyzer is one function in the table of all.c
 * Owns    see struct analysis
 */
#ifndef WEFT_ANALYZE_ANALYSIS_INT_H
#define WEFT_ANALYZE_ANALYSIS_INT_H

#include "analyze/analysis.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "model/mesh.h"

/* A file as it was read, for line numbers. */
struct analyze_text {
    const char *name;
    struct slice text;
    struct map lines; /* "document:path" -> size_t, from 1; 0: not found; see lines.c */
};

struct analyze_object {
    enum analyze_kind kind;
    const char *ns;     /* "" when the kind has none */
    const char *name;   /* metadata.name, "" when missing */
    const char *full;   /* "ns/name", or the name alone */
    const char *origin; /* "Pod ns/name", as messages name it */
    json_t *json;       /* a reference */
    const json_t *spec;
    struct mesh_labels labels;
    struct mesh_labels annotations;
    struct analyze_text *text; /* NULL: live */
    size_t document;           /* in the text, from 0 */
    const char *prefix;        /* path of the object in its document: "" or "items[3]" */
};

typedef VEC(struct analyze_object *) analyze_object_vec;

struct analyze_suppression {
    const char *code;
    const char *pattern;
};

/* Where a message points, until its line is looked up. */
struct analyze_place {
    const struct analyze_object *object;
    const char *path; /* NULL: the object itself */
};

struct analysis {
    struct arena arena;
    struct analysis_options options;
    analyze_object_vec objects[ANALYZE_KIND_COUNT];
    struct map index;    /* "kind/ns/name" -> object */
    size_t object_count; /* of all kinds */
    json_t *mesh_config; /* never NULL while analyzers run */
    bool mesh_config_given;
    VEC(struct analyze_suppression) suppressions;
    VEC(struct analyze_text *) texts;
    VEC(struct analyze_message) messages;
    VEC(struct analyze_place) places; /* of the messages, until they are sorted */
    VEC(const char *) skipped;        /* names of analyzers, of the last run */
    VEC(const char *) executed;
};

/* One analyzer. Needs: bits of kinds, (1u << ANALYZE_KIND_POD) | ... */
struct analyzer {
    const char *name;
    const char *summary;
    uint32_t needs;
    void (*run)(struct analysis *analysis);
};

#define ANALYZE_NEEDS(name) (UINT32_C(1) << ANALYZE_KIND_##name)
/* Runs only when it is named. */
#define ANALYZE_ON_REQUEST (UINT32_C(1) << 31)
_Static_assert(ANALYZE_KIND_COUNT <= 31, "kinds and the flag are bits of one word");

/* Each object of a kind. */
#define ANALYSIS_EACH(object, analysis, name)                                                      \
    for (size_t object##_i = 0; object##_i < (analysis)->objects[ANALYZE_KIND_##name].count;       \
         object##_i++)                                                                             \
        for (const struct analyze_object *object =                                                 \
                 (analysis)->objects[ANALYZE_KIND_##name].items[object##_i];                       \
             object; object = NULL)

/* NULL when there is none. */
const struct analyze_object *analysis_find(const struct analysis *analysis, enum analyze_kind kind,
                                           const char *ns, const char *name);
/* As Istio reads names: "ns/name", or a name in `ns`. */
const struct analyze_object *analysis_find_named(const struct analysis *analysis,
                                                 enum analyze_kind kind, const char *ns,
                                                 const char *name);

/* Tells a message of `object`; `path` is the field ("spec.hosts[0]") whose line is shown, NULL for
 * the object's first. The arguments are texts, as many as the message has, and a NULL; all are
 * copied. */
void analysis_report(struct analysis *analysis, enum analyze_message_id id,
                     const struct analyze_object *object, const char *path, ...)
    __attribute__((sentinel));

/* Tells that no pod has these labels, which stand at `path` of the object. */
void analysis_report_selector(struct analysis *analysis, const struct analyze_object *object,
                              const char *path, const struct mesh_labels *selector);

/* No message will be taken any more: loops over pairs of objects end here. */
bool analysis_is_full(const struct analysis *analysis);
/* Puts "file.yaml:12" into the messages, from their places. */
void analysis_lines_find(struct analysis *analysis);

/* Text in the analysis' memory. */
#define ANALYSIS_TEXT(analysis, ...) arena_printf(&(analysis)->arena, __VA_ARGS__)
/* "a=b,c=d", as label selectors are printed. */
const char *analysis_labels_text(struct analysis *analysis, const struct mesh_labels *labels);
/* The place of the first label in a map at `path`; NULL when there is none. */
const char *analysis_label_path(struct analysis *analysis, const char *path,
                                const struct mesh_labels *labels);
/* Texts with `separator` between; sorted when `sort`. */
const char *analysis_join(struct analysis *analysis, const char **items, size_t count,
                          const char *separator, bool sort);
/* The string members of a JSON object, sorted; none for other values. */
struct mesh_labels analysis_labels(struct analysis *analysis, const json_t *object);
/* Every pair of a JSON map is among the labels; NULL and an empty map match everything. */
bool analysis_map_matches(const json_t *map, const struct mesh_labels *labels);
/* A LabelSelector (matchLabels, matchExpressions); NULL matches everything. */
bool analysis_selector_matches(const json_t *selector, const struct mesh_labels *labels);

/* The container of that name in a list, or NULL. */
const json_t *analysis_container(const json_t *containers, const char *name);
/* Whether a pod has a sidecar, as a container or as an init container. */
bool analysis_pod_has_proxy(const json_t *pod_spec);
/* Parts of the control plane itself are not for the user to mend. */
bool analysis_is_control_plane(const struct analyze_object *object);
/* Whether a pod with these labels and annotations gets, or has, a sidecar. */
bool analysis_in_mesh(const struct analysis *analysis, const char *ns, const json_t *pod_spec,
                      const struct mesh_labels *labels, const struct mesh_labels *annotations);
bool analysis_pod_in_mesh(const struct analysis *analysis, const struct analyze_object *pod);
bool analysis_pod_is_ambient(const struct analyze_object *pod);
bool analysis_namespace_is_ambient(const struct analyze_object *ns);
/* ConfigMap istio-sidecar-injector of a revision ("" and "default" have none in the name); NULL
 * when there is none. */
const struct analyze_object *analysis_injector_config(const struct analysis *analysis,
                                                      const char *revision);

/* ConfigMap istio of the revision, or NULL. */
const struct analyze_object *analysis_mesh_config_map(const struct analysis *analysis);

/* A host that traffic may be sent to: of a Service or a ServiceEntry. */
struct analyze_host {
    const char *host;        /* full */
    const json_t *ports;     /* array; items have "number" or "port" */
    const json_t *selector;  /* ServiceEntry's workloadSelector.labels, or NULL */
    const char *number_name; /* "number" or "port" */
};
struct analyze_hosts {
    struct map by_scope; /* "scope/host" -> struct analyze_host; scope is a namespace or "*" */
};
void analyze_hosts_init(struct analyze_hosts *hosts, struct analysis *analysis);
void analyze_hosts_deinit(struct analyze_hosts *hosts);
/* What `host` means for an object of `ns` that is exported to `export_to` (JSON list or NULL). NULL
 * when nobody has it. */
const struct analyze_host *analyze_hosts_find(const struct analyze_hosts *hosts,
                                              struct analysis *analysis, const char *ns,
                                              const json_t *export_to, const char *host);
/* A short name in full, in the analysis' memory. */
const char *analysis_host(struct analysis *analysis, const char *ns, const char *host);
/* Whether the list (NULL: absent) exports to everybody. */
bool analysis_exports_to_all(const json_t *export_to);

/* Namespaces that spec.exportTo shows the object to, or "*" alone for all. */
struct analyze_scopes {
    const char *const *items;
    size_t count;
};
struct analyze_scopes analysis_scopes(struct analysis *analysis,
                                      const struct analyze_object *object);
/* The namespace that an item of exportTo means to an object of `ns` (borrowed): "*" for all. */
const char *analysis_scope(const json_t *item, const char *ns);
/* Whether two hosts, each perhaps with a leading wildcard, have any name in common. */
bool analysis_hosts_meet(const char *a, const char *b);

/* A destination that a VirtualService names. */
struct analyze_destination {
    const char *path;   /* "spec.http[0].route[1].destination" */
    const json_t *json; /* host, subset, port */
    bool is_mirror;
};
typedef VEC(struct analyze_destination) analyze_destination_vec;
/* In order: tcp, tls, http, then the mirrors. VEC_DEINIT it. */
analyze_destination_vec analysis_destinations(struct analysis *analysis,
                                              const struct analyze_object *virtual_service);

#endif
