/* SPDX-License-Identifier: Apache-2.0 */
/* Problems of the snapshot, grouped by object, against the conditions that the caches show.
 */
#include "control/status.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "control/reconcile.h"
#include "kube/objects/object.h"
#include "wire/json.h"

static const enum mesh_kind kinds[] = {MESH_VIRTUAL_SERVICE, MESH_DESTINATION_RULE, MESH_GATEWAY,
                                       MESH_SERVICE_ENTRY, MESH_SIDECAR};

struct status {
    const struct source *source;
    struct reconcile *writer; /* NULL: logs only */
    bool leads;               /* it writes */
    struct mesh *mesh;        /* the newest */
    struct map wanted;        /* "kind/ns/name" -> char *message, of `mesh` */
};

static char *key_of(enum mesh_kind kind, const char *ns, const char *name)
{
    return mem_printf("%s/%s/%s", mesh_kind_name(kind), ns, name);
}

static void wanted_clear(struct map *wanted)
{
    MAP_EACH (entry, wanted)
        mem_free(entry->value);
    map_clear(wanted);
}

/* The texts of all problems of one object, joined. */
static void wanted_fill(struct status *status, struct map *wanted)
{
    size_t count;
    const struct mesh_problem *problems = mesh_problems(status->mesh, &count);

    for (size_t i = 0; i < count; i++) {
        char *key = key_of(problems[i].kind, problems[i].namespace, problems[i].name);
        char *before = map_get_str(wanted, key);
        char *text = mem_printf("%s%s%s%s%s%s%s", before ? before : "", before ? "; " : "",
                                problems[i].code[0] ? "[" : "", problems[i].code,
                                problems[i].code[0] ? "] " : "", problems[i].field,
                                problems[i].field[0] ? ": " : "");
        char *whole = mem_printf("%s%s", text, problems[i].reason);

        (void)map_put(wanted, slice_str(key), whole, NULL);
        mem_free(text);
        mem_free(before);
        mem_free(key);
    }
}

/* Logs what is new, and what is mended. */
static void log_difference(const struct map *before, const struct map *after)
{
    MAP_EACH (entry, after) {
        const char *old = map_get(before, entry->key);

        if (!old || strcmp(old, entry->value) != 0)
            log_warn(config, "%.*s: %s", SLICE_ARG(entry->key), (const char *)entry->value);
    }
    MAP_EACH (entry, before) {
        if (!map_get(after, entry->key))
            log_info(config, "%.*s: resolved", SLICE_ARG(entry->key));
    }
}

void status_update(struct status *status, struct mesh *mesh)
{
    struct map wanted;

    mesh_unref(status->mesh);
    status->mesh = mesh_ref(mesh);
    map_init(&wanted, 0);
    wanted_fill(status, &wanted);
    log_difference(&status->wanted, &wanted);
    wanted_clear(&status->wanted);
    map_deinit(&status->wanted);
    status->wanted = wanted;
    if (status->writer)
        reconcile_mark(status->writer);
}

/* --- writing --- */

/* Whether the object says already what it should: no condition at all is as good as "passed". */
static bool is_told(const json_t *condition, const char *message)
{
    const char *state = json_path_string_or(condition, "status", "True");

    if (!message)
        return strcmp(state, "True") == 0;
    return strcmp(state, "False") == 0 &&
           strcmp(json_path_string_or(condition, "message", ""), message) == 0;
}

static void status_write(struct status *status, const struct kube_resource *resource,
                         const json_t *object, const char *message)
{
    char now[CLOCK_RFC3339_SIZE];
    json_t *body = json_pack("{s:{s:[{s:s, s:s, s:s, s:s, s:s}], s:I}}", "status", "conditions",
                             "type", "PassedAnalysis", "status", message ? "False" : "True",
                             "reason", message ? "errorsFound" : "noErrorsFound", "message",
                             message ? message : "No errors found", "lastTransitionTime",
                             clock_format_now(now), "observedGeneration",
                             (json_int_t)json_path_int(object, "metadata.generation", 0));
    struct kube_request request = {.verb = KUBE_PATCH_MERGE,
                                   .resource = resource,
                                   .ns = kube_namespace(object),
                                   .name = kube_name(object),
                                   .subresource = "status",
                                   .body = body};

    reconcile_write(status->writer, &request);
    json_decref(body);
}

static void run(void *ctx)
{
    struct status *status = ctx;

    for (size_t i = 0; status->leads && i < ARRAY_LEN(kinds); i++) {
        const struct kube_cache *cache = source_cache(status->source, kinds[i]);
        size_t cursor = 0;
        json_t *object;

        while ((object = kube_cache_next(cache, &cursor)) != NULL) {
            char *key = key_of(kinds[i], kube_namespace(object), kube_name(object));
            const char *message = map_get_str(&status->wanted, key);

            if (!is_told(kube_condition(object, "PassedAnalysis"), message))
                status_write(status, kube_cache_resource(cache), object, message);
            mem_free(key);
        }
    }
}

struct status *status_new(struct kube_client *client, const struct source *source)
{
    struct status *status = MEM_NEW(struct status);

    status->source = source;
    map_init(&status->wanted, 0);
    if (client)
        status->writer = reconcile_new(client, "status", run, status);
    return status;
}

void status_lead(struct status *status, bool leads)
{
    status->leads = leads;
    if (leads && status->writer && status->mesh)
        reconcile_mark(status->writer);
}

void status_free(struct status *status)
{
    if (!status)
        return;
    reconcile_free(status->writer);
    mesh_unref(status->mesh);
    wanted_clear(&status->wanted);
    map_deinit(&status->wanted);
    mem_free(status);
}
