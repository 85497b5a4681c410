/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions: names and status at admission, and the kinds that they bring.
 *
 * A definition is served as soon as it is stored: the store's watch tells before the loop reads the
 * next request. Its objects go with it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "sandbox/apiserver_int.h"

#include <ctype.h>
#include <stdio.h>

/* --- admission --- */

static void names_default(json_t *object)
{
    json_t *names = json_path_get(object, "spec.names");
    const char *kind = json_path_string_or(names, "kind", "");
    char text[160];

    if (!json_is_object(names))
        return;
    if (json_get_string(names, "listKind") == NULL) {
        snprintf(text, sizeof text, "%sList", kind);
        json_set_string(names, "listKind", text);
    }
    if (json_get_string(names, "singular") == NULL) {
        size_t i;

        for (i = 0; kind[i] && i < sizeof text - 1; i++)
            text[i] = (char)tolower((unsigned char)kind[i]);
        text[i] = '\0';
        json_set_string(names, "singular", text);
    }
}

static json_t *condition_new(const char *type, const char *reason, const char *message)
{
    char now[CLOCK_RFC3339_SIZE];

    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", type, "status", "True",
                     "lastTransitionTime", apiserver_object_now(now), "reason", reason, "message",
                     message);
}

static const char *storage_version(const json_t *object)
{
    size_t i;
    json_t *version;

    json_array_foreach(json_path_get(object, "spec.versions"), i, version)
    {
        if (json_get_bool(version, "storage", false))
            return json_path_string_or(version, "name", "");
    }
    return "";
}

void apiserver_crd_prepare(struct apiserver_call *call)
{
    json_t *object = call->object;
    json_t *status;

    names_default(object);
    if (json_path_get(object, "spec.conversion") == NULL)
        json_path_set(object, "spec.conversion.strategy", json_string("None"));
    status = json_object_get(object, "status");
    if (!json_is_object(status)) {
        status = json_object();
        json_object_set_new(object, "status", status);
    }
    if (json_array_size(json_object_get(status, "conditions")) == 0)
        json_object_set_new(
            status, "conditions",
            json_pack("[o, o]", condition_new("NamesAccepted", "NoConflicts", "no conflicts found"),
                      condition_new("Established", "InitialNamesAccepted",
                                    "the initial names have been accepted")));
    json_object_set_new(status, "acceptedNames",
                        json_deep_copy(json_path_get(object, "spec.names")));
    json_object_set_new(status, "storedVersions", json_pack("[s]", storage_version(object)));
}

/* --- serving --- */

static void objects_remove(struct sandbox_apiserver *server, const json_t *crd)
{
    char name[320];
    struct store_bucket *bucket;

    snprintf(name, sizeof name, "%s/%s", json_path_string_or(crd, "spec.group", ""),
             json_path_string_or(crd, "spec.names.plural", ""));
    bucket = store_bucket_get(server->store, name);
    while (store_bucket_count(bucket) > 0) {
        if (store_remove(bucket, store_bucket_at(bucket, store_bucket_count(bucket) - 1)) != 0)
            return; /* an object too large to tell of: the rest stays, unserved */
    }
}

static void crd_serve(struct sandbox_apiserver *server, const struct store_object *object)
{
    if (kinds_crd_add(&server->kinds, object->tree) != 0)
        log_warn(api, "%s: not served: more than %d kinds", object->name, KINDS_MAX);
}

static void crd_on_event(const struct store_event *event, void *ctx)
{
    struct sandbox_apiserver *server = ctx;

    if (event->change == STORE_DELETED) {
        kinds_crd_remove(&server->kinds, event->object->tree);
        objects_remove(server, event->object->tree);
    } else {
        crd_serve(server, event->object);
    }
}

int apiserver_crd_start(struct sandbox_apiserver *server)
{
    const struct kind *kind =
        kinds_builtin(&server->kinds, "apiextensions.k8s.io", "customresourcedefinitions");

    for (size_t i = 0; i < store_bucket_count(kind->bucket); i++)
        crd_serve(server, store_bucket_at(kind->bucket, i));
    return store_watch_add(server->store, kind->bucket, store_revision(server->store),
                           &server->crd_watch, crd_on_event, NULL, server);
}
