/* SPDX-License-Identifier: Apache-2.0 */
/* weft install: the objects of a mesh to a cluster, part by part, and nothing that has not changed.
 *
 *   values (profile, -f, --set) -> install_objects -> for each component: create or change what
 *   differs, wait for its Deployments -> remove what the former values had and these have not
 *
 * Place   bin/weft; cli/apply writes, cli/installed finds what is there
 * Spec    istioctl install: its questions, progress lines and exit codes
 */
#include "cli/apply.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/installed.h"

#include "base/clock.h"
#include "base/mem.h"
#include "install/objects.h"
#include "wire/json.h"

#include <stdio.h>

enum { POLL_MS = 200 };

/* The parts that progress is told of, in order. */
static const struct component {
    const char *label; /* of its objects */
    const char *title;
} components[] = {
    {"Base", "Istio core"},
    {"Pilot", "Istiod"},
    {"IngressGateways", "Ingress gateways"},
    {"EgressGateways", "Egress gateways"},
};

struct install {
    struct kube_client *client;
    const json_t *objects;
    uint64_t timeout_ms; /* of each component */
    bool dry_run;
};

static const char *component_of(const json_t *object)
{
    const char *label = kube_label(object, INSTALL_COMPONENT_LABEL);

    return label ? label : "";
}

/* --- readiness --- */

/* Why a pod does not run, of the Deployment's pods; "" when nobody says. */
static void pods_complain(struct kube_client *client, const json_t *deployment, char *out,
                          size_t size)
{
    SCOPED(mem_drop)
    char *query = mem_printf("labelSelector=app%%3D%s",
                             json_path_string_or(deployment, "spec.selector.matchLabels.app", ""));
    SCOPED(json_drop) json_t *list = NULL;
    size_t i;
    json_t *pod;

    out[0] = 0;
    if (installed_query(client, KUBE_RESOURCE_POD, kube_namespace(deployment), query, &list, NULL) <
        0)
        return;
    json_array_foreach(list, i, pod)
    {
        const json_t *waiting = json_path_get(pod, "status.containerStatuses[0].state.waiting");

        if (waiting)
            snprintf(out, size, "; pod %s: %s: %s", kube_name(pod),
                     json_path_string_or(waiting, "reason", "waiting"),
                     json_path_string_or(waiting, "message", ""));
    }
}

static int deployment_wait(struct kube_client *client, const json_t *wanted, uint64_t timeout_ms,
                           struct error *err)
{
    uint64_t start_ms = clock_monotonic_ms();
    char complaint[256];

    for (;;) {
        SCOPED(json_drop) json_t *deployment = NULL;
        int rc = apply_fetch(client, wanted, &deployment, err);

        if (rc < 0)
            return rc;
        if (apply_deployment_is_ready(deployment))
            return 0;
        if (clock_monotonic_ms() - start_ms > timeout_ms)
            break;
        clock_sleep_ms(POLL_MS);
    }
    pods_complain(client, wanted, complaint, sizeof complaint);
    return err_set(err, ERR_TIMEOUT, "deployment %s is not ready after %llu s%s", kube_name(wanted),
                   (unsigned long long)timeout_ms / 1000, complaint);
}

/* --- install --- */

struct tally {
    size_t created, updated, unchanged;
};

static int component_apply(const struct install *install, const struct component *component,
                           struct tally *tally, struct error *err)
{
    size_t i;
    json_t *object;

    json_array_foreach(install->objects, i, object)
    {
        enum apply_outcome outcome;
        int rc;

        if (strcmp(component_of(object), component->label) != 0)
            continue;
        rc = apply_object(install->client, object, install->dry_run, &outcome, err);
        if (rc < 0)
            return rc;
        tally->created += outcome == APPLY_CREATED;
        tally->updated += outcome == APPLY_UPDATED;
        tally->unchanged += outcome == APPLY_UNCHANGED;
    }
    return 0;
}

static int component_wait(const struct install *install, const struct component *component,
                          struct error *err)
{
    size_t i;
    json_t *object;

    json_array_foreach(install->objects, i, object)
    {
        int rc;

        if (strcmp(component_of(object), component->label) != 0 ||
            strcmp(json_path_string_or(object, "kind", ""), "Deployment") != 0)
            continue;
        rc = deployment_wait(install->client, object, install->timeout_ms, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void component_print(const struct install *install, const struct component *component,
                            const struct tally *tally, uint64_t start_ms)
{
    printf("✔ %s installed", component->title);
    if (install->dry_run)
        printf(" (dry run: %zu to create, %zu to change, %zu unchanged)\n", tally->created,
               tally->updated, tally->unchanged);
    else if (tally->created + tally->updated == 0)
        printf(" (unchanged: %zu objects)\n", tally->unchanged);
    else
        printf(" (%zu created, %zu changed, %zu unchanged; %.1f s)\n", tally->created,
               tally->updated, tally->unchanged, (double)(clock_monotonic_ms() - start_ms) / 1000);
    fflush(stdout);
}

static int component_install(const struct install *install, const struct component *component,
                             struct error *err)
{
    struct tally tally = {0};
    uint64_t start_ms = clock_monotonic_ms();
    int rc = component_apply(install, component, &tally, err);

    if (rc >= 0 && tally.created + tally.updated + tally.unchanged == 0)
        return 0; /* not part of this profile */
    if (rc >= 0 && !install->dry_run)
        rc = component_wait(install, component, err);
    if (rc >= 0)
        component_print(install, component, &tally, start_ms);
    return rc;
}

/* What an earlier installation of the same revision had, and this one has not. */
static int leftovers_remove(const struct install *install, const char *revision, struct error *err)
{
    SCOPED(json_drop) json_t *found = NULL;
    size_t i;
    json_t *object;
    int rc = installed_list(install->client, revision, &found, err);

    json_array_foreach(found, i, object)
    {
        if (rc >= 0 && !cli_object_find(install->objects, object))
            rc = installed_remove(install->client, object, err);
    }
    return rc;
}

static int install_run(const struct cli *cli, const struct install_values *values,
                       struct install *install, struct error *err)
{
    SCOPED(cli_cluster_close) struct cli_cluster cluster = {0};
    SCOPED(json_drop) json_t *objects = install_objects(values);
    SCOPED(json_drop) json_t *ns = install_namespace();
    const char *revision = json_path_string_or(values->tree, "revision", "");
    enum apply_outcome outcome;
    int rc = cli_cluster_open(cli, &cluster, err);

    if (rc < 0)
        return rc;
    install->client = cluster.client;
    install->objects = objects;
    rc = apply_object(cluster.client, ns, install->dry_run, &outcome, err);
    for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(components); i++)
        rc = component_install(install, &components[i], err);
    if (rc >= 0 && !install->dry_run)
        rc = leftovers_remove(install, *revision ? revision : "default", err);
    return rc;
}

/* "300s", "5m" or a number of seconds. */
static int timeout_parse(const char *text, uint64_t *ret_ms, struct error *err)
{
    struct slice digits = slice_str(text);
    uint64_t factor = 1000;
    uint64_t value;

    if (digits.len && (text[digits.len - 1] == 's' || text[digits.len - 1] == 'm')) {
        factor = text[digits.len - 1] == 'm' ? 60000 : 1000;
        digits.len--;
    }
    if (slice_parse_u64(digits, 86400, &value) < 0)
        return err_set(err, ERR_INVALID, "invalid duration \"%.32s\" of --readiness-timeout", text);
    *ret_ms = value * factor;
    return 0;
}

int cli_install(struct cli *cli, int argc, char **argv)
{
    static struct cli_list no_list;
    struct cli_list files = no_list, sets = no_list;
    const char *timeout = "300s", *revision = NULL;
    bool yes = false;
    struct install install = {0};
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_LIST, &files, "file of an IstioOperator"},
        {"set", 's', CLI_FLAG_LIST, &sets, "key=value, e.g. profile=demo, hub=..., tag=..."},
        {"revision", 'r', CLI_FLAG_STRING, &revision, "name of this control plane beside others"},
        {"skip-confirmation", 'y', CLI_FLAG_BOOL, &yes, "do not ask"},
        {"dry-run", 0, CLI_FLAG_BOOL, &install.dry_run, "only say what would be done"},
        {"readiness-timeout", 0, CLI_FLAG_STRING, &timeout, "how long to wait for a component"},
    };
    SCOPED(install_values_deinit) struct install_values values = {0};
    SCOPED(mem_drop) char *question = NULL;
    struct error err = {0};
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft install [-y] [-f FILE] [--set key=value]", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (argc > 0)
        return cli_failf("unexpected argument \"%s\"", argv[1]);
    if (timeout_parse(timeout, &install.timeout_ms, &err) < 0 ||
        cli_values_load_revision(&files, &sets, revision, &values, &err) < 0)
        return cli_fail(&err);
    question = mem_printf("This will install the weft " WEFT_VERSION
                          " profile \"%s\" into the cluster. Proceed? (y/N) ",
                          json_path_string_or(values.tree, "profile", ""));
    if (!install.dry_run && !cli_confirmed(yes, question))
        return CLI_FAILED;
    if (install_run(cli, &values, &install, &err) < 0)
        return cli_fail(&err);
    printf(install.dry_run ? "✔ Dry run complete: nothing was changed\n"
                           : "✔ Installation complete\n");
    return CLI_OK;
}
