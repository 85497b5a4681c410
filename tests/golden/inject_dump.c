/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what injection makes of FOLDER/input.yaml: a pod (or template), and behind it, if given, a
 * document of settings: {values, mesh, namespace, namespaceLabels, ownerKind, ownerName}.
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "inject/inject.h"
#include "wire/yaml.h"

static void tree_print(const json_t *tree)
{
    char *text = json_format_str(tree, JSON_FORMAT_PRETTY);

    puts(text);
    mem_free(text);
}

static int dump(json_t *pod, const json_t *settings, struct error *err)
{
    const struct inject_config config = {.values = json_object_get(settings, "values"),
                                         .mesh = json_object_get(settings, "mesh")};
    const struct inject_scope scope = {
        .ns = json_path_string_or(settings, "namespace", "default"),
        .ns_labels = json_object_get(settings, "namespaceLabels"),
        .owner_kind = json_path_string(settings, "ownerKind"),
        .owner_name = json_path_string(settings, "ownerName"),
    };
    const char *reason;
    json_t *refusal;
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    if (!inject_required(&config, pod, &scope, &reason)) {
        refusal = json_pack("{s:s}", "skipped", reason);
    } else if (inject_pod(&config, pod, &scope, err) < 0) {
        refusal = json_pack("{s:s}", "refused", err_format(err, text, sizeof text));
    } else {
        tree_print(pod);
        return 0;
    }
    tree_print(refusal);
    json_decref(refusal);
    return 0;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    json_t *documents = NULL;
    struct buf bytes;
    char *path;
    int rc;

    if (argc != 2) {
        fprintf(stderr, "usage: inject_dump FOLDER\n");
        return 64;
    }
    path = mem_printf("%s/input.yaml", argv[1]);
    buf_init(&bytes, 0);
    rc = file_read(path, &bytes, &err);
    if (rc >= 0)
        rc = yaml_parse(buf_slice(&bytes), NULL, &documents, &err);
    if (rc >= 0)
        rc = dump(json_array_get(documents, 0), json_array_get(documents, 1), &err);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", path, err_format(&err, text, sizeof text));
    json_decref(documents);
    buf_deinit(&bytes);
    mem_free(path);
    return rc < 0;
}
