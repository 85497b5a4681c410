/* SPDX-License-Identifier: Apache-2.0 */
/* translate_dump FOLDER: what translation makes of input.yaml for the proxy in scope.yaml, as JSON.
 *
 *   scope.yaml  role: sidecar | router, namespace, addresses, labels, node, interceptionNone
 *   output      {"clusters": [...], "endpoints": [...], "listeners": [...], "routes": [...],
 *                "problems": [...]}
 *
 * Place   tests/golden/test_golden.py compares the output with expected.json
 * Limits  a document {include: [...], namespace: ...} names further files, by path from the case's
 *         folder, and the namespace of those of their objects that name none; {meshConfig: {...}}
 *         sets the mesh
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "mesh_load.h"
#include "translate/translate.h"
#include "wire/proto.h"
#include "xds/pb/cluster.h"
#include "xds/pb/endpoint.h"
#include "xds/pb/listener.h"
#include "xds/pb/registry.h"
#include "xds/pb/route.h"

enum { PATH_SIZE = 1024, LIST_MAX = 64 };

static const struct {
    const char *name;
    const struct proto_message *desc;
} types[TRANSLATE_TYPE_COUNT] = {
    [TRANSLATE_CLUSTER] = {"clusters", &pb_cluster_desc},
    [TRANSLATE_ENDPOINT] = {"endpoints", &pb_cluster_load_assignment_desc},
    [TRANSLATE_LISTENER] = {"listeners", &pb_listener_desc},
    [TRANSLATE_ROUTE] = {"routes", &pb_route_configuration_desc},
};

static void fail(const char *what, const struct error *err)
{
    char text[1024];

    (void)fprintf(stderr, "translate_dump: %s: %s\n", what, err_format(err, text, sizeof(text)));
    exit(1);
}

static json_t *read_yaml(const char *path)
{
    struct error err = {0};
    json_t *documents = NULL;
    struct buf text;

    buf_init(&text, 0);
    if (file_read(path, &text, &err) < 0 ||
        yaml_parse(buf_slice(&text), NULL, &documents, &err) < 0)
        fail(path, &err);
    buf_deinit(&text);
    return documents;
}

static void load(struct mesh_builder *builder, const char *folder, const char *file,
                 const char *namespace)
{
    struct error err = {0};
    char path[PATH_SIZE];
    json_t *documents;
    json_t *document;
    json_t *name;
    size_t i;
    size_t j;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    documents = read_yaml(path);
    json_array_foreach(documents, i, document)
    {
        (void)mesh_load_object(builder, document, namespace);
        if (json_object_get(document, "meshConfig") &&
            mesh_builder_config(builder, json_object_get(document, "meshConfig"), &err) < 0)
            fail(path, &err);
        json_array_foreach(json_object_get(document, "include"), j, name)
            load(builder, folder, json_string_value(name), json_get_string(document, "namespace"));
    }
    json_decref(documents);
}

static json_t *resources(const struct translate_output *output, enum translate_type type,
                         struct arena *arena)
{
    json_t *out = json_array();

    for (size_t i = 0; i < translate_count(output, type); i++) {
        const struct translate_resource *resource = translate_at(output, type, i);
        struct error err = {0};
        void *message = NULL;

        if (proto_decode(types[type].desc, resource->bytes, NULL, arena, &message, NULL, &err) < 0)
            fail(resource->name, &err);
        json_array_append_new(out, proto_to_json(types[type].desc, message, &pb_registry));
    }
    return out;
}

static json_t *problems(const struct mesh *mesh)
{
    json_t *out = json_array();
    size_t count;
    const struct mesh_problem *list = mesh_problems(mesh, &count);

    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            out, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind", mesh_kind_name(list[i].kind),
                           "namespace", list[i].namespace, "name", list[i].name, "code",
                           list[i].code, "field", list[i].field, "reason", list[i].reason));
    return out;
}

static void print(const struct mesh *mesh, const struct translate_scope *scope)
{
    struct translate_output *output = NULL;
    struct error err = {0};
    json_t *out = json_object();
    struct arena arena;
    char *text;

    if (translate_run(mesh, scope, NULL, &output, &err) < 0)
        fail("translate_run", &err);
    arena_init(&arena, 0);
    for (int i = 0; i < TRANSLATE_TYPE_COUNT; i++)
        json_object_set_new(out, types[i].name, resources(output, (enum translate_type)i, &arena));
    json_object_set_new(out, "problems", problems(mesh));
    text = json_dumps(out, JSON_INDENT(2) | JSON_SORT_KEYS);
    (void)puts(text);
    free(text);
    json_decref(out);
    translate_output_unref(output);
    arena_deinit(&arena);
}

static int label_cmp(const void *a, const void *b)
{
    return strcmp(((const struct mesh_label *)a)->key, ((const struct mesh_label *)b)->key);
}

int main(int argc, char **argv)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    struct mesh_label labels[LIST_MAX];
    const char *addresses[LIST_MAX];
    struct translate_scope scope = {.addresses = addresses, .labels = {labels, 0}};
    char path[PATH_SIZE];
    struct mesh *mesh;
    json_t *document;
    json_t *value;
    json_t *label;
    const char *key;
    size_t i;

    if (argc != 2)
        return 2;
    load(builder, argv[1], "input.yaml", NULL);
    (void)snprintf(path, sizeof(path), "%s/scope.yaml", argv[1]);
    document = read_yaml(path);
    value = json_array_get(document, 0);
    scope.role = strcmp(json_path_string_or(value, "role", "sidecar"), "router") == 0
                     ? TRANSLATE_ROUTER
                     : TRANSLATE_SIDECAR;
    scope.namespace = json_path_string_or(value, "namespace", "default");
    scope.node = json_path_string_or(value, "node", "");
    scope.interception_none = json_path_bool(value, "interceptionNone", false);
    for (i = 0; i < json_array_size(json_object_get(value, "addresses")) && i < LIST_MAX; i++)
        addresses[scope.address_count++] =
            json_string_value(json_array_get(json_object_get(value, "addresses"), i));
    value = json_object_get(value, "labels");
    json_object_foreach(value, key, label)
    {
        ASSERT(scope.labels.count < LIST_MAX);
        labels[scope.labels.count++] = (struct mesh_label){key, json_string_value(label)};
    }
    qsort(labels, scope.labels.count, sizeof(*labels), label_cmp);
    mesh = mesh_builder_snapshot(builder);
    print(mesh, &scope);
    mesh_unref(mesh);
    mesh_builder_free(builder);
    json_decref(document);
    return 0;
}
