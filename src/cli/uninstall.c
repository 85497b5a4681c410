/* SPDX-License-Identifier: Apache-2.0 */
/* weft uninstall: one control plane with its gateways (--revision, -f), or everything (--purge).
 *
 *   --purge   webhooks, workloads, accounts, ConfigMaps; when the last istiod is gone, the root's
 *             Secret and its copies in every namespace; definitions, and users' objects with them
 *
 * Place   bin/weft; what is there is found by labels (cli/installed)
 * Limits  the namespace istio-system is left, as istioctl leaves it
 */
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/installed.h"

#include "base/clock.h"
#include "base/mem.h"
#include "install/objects.h"
#include "wire/json.h"

#include <stdio.h>

enum { GONE_TIMEOUT_MS = 120000, POLL_MS = 200 };

struct uninstall {
    struct kube_client *client;
    const char *revision; /* NULL: everything */
    bool dry_run;
};

static int objects_remove(const struct uninstall *uninstall, const json_t *objects,
                          struct error *err)
{
    size_t i;
    json_t *object;

    json_array_foreach(objects, i, object)
    {
        int rc = 0;

        if (uninstall->dry_run)
            printf("  Not removing %s %s because of dry run.\n",
                   json_path_string_or(object, "kind", ""), kube_name(object));
        else
            rc = installed_remove(uninstall->client, object, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Waits until no object is left that the query selects. */
static int gone_wait(const struct uninstall *uninstall, enum kube_resource_id id, const char *query,
                     struct error *err)
{
    uint64_t start_ms = clock_monotonic_ms();

    for (;;) {
        SCOPED(json_drop) json_t *list = NULL;
        int rc = installed_query(uninstall->client, id, NULL, query, &list, err);

        if (rc < 0 || json_array_size(list) == 0)
            return rc;
        if (clock_monotonic_ms() - start_ms > GONE_TIMEOUT_MS)
            return err_set(err, ERR_TIMEOUT, "%s %s is still there after %d s",
                           kube_resource_get(id)->kind, kube_name(json_array_get(list, 0)),
                           GONE_TIMEOUT_MS / 1000);
        clock_sleep_ms(POLL_MS);
    }
}

/* A running istiod would write them again. */
static int root_remove(const struct uninstall *uninstall, struct error *err)
{
    static const struct {
        enum kube_resource_id id;
        const char *query;
    } places[] = {
        {KUBE_RESOURCE_SECRET, "fieldSelector=metadata.name%3Distio-ca-secret"},
        {KUBE_RESOURCE_CONFIG_MAP, "fieldSelector=metadata.name%3Distio-ca-root-cert"},
    };
    int rc = uninstall->dry_run
                 ? 0
                 : gone_wait(uninstall, KUBE_RESOURCE_POD, "labelSelector=app%3Distiod", err);

    for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(places); i++) {
        SCOPED(json_drop) json_t *list = NULL;

        rc = installed_query(uninstall->client, places[i].id, NULL, places[i].query, &list, err);
        if (rc >= 0)
            rc = objects_remove(uninstall, list, err);
    }
    return rc;
}

static int crds_remove(const struct uninstall *uninstall, struct error *err)
{
    SCOPED(json_drop) json_t *list = NULL;
    int rc = installed_crds_list(uninstall->client, &list, err);

    if (rc >= 0)
        rc = objects_remove(uninstall, list, err);
    if (rc < 0 || uninstall->dry_run)
        return rc;
    return gone_wait(uninstall, KUBE_RESOURCE_CRD, "labelSelector=" INSTALL_COMPONENT_LABEL, err);
}

static int run(const struct uninstall *uninstall, const json_t *objects, struct error *err)
{
    int rc = objects_remove(uninstall, objects, err);

    if (rc >= 0 && !uninstall->revision)
        rc = root_remove(uninstall, err);
    if (rc >= 0 && !uninstall->revision)
        rc = crds_remove(uninstall, err);
    return rc;
}

/* The revision that flags and files name; "" for none. */
static int revision_find(const struct cli_list *files, const struct cli_list *sets,
                         const char *revision, char **ret, struct error *err)
{
    SCOPED(install_values_deinit) struct install_values values = {0};
    const char *found;
    int rc;

    if (revision || files->count + sets->count == 0) {
        *ret = mem_strdup(revision ? revision : "");
        return 0;
    }
    rc = cli_values_load(files, sets, &values, err);
    if (rc < 0)
        return rc;
    found = json_path_string_or(values.tree, "revision", "");
    *ret = mem_strdup(*found ? found : "default");
    return 0;
}

static int confirmed_run(const struct cli *cli, struct uninstall *uninstall, bool yes)
{
    SCOPED(cli_cluster_close) struct cli_cluster cluster = {0};
    SCOPED(json_drop) json_t *objects = NULL;
    struct error err = {0};

    if (cli_cluster_open(cli, &cluster, &err) < 0)
        return cli_fail(&err);
    uninstall->client = cluster.client;
    if (installed_list(cluster.client, uninstall->revision, &objects, &err) < 0)
        return cli_fail(&err);
    if (uninstall->revision && json_array_size(objects) == 0)
        return cli_failf("could not find target revision %s", uninstall->revision);
    if (uninstall->revision)
        printf("%zu objects of revision %s will be pruned from the cluster\n",
               json_array_size(objects), uninstall->revision);
    else
        printf("All Istio resources will be pruned from the cluster\n");
    if (!uninstall->dry_run && !cli_confirmed(yes, "Proceed? (y/N) "))
        return CLI_FAILED;
    if (run(uninstall, objects, &err) < 0)
        return cli_fail(&err);
    printf("✔ Uninstall complete\n");
    return CLI_OK;
}

int cli_uninstall(struct cli *cli, int argc, char **argv)
{
    static struct cli_list no_list;
    struct cli_list files = no_list, sets = no_list;
    bool yes = false, purge = false, dry_run = false;
    const char *revision = NULL;
    const struct cli_flag flags[] = {
        {"purge", 0, CLI_FLAG_BOOL, &purge, "remove everything, of all revisions"},
        {"revision", 'r', CLI_FLAG_STRING, &revision, "remove the control plane of that revision"},
        {"filename", 'f', CLI_FLAG_LIST, &files, "remove what that IstioOperator installed"},
        {"set", 's', CLI_FLAG_LIST, &sets, "key=value, e.g. revision=canary"},
        {"skip-confirmation", 'y', CLI_FLAG_BOOL, &yes, "do not ask"},
        {"dry-run", 0, CLI_FLAG_BOOL, &dry_run, "only say what would be removed"},
    };
    SCOPED(mem_drop) char *wanted = NULL;
    struct error err = {0};
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft uninstall --purge | --revision NAME | -f FILE", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (argc > 0)
        return cli_failf("%s uninstall does not take arguments", cli->program);
    if (revision_find(&files, &sets, revision, &wanted, &err) < 0)
        return cli_fail(&err);
    if (!purge && !*wanted)
        return cli_failf("at least one of the --revision (or --set revision=<revision>), "
                         "--filename or --purge flags must be set");
    if (purge && *wanted)
        fprintf(stderr, "Purge uninstall will remove all Istio resources, ignoring the specified "
                        "revision or operator file\n");

    struct uninstall uninstall = {.revision = purge ? NULL : wanted, .dry_run = dry_run};

    return confirmed_run(cli, &uninstall, yes);
}
