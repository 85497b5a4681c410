/* SPDX-License-Identifier: Apache-2.0 */
/* weft verify-install: whether a cluster has what was installed, and whether it runs.
 *
 *   -f FILE, --set   those objects (an IstioOperator, or a manifest of objects)
 *   nothing          what ConfigMap `values` says was installed (of --revision)
 *
 * Place   bin/weft
 * Spec    istioctl had the command up to 1.23; its lines are followed
 */
#include "cli/apply.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/installed.h"

#include "base/mem.h"
#include "install/objects.h"
#include "wire/json.h"
#include "wire/yaml.h"

#include <stdio.h>

struct verify {
    struct kube_client *client;
    size_t crd_count, deployment_count, failure_count;
};

static bool kind_is(const json_t *object, const char *kind)
{
    return strcmp(json_path_string_or(object, "kind", ""), kind) == 0;
}

static void complain(struct verify *verify, const json_t *object, const char *why)
{
    verify->failure_count++;
    printf("✘ %s: %s.%s: %s\n", json_path_string_or(object, "kind", ""), kube_name(object),
           kube_namespace(object), why);
}

/* A ConfigMap whose texts are the trees that they hold: helm writes them in its own way. A new
 * tree. */
static json_t *texts_parsed(const json_t *object)
{
    json_t *copy = json_deep_copy(object);
    const char *key;
    json_t *text;
    void *next;

    if (!kind_is(object, "ConfigMap"))
        return copy;
    json_object_foreach_safe(json_object_get(copy, "data"), next, key, text)
    {
        json_t *tree = NULL;

        if (yaml_parse_one(json_slice(text), NULL, &tree, NULL) == 0 && json_is_object(tree))
            json_object_set(json_object_get(copy, "data"), key, tree);
        json_decref(tree);
    }
    return copy;
}

static bool is_as_installed(const json_t *object, const json_t *live)
{
    json_t *wanted = texts_parsed(object);
    json_t *found = texts_parsed(live);
    bool same = apply_matches(wanted, found);

    json_decref(wanted);
    json_decref(found);
    return same;
}

static void object_verify(struct verify *verify, const json_t *object)
{
    SCOPED(json_drop) json_t *live = NULL;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    if (apply_fetch(verify->client, object, &live, &err) < 0) {
        complain(verify, object, err_format(&err, text, sizeof text));
        return;
    }
    if (!is_as_installed(object, live)) {
        complain(verify, object, "differs from what was installed");
        return;
    }
    if (kind_is(object, "Deployment") && !apply_deployment_is_ready(live)) {
        complain(verify, object, "not all replicas are available");
        return;
    }
    verify->crd_count += kind_is(object, "CustomResourceDefinition");
    verify->deployment_count += kind_is(object, "Deployment");
    printf("✔ %s: %s.%s checked successfully\n", json_path_string_or(object, "kind", ""),
           kube_name(object), kube_namespace(object));
}

/* The values that an installation wrote down. */
static int values_of_cluster(struct kube_client *client, const char *revision,
                             struct install_values *ret, struct error *err)
{
    SCOPED(mem_drop) char *suffix = install_suffix(revision);
    SCOPED(mem_drop) char *name = mem_printf("values%s", suffix);
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_CONFIG_MAP),
                                   .ns = INSTALL_NAMESPACE,
                                   .name = name};
    SCOPED(json_drop) json_t *map = NULL;
    SCOPED(json_drop) json_t *tree = NULL;
    int rc = kube_call_wait(client, &request, &map, err);

    if (rc == ERR_NOT_FOUND)
        return err_set(err, rc,
                       "Istio is not installed with revision \"%s\": there is no ConfigMap "
                       "%s in namespace " INSTALL_NAMESPACE ". Supply flag --filename <yaml>",
                       *suffix ? revision : "default", name);
    if (rc >= 0)
        rc = json_parse(slice_str(json_path_string_or(map, "data.merged-values", "")), NULL, &tree,
                        err);
    return rc < 0 ? rc : install_values_load(ret, tree, err);
}

/* Objects that stand in files as they are; NULL when a file is an IstioOperator. */
static int manifest_read(const struct cli_list *files, json_t **ret, struct error *err)
{
    SCOPED(json_drop) json_t *all = json_array();

    for (size_t i = 0; i < files->count; i++) {
        SCOPED(json_drop) json_t *documents = NULL;
        int rc = cli_documents_read(files->items[i], &documents, err);

        if (rc < 0)
            return rc;
        json_array_extend(all, documents);
    }
    for (size_t i = 0; i < json_array_size(all); i++)
        if (kind_is(json_array_get(all, i), "IstioOperator"))
            return 0;
    if (json_array_size(all) > 0)
        *ret = TAKE(all);
    return 0;
}

static int objects_find(struct verify *verify, const struct cli_list *files,
                        const struct cli_list *sets, const char *revision, json_t **ret,
                        struct error *err)
{
    SCOPED(install_values_deinit) struct install_values values = {0};
    int rc = manifest_read(files, ret, err);

    if (rc < 0 || *ret)
        return rc;
    rc = files->count + sets->count > 0
             ? cli_values_load_revision(files, sets, revision, &values, err)
             : values_of_cluster(verify->client, revision, &values, err);
    if (rc >= 0)
        *ret = install_objects(&values);
    return rc;
}

static int run(struct verify *verify, const json_t *objects)
{
    size_t i;
    json_t *object;

    json_array_foreach(objects, i, object) object_verify(verify, object);
    printf("Checked %zu custom resource definitions\nChecked %zu Istio Deployments\n",
           verify->crd_count, verify->deployment_count);
    if (verify->failure_count > 0)
        return cli_failf("Istio installation failed, incomplete or does not match: %zu of %zu "
                         "objects",
                         verify->failure_count, json_array_size(objects));
    printf("✔ Istio is installed and verified successfully\n");
    return CLI_OK;
}

int cli_verify_install(struct cli *cli, int argc, char **argv)
{
    static struct cli_list no_list;
    struct cli_list files = no_list, sets = no_list;
    const char *revision = NULL;
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_LIST, &files, "an IstioOperator, or a manifest of objects"},
        {"set", 's', CLI_FLAG_LIST, &sets, "key=value, as install got it"},
        {"revision", 'r', CLI_FLAG_STRING, &revision, "of that control plane"},
    };
    SCOPED(cli_cluster_close) struct cli_cluster cluster = {0};
    SCOPED(json_drop) json_t *objects = NULL;
    struct verify verify = {0};
    struct error err = {0};
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft verify-install [-f FILE] [--revision NAME]", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (argc > 0)
        return cli_failf("unexpected argument \"%s\"", argv[1]);
    if (cli_cluster_open(cli, &cluster, &err) < 0)
        return cli_fail(&err);
    verify.client = cluster.client;
    if (objects_find(&verify, &files, &sets, revision, &objects, &err) < 0)
        return cli_fail(&err);
    return run(&verify, objects);
}
