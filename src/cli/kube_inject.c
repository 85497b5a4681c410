/* SPDX-License-Identifier: Apache-2.0 */
/* weft kube-inject: sidecars for the workloads of a file, without the webhook.
 *
 * Place   bin/weft; settings are those that the cluster's webhook would use, or of files
 * Limits  settings of 1 MiB
 */
#include "cli/cli.h"
#include "cli/common.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "inject/inject.h"
#include "wire/json.h"
#include "wire/yaml.h"

#include <errno.h>
#include <stdio.h>

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

static int object_inject(const struct inject_config *config, json_t *object, const char *ns,
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

/* A workload, or a List of such; anything else stays as it is. */
static int document_inject(const struct inject_config *config, json_t *document, const char *ns,
                           struct error *err)
{
    size_t i;
    json_t *item;
    int rc = 0;

    if (strcmp(json_path_string_or(document, "kind", ""), "List") != 0)
        return object_inject(config, document, ns, err);
    json_array_foreach(json_object_get(document, "items"), i, item)
    {
        if (rc >= 0)
            rc = object_inject(config, item, ns, err);
    }
    return rc;
}

/* The text as a tree. */
static int tree_parse(struct slice text, const char *where, json_t **ret, struct error *err)
{
    int rc = yaml_parse_one(text, NULL, ret, err);

    return rc < 0 ? err_prefix(err, "%s", where) : 0;
}

static int file_load(const char *path, json_t **ret, struct error *err)
{
    struct buf text;
    int rc;

    buf_init(&text, CONFIG_SIZE_MAX);
    rc = file_read(path, &text, err);
    if (rc >= 0)
        rc = tree_parse(buf_slice(&text), path, ret, err);
    buf_deinit(&text);
    return rc;
}

/* data[key] of the installation's ConfigMap BASE or BASE-REVISION. */
static int map_load(struct kube_client *client, const struct cli *cli, const char *name,
                    const char *key, json_t **ret, struct error *err)
{
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_CONFIG_MAP),
                                   .ns = cli->istio_ns,
                                   .name = name};
    SCOPED(json_drop) json_t *map = NULL;
    const char *text;
    int rc = kube_call_wait(client, &request, &map, err);

    if (rc < 0)
        return rc;
    text = json_get_string(json_object_get(map, "data"), key);
    if (!text)
        return err_set(err, ERR_INVALID, "ConfigMap %s has no key %s", name, key);
    return tree_parse(slice_str(text), name, ret, err);
}

/* Where settings come from. */
struct sources {
    const char *mesh_file, *values_file; /* NULL: the cluster's */
    const char *revision;                /* NULL: the default one */
};

static int settings_load(const struct cli *cli, const struct sources *sources, json_t **ret_mesh,
                         json_t **ret_values, struct error *err)
{
    SCOPED(cli_cluster_close) struct cli_cluster cluster = {0};
    SCOPED(mem_drop) char *suffix = install_suffix(sources->revision);
    SCOPED(mem_drop) char *mesh = mem_printf("istio%s", suffix);
    SCOPED(mem_drop) char *values = mem_printf("istio-sidecar-injector%s", suffix);
    int rc = 0;

    if (!sources->mesh_file || !sources->values_file)
        rc = cli_cluster_open(cli, &cluster, err);
    if (rc >= 0)
        rc = sources->mesh_file ? file_load(sources->mesh_file, ret_mesh, err)
                                : map_load(cluster.client, cli, mesh, "mesh", ret_mesh, err);
    if (rc >= 0)
        rc = sources->values_file
                 ? file_load(sources->values_file, ret_values, err)
                 : map_load(cluster.client, cli, values, "values", ret_values, err);
    return rc;
}

static int run(const struct cli *cli, const char *file, const struct sources *sources,
               struct error *err)
{
    SCOPED(json_drop) json_t *mesh = NULL;
    SCOPED(json_drop) json_t *values = NULL;
    SCOPED(json_drop) json_t *documents = NULL;
    size_t i;
    json_t *document;
    int rc = cli_documents_read(file, &documents, err);

    if (rc >= 0)
        rc = settings_load(cli, sources, &mesh, &values, err);
    if (rc < 0)
        return rc;
    const struct inject_config config = {.values = values, .mesh = mesh};

    json_array_foreach(documents, i, document)
    {
        rc = document_inject(&config, document, cli->ns ? cli->ns : "default", err);
        if (rc < 0)
            return rc;
        cli_document_print(document);
    }
    return 0;
}

/* Standard output becomes the file. */
static int output_open(const char *path, struct error *err)
{
    if (!path || strcmp(path, "-") == 0 || freopen(path, "w", stdout))
        return 0;
    return err_set(err, err_from_errno(errno), "open %s: %s", path, strerror(errno));
}

int cli_kube_inject(struct cli *cli, int argc, char **argv)
{
    const char *file = NULL, *output = NULL;
    struct sources sources = {0};
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_STRING, &file, "file of workloads, - for standard input"},
        {"output", 'o', CLI_FLAG_STRING, &output, "file to write instead of standard output"},
        {"meshConfigFile", 0, CLI_FLAG_STRING, &sources.mesh_file, "key mesh of ConfigMap istio"},
        {"valuesFile", 0, CLI_FLAG_STRING, &sources.values_file,
         "key values of ConfigMap istio-sidecar-injector"},
        {"revision", 'r', CLI_FLAG_STRING, &sources.revision, "settings of that control plane"},
    };
    struct error err = {0};
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft kube-inject -f FILE [-o FILE]", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (!file)
        return cli_failf("1 error occurred:\n\t* filename not specified (see --filename or -f)");
    if (output_open(output, &err) < 0 || run(cli, file, &sources, &err) < 0)
        return cli_fail(&err);
    return CLI_OK;
}
