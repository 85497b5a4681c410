/* SPDX-License-Identifier: Apache-2.0 */
/* Objects in, messages out: the frame around the analyzers.
 */
#include "analyze/analysis_int.h"

#include "analyze/all.h"
#include "base/mem.h"
#include "wire/json.h"
#include "wire/yaml.h"

#include <stdarg.h>
#include <stdlib.h>

static const struct analyze_kind_info kinds[] = {
#define ANALYZE_KIND_INFO(name, group, version, plural, kind, namespaced, runtime)                 \
    {group, version, plural, kind, namespaced, runtime},
    ANALYZE_KIND_MAP(ANALYZE_KIND_INFO)
#undef ANALYZE_KIND_INFO
};

const struct analyze_kind_info *analyze_kind_get(enum analyze_kind kind)
{
    return &kinds[kind];
}

struct analysis *analysis_new(const struct analysis_options *options)
{
    struct analysis *analysis = MEM_NEW(struct analysis);

    arena_init(&analysis->arena, 65536);
    map_init(&analysis->index, 0);
    analysis->options = *options;
    if (!analysis->options.file_ns)
        analysis->options.file_ns = "default";
    if (!analysis->options.istio_ns)
        analysis->options.istio_ns = "istio-system";
    if (!analysis->options.revision)
        analysis->options.revision = "default";
    return analysis;
}

void analysis_free(struct analysis *analysis)
{
    if (!analysis)
        return;
    for (size_t kind = 0; kind < ANALYZE_KIND_COUNT; kind++) {
        for (size_t i = 0; i < analysis->objects[kind].count; i++)
            json_decref(analysis->objects[kind].items[i]->json);
        VEC_DEINIT(&analysis->objects[kind]);
    }
    json_decref(analysis->mesh_config);
    VEC_DEINIT(&analysis->suppressions);
    for (size_t i = 0; i < analysis->texts.count; i++)
        map_deinit(&analysis->texts.items[i]->lines);
    VEC_DEINIT(&analysis->texts);
    VEC_DEINIT(&analysis->messages);
    VEC_DEINIT(&analysis->places);
    VEC_DEINIT(&analysis->skipped);
    VEC_DEINIT(&analysis->executed);
    map_deinit(&analysis->index);
    arena_deinit(&analysis->arena);
    mem_free(analysis);
}

/* ---- objects ---- */

/* What a part of Kubernetes or Istio made and looks after. */
static bool namespace_is_ignored(const char *ns)
{
    static const char *const ignored[] = {"kube-system", "kube-public", "kube-node-lease",
                                          "local-path-storage"};

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        if (strcmp(ignored[i], ns) == 0)
            return true;
    return false;
}

static struct slice object_key(struct analysis *analysis, enum analyze_kind kind, const char *ns,
                               const char *name)
{
    return slice_str(ANALYSIS_TEXT(analysis, "%d/%s/%s", (int)kind, ns, name));
}

/* Puts a prepared object in its place; takes nothing. */
static int object_put(struct analysis *analysis, struct analyze_object *object, struct error *err)
{
    struct slice key = object_key(analysis, object->kind, object->ns, object->name);
    struct analyze_object *old = map_get(&analysis->index, key);

    if (namespace_is_ignored(object->kind == ANALYZE_KIND_NAMESPACE ? object->name : object->ns))
        return 0;
    json_incref(object->json);
    if (old) {
        json_decref(old->json);
        *old = *object;
        return 0;
    }
    if (analysis->object_count == ANALYZE_OBJECTS_MAX) {
        json_decref(object->json);
        return err_set(err, ERR_LIMIT, "more than %d objects", ANALYZE_OBJECTS_MAX);
    }
    analysis->object_count++;
    VEC_PUSH(&analysis->objects[object->kind], object);
    (void)map_put(&analysis->index, key, object, NULL);
    return 0;
}

static struct analyze_object *object_make(struct analysis *analysis, enum analyze_kind kind,
                                          json_t *tree, const char *default_ns)
{
    struct analyze_object *object = ARENA_NEW(&analysis->arena, struct analyze_object);
    const char *ns = json_path_string(tree, "metadata.namespace");
    const char *name = json_path_string_or(tree, "metadata.name", "");

    object->kind = kind;
    object->json = tree;
    object->spec = json_object_get(tree, "spec");
    object->name = arena_strdup(&analysis->arena, name);
    object->ns =
        kinds[kind].namespaced ? arena_strdup(&analysis->arena, ns && ns[0] ? ns : default_ns) : "";
    object->full =
        object->ns[0] ? ANALYSIS_TEXT(analysis, "%s/%s", object->ns, object->name) : object->name;
    object->origin = ANALYSIS_TEXT(analysis, "%s %s", kinds[kind].kind, object->full);
    object->labels = analysis_labels(analysis, json_path_get(tree, "metadata.labels"));
    object->annotations = analysis_labels(analysis, json_path_get(tree, "metadata.annotations"));
    object->prefix = "";
    return object;
}

int analysis_add_object(struct analysis *analysis, enum analyze_kind kind, json_t *tree,
                        struct error *err)
{
    return object_put(analysis, object_make(analysis, kind, tree, ""), err);
}

/* -1: none of ours. */
static int kind_find(const json_t *tree)
{
    const char *api_version = json_path_string_or(tree, "apiVersion", "");
    const char *kind = json_path_string_or(tree, "kind", "");
    const char *slash = strchr(api_version, '/');
    size_t group_len = slash ? (size_t)(slash - api_version) : 0;

    for (int i = 0; i < ANALYZE_KIND_COUNT; i++)
        if (strcmp(kinds[i].kind, kind) == 0 && strlen(kinds[i].group) == group_len &&
            strncmp(kinds[i].group, api_version, group_len) == 0)
            return i;
    return -1;
}

struct placing {
    struct analyze_text *text;
    size_t document;
};

static int tree_add(struct analysis *analysis, json_t *tree, const struct placing *placing,
                    const char *prefix, struct error *err)
{
    const json_t *items = json_object_get(tree, "items");
    int kind = kind_find(tree);
    struct analyze_object *object;

    if (kind < 0 && json_is_array(items)) {
        for (size_t i = 0; i < json_array_size(items); i++) {
            int rc = tree_add(
                analysis, json_array_get(items, i), placing,
                ANALYSIS_TEXT(analysis, "%s%sitems[%zu]", prefix, prefix[0] ? "." : "", i), err);

            if (rc < 0)
                return rc;
        }
        return 0;
    }
    if (kind < 0)
        return 0;
    if (kinds[kind].runtime && !analysis->options.live && !analysis->options.complete)
        return 0;
    object = object_make(analysis, (enum analyze_kind)kind, tree, analysis->options.file_ns);
    object->text = placing->text;
    object->document = placing->document;
    object->prefix = prefix;
    return object_put(analysis, object, err);
}

int analysis_add_text(struct analysis *analysis, const char *name, struct slice text,
                      struct error *err)
{
    SCOPED(json_drop) json_t *documents = NULL;
    struct analyze_text *kept = ARENA_NEW(&analysis->arena, struct analyze_text);
    struct placing placing = {.text = kept};
    int rc = yaml_parse(text, NULL, &documents, err);

    if (rc < 0)
        return rc;
    kept->name = arena_strdup(&analysis->arena, name);
    kept->text = arena_slice_dup(&analysis->arena, text);
    map_init(&kept->lines, 0);
    VEC_PUSH(&analysis->texts, kept);
    for (size_t i = 0; i < json_array_size(documents) && rc >= 0; i++) {
        placing.document = i;
        rc = tree_add(analysis, json_array_get(documents, i), &placing, "", err);
    }
    return rc;
}

int analysis_set_mesh_config(struct analysis *analysis, struct slice text, struct error *err)
{
    json_t *config = NULL;
    int rc = yaml_parse_one(text, NULL, &config, err);

    if (rc < 0)
        return rc;
    json_decref(analysis->mesh_config);
    analysis->mesh_config = config;
    analysis->mesh_config_given = true;
    return 0;
}

void analysis_add_defaults(struct analysis *analysis)
{
    static const char gateway[] =
        "{\"items\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s-"
        "dummypod\","
        "\"namespace\":\"%s\",\"labels\":{\"istio\":\"ingressgateway\"}},\"spec\":{\"containers\":"
        "[{\"name\":\"istio-proxy\"}]}},{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{"
        "\"name\":\"%s\",\"namespace\":\"%s\"},\"spec\":{\"ports\":["
        "{\"name\":\"http2\",\"port\":80,\"protocol\":\"TCP\",\"targetPort\":80},"
        "{\"name\":\"https\",\"port\":443,\"protocol\":\"TCP\",\"targetPort\":443},"
        "{\"name\":\"tcp\",\"port\":31400,\"protocol\":\"TCP\",\"targetPort\":31400},"
        "{\"name\":\"tls\",\"port\":15443,\"protocol\":\"TCP\",\"targetPort\":15443}],"
        "\"selector\":{\"istio\":\"ingressgateway\"}}}]}";
    const char *mode = json_path_string_or(analysis->mesh_config, "ingressControllerMode", "");
    const char *service =
        json_path_string_or(analysis->mesh_config, "ingressService", "istio-ingressgateway");
    const char *ns = analysis->options.istio_ns;
    SCOPED(json_drop) json_t *list = NULL;
    size_t i;
    json_t *item;

    if (strcmp(mode, "OFF") == 0 ||
        yaml_parse_one(slice_str(ANALYSIS_TEXT(analysis, gateway, service, ns, service, ns)), NULL,
                       &list, NULL) < 0)
        return;
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        (void)!analysis_add_object(analysis, (enum analyze_kind)kind_find(item), item, NULL);
    }
}

const struct analyze_object *analysis_find(const struct analysis *analysis, enum analyze_kind kind,
                                           const char *ns, const char *name)
{
    char key[600];
    struct buf text;
    const struct analyze_object *found = NULL;

    buf_init(&text, sizeof key);
    if (buf_printf(&text, "%d/%s/%s", (int)kind, ns, name) >= 0)
        found = map_get(&analysis->index, buf_slice(&text));
    buf_deinit(&text);
    return found;
}

const struct analyze_object *analysis_mesh_config_map(const struct analysis *analysis)
{
    const char *revision = analysis->options.revision;
    bool is_default = strcmp(revision, "default") == 0 || !revision[0];
    char name[300];
    struct buf text;
    const struct analyze_object *map = NULL;

    buf_init(&text, sizeof name);
    if (buf_printf(&text, "istio%s%s", is_default ? "" : "-", is_default ? "" : revision) >= 0 &&
        buf_append_char(&text, '\0') >= 0)
        map =
            analysis_find(analysis, ANALYZE_KIND_CONFIG_MAP, analysis->options.istio_ns, text.data);
    buf_deinit(&text);
    return map;
}

const struct analyze_object *analysis_find_named(const struct analysis *analysis,
                                                 enum analyze_kind kind, const char *ns,
                                                 const char *name)
{
    const char *slash = strchr(name, '/');
    char own[256];

    if (!slash)
        return analysis_find(analysis, kind, ns, name);
    if ((size_t)(slash - name) >= sizeof own)
        return NULL;
    memcpy(own, name, (size_t)(slash - name));
    own[slash - name] = '\0';
    return analysis_find(analysis, kind, own, slash + 1);
}

/* ---- messages ---- */

/* The template with the arguments in place. */
static const char *message_text(struct analysis *analysis, enum analyze_message_id id,
                                const char *const *arguments, size_t count)
{
    struct buf out;
    const char *text;

    buf_init(&out, 0);
    for (const char *p = analyze_message_template(id); *p; p++) {
        bool is_place = p[0] == '{' && p[1] >= '0' && p[1] <= '9' && p[2] == '}';

        if (!is_place) {
            (void)buf_append_char(&out, *p);
            continue;
        }
        ASSERT((size_t)(p[1] - '0') < count);
        (void)buf_append_str(&out, arguments[p[1] - '0']);
        p += 2;
    }
    text = arena_slice_str(&analysis->arena, buf_slice(&out));
    buf_deinit(&out);
    return text;
}

/* Any text matches '*'. */
static bool pattern_matches(const char *pattern, const char *text)
{
    const char *star = NULL;
    const char *star_text = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            star_text = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++star_text;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool message_is_suppressed(struct analysis *analysis, const struct analyze_object *object,
                                  const struct analyze_message *message)
{
    const char *kind = kinds[object->kind].kind;
    const char *dotted = object->ns[0]
                             ? ANALYSIS_TEXT(analysis, "%s %s.%s", kind, object->name, object->ns)
                             : message->origin;
    struct slice codes =
        slice_str(mesh_label_get(&object->annotations, "galley.istio.io/analyze-suppress"));
    struct slice code;

    while (codes.len > 0 && slice_split_next(&codes, ',', &code))
        if (slice_eq_str(code, "*") || slice_eq_str(code, message->code))
            return true;
    for (size_t i = 0; i < analysis->suppressions.count; i++)
        if (strcmp(analysis->suppressions.items[i].code, message->code) == 0 &&
            (pattern_matches(analysis->suppressions.items[i].pattern, message->origin) ||
             pattern_matches(analysis->suppressions.items[i].pattern, dotted)))
            return true;
    return false;
}

static bool object_is_told_of(const struct analysis *analysis, const struct analyze_object *object)
{
    const char *ns = object->kind == ANALYZE_KIND_NAMESPACE ? object->name : object->ns;

    return !analysis->options.ns || !ns[0] || strcmp(ns, analysis->options.ns) == 0;
}

bool analysis_is_full(const struct analysis *analysis)
{
    return analysis->messages.count == ANALYZE_MESSAGES_MAX;
}

void analysis_report(struct analysis *analysis, enum analyze_message_id id,
                     const struct analyze_object *object, const char *path, ...)
{
    static const struct {
        const char *code;
        enum analyze_level level;
    } table[] = {
#define ANALYZE_MESSAGE_LEVEL(name, code, level, arguments, text) {code, ANALYZE_##level},
        ANALYZE_MESSAGE_MAP(ANALYZE_MESSAGE_LEVEL)
#undef ANALYZE_MESSAGE_LEVEL
    };
    const char *arguments[10];
    const char *argument;
    size_t count = 0;
    struct analyze_place place;
    struct analyze_message message = {.id = id, .level = table[id].level, .code = table[id].code};
    va_list args;

    va_start(args, path);
    while ((argument = va_arg(args, const char *)) != NULL && count < ARRAY_LEN(arguments))
        arguments[count++] = argument;
    va_end(args);
    ASSERT(count == analyze_message_argument_count(id));
    if (!object_is_told_of(analysis, object) || analysis_is_full(analysis))
        return;
    message.origin = object->origin;
    if (message_is_suppressed(analysis, object, &message))
        return;
    message.reference = "";
    message.text = message_text(analysis, id, arguments, count);
    VEC_PUSH(&analysis->messages, message);
    place.object = object;
    place.path = path ? arena_strdup(&analysis->arena, path) : NULL;
    VEC_PUSH(&analysis->places, place);
}

void analysis_suppress(struct analysis *analysis, const char *code, const char *pattern)
{
    struct analyze_suppression suppression = {arena_strdup(&analysis->arena, code),
                                              arena_strdup(&analysis->arena, pattern)};

    VEC_PUSH(&analysis->suppressions, suppression);
}

static int message_cmp(const void *a, const void *b)
{
    const struct analyze_message *x = a;
    const struct analyze_message *y = b;
    int order = (int)y->level - (int)x->level;

    if (order == 0)
        order = strcmp(x->code, y->code);
    if (order == 0)
        order = strcmp(x->origin, y->origin);
    if (order == 0)
        order = strcmp(x->text, y->text);
    return order ? order : strcmp(x->reference, y->reference);
}

static void messages_sort(struct analysis *analysis)
{
    struct analyze_message *items = analysis->messages.items;
    size_t kept = 0;

    if (analysis->messages.count == 0)
        return;
    qsort(items, analysis->messages.count, sizeof *items, message_cmp);
    for (size_t i = 0; i < analysis->messages.count; i++)
        if (kept == 0 || message_cmp(&items[kept - 1], &items[i]) != 0)
            items[kept++] = items[i];
    analysis->messages.count = kept;
}

const struct analyze_message *analysis_messages(const struct analysis *analysis, size_t *ret_count)
{
    *ret_count = analysis->messages.count;
    return analysis->messages.items;
}

/* ---- running ---- */

/* From ConfigMap istio, unless it was given. */
static void mesh_config_find(struct analysis *analysis)
{
    const struct analyze_object *map = analysis_mesh_config_map(analysis);
    const char *text = map ? json_path_string(map->json, "data.mesh") : NULL;
    json_t *config = NULL;

    if (analysis->mesh_config_given)
        return;
    if (!text || yaml_parse_one(slice_str(text), NULL, &config, NULL) < 0)
        config = json_object();
    json_decref(analysis->mesh_config);
    analysis->mesh_config = config;
}

static bool name_is_selected(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static uint32_t runtime_bits(void)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < ANALYZE_KIND_COUNT; i++)
        bits |= kinds[i].runtime ? UINT32_C(1) << i : 0;
    return bits;
}

void analysis_run(struct analysis *analysis, const char *const *names, size_t name_count)
{
    bool has_runtime = analysis->options.live || analysis->options.complete;
    bool is_selective = false;

    analysis->messages.count = 0;
    analysis->places.count = 0;
    analysis->skipped.count = 0;
    analysis->executed.count = 0;
    mesh_config_find(analysis);
    for (size_t i = 0; i < analyzer_count(); i++)
        is_selective = is_selective || name_is_selected(analyzer_get(i)->name, names, name_count);
    for (size_t i = 0; i < analyzer_count(); i++) {
        const struct analyzer *analyzer = analyzer_get(i);

        if (is_selective ? !name_is_selected(analyzer->name, names, name_count)
                         : analyzer->needs & ANALYZE_ON_REQUEST)
            continue;
        if (!has_runtime && (analyzer->needs & runtime_bits())) {
            VEC_PUSH(&analysis->skipped, analyzer->name);
            continue;
        }
        analyzer->run(analysis);
        VEC_PUSH(&analysis->executed, analyzer->name);
    }
    analysis_lines_find(analysis);
    messages_sort(analysis);
}

const char *analysis_skipped(const struct analysis *analysis, size_t index)
{
    return index < analysis->skipped.count ? analysis->skipped.items[index] : NULL;
}

const char *analysis_executed(const struct analysis *analysis, size_t index)
{
    return index < analysis->executed.count ? analysis->executed.items[index] : NULL;
}

const char *analyze_analyzer_name(size_t index)
{
    return index < analyzer_count() ? analyzer_get(index)->name : NULL;
}

const char *analyze_analyzer_summary(size_t index)
{
    return index < analyzer_count() ? analyzer_get(index)->summary : NULL;
}
