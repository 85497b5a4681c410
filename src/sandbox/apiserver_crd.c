/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions: the kinds that they bring.
 *
 * A definition is served as soon as it is stored: the store's watch tells before the loop reads the
 * next request. Its objects go with it.
 */
#include "base/log.h"
#include "sandbox/apiserver_int.h"

#include <stdio.h>

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

    json_decref(server->groups);
    server->groups = NULL;
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
