/* SPDX-License-Identifier: Apache-2.0 */
/* weft kube-inject: sidecars for the workloads of a file, without the webhook.
 */
#include "cli/cli.h"
#include "cli/common.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "inject/inject.h"
#include "install/objects.h"
#include "wire/json.h"
#include "wire/yaml.h"

enum { CONFIG_SIZE_MAX = 1024 * 1024 };

/* Where the pod of a workload is in its object; NULL: no workload. */
static json_t *template_of(json_t *object, const char *kind)
{
    static const struct {
        const char *kind;
        const char *path;
    } table[] = {
        {"Deployment", "spec.template"},
        {"ReplicaSet", "spec.template"},
        {"StatefulSet", "spec.template"},
        {"DaemonSet", "spec.template"},
        {"Job", "spec.template"},
        {"ReplicationController", "spec.template"},
        {"Pod", ""},
        {"CronJob", "spec.jobTemplate.spec.template"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(table[i].kind, kind) == 0)
            return json_path_get(object, table[i].path);
    return NULL;
}

static int document_inject(const struct inject_config *config, json_t *object, const char *ns,
                           struct error *err)
{
    const char *kind = json_path_string_or(object, "kind", "");
    json_t *pod = template_of(object, kind);
    struct inject_scope scope = {.ns = json_path_string_or(object, "metadata.namespace", ns)};
    int rc;

    if (!pod || !inject_required(config, pod, &scope, NULL))
        return 0;
    if (strcmp(kind, "Pod") != 0) {
        scope.owner_kind = kind;
        scope.owner_name = kube_name(object);
    }
    rc = inject_pod(config, pod, &scope, err);
    return rc < 0 ? err_prefix(err, "%s %s", kind, kube_name(object)) : 0;
}

/* The text of a file as a tree; the default, which is taken, when no file is named. */
static int tree_load(const char *path, json_t *fallback, json_t **ret, struct error *err)
{
    struct buf text;
    int rc;

    if (!path) {
        *ret = fallback;
        return 0;
    }
    json_decref(fallback);
    buf_init(&text, CONFIG_SIZE_MAX);
    rc = file_read(path, &text, err);
    if (rc >= 0)
        rc = yaml_parse_one(buf_slice(&text), NULL, ret, err);
    buf_deinit(&text);
    return rc;
}

static int run(const struct cli *cli, const char *file, const char *mesh_file,
               const char *values_file, struct error *err)
{
    SCOPED(install_values_deinit) struct install_values values = {0};
    SCOPED(json_drop) json_t *mesh = NULL;
    SCOPED(json_drop) json_t *tree = NULL;
    SCOPED(json_drop) json_t *documents = NULL;
    size_t i;
    json_t *document;
    int rc = install_values_init(&values, NULL, err);

    if (rc >= 0)
        rc = tree_load(mesh_file, install_mesh(&values), &mesh, err);
    if (rc >= 0)
        rc = tree_load(values_file, install_injection(&values), &tree, err);
    if (rc >= 0)
        rc = cli_documents_read(file, &documents, err);
    const struct inject_config config = {.values = tree, .mesh = mesh};

    json_array_foreach(documents, i, document)
    {
        rc = document_inject(&config, document, cli->ns ? cli->ns : "default", err);
        if (rc < 0)
            return rc;
        cli_document_print(document);
    }
    return rc;
}

int cli_kube_inject(struct cli *cli, int argc, char **argv)
{
    const char *file = NULL, *mesh_file = NULL, *values_file = NULL;
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_STRING, &file, "file of workloads, - for standard input"},
        {"meshConfigFile", 0, CLI_FLAG_STRING, &mesh_file, "key mesh of ConfigMap istio"},
        {"valuesFile", 0, CLI_FLAG_STRING, &values_file,
         "key values of ConfigMap istio-sidecar-injector"},
    };
    struct error err = {0};
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags), "weft kube-inject -f FILE",
                             &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (!file)
        return cli_failf("1 error occurred:\n\t* filename not specified (see --filename or -f)");
    return run(cli, file, mesh_file, values_file, &err) < 0 ? cli_fail(&err) : CLI_OK;
}
