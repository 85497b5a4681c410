/* SPDX-License-Identifier: Apache-2.0 */
/* weft install, weft uninstall: the objects of a mesh to a cluster and away again.
 */
#include "cli/apply.h"
#include "cli/cli.h"
#include "cli/common.h"

#include "base/clock.h"
#include "base/mem.h"
#include "install/objects.h"
#include "wire/json.h"

#include <stdio.h>
#include <unistd.h>

enum { READY_TIMEOUT_DEFAULT_S = 300, POLL_MS = 200 };

/* The parts that progress is told of, in order. */
static const struct component {
    const char *title;
    const char *deployment; /* waited for; NULL: nothing to wait for */
} components[] = {
    {"Custom resource definitions", NULL},
    {"Control plane (istiod)", "istiod"},
    {"Ingress gateway (istio-ingressgateway)", "istio-ingressgateway"},
};

static size_t component_of(const json_t *object)
{
    if (strcmp(json_path_string_or(object, "kind", ""), "CustomResourceDefinition") == 0)
        return 0;
    return strncmp(kube_name(object), "istio-ingressgateway", 20) == 0 ? 2 : 1;
}

/* --- readiness --- */

static bool deployment_is_ready(const json_t *deployment)
{
    int64_t wanted = json_path_int(deployment, "spec.replicas", 1);

    return json_path_int(deployment, "status.observedGeneration", 0) >=
               json_path_int(deployment, "metadata.generation", 1) &&
           json_path_int(deployment, "status.updatedReplicas", 0) >= wanted &&
           json_path_int(deployment, "status.availableReplicas", 0) >= wanted &&
           json_path_int(deployment, "status.replicas", 0) <= wanted;
}

/* Why a pod does not run, of the Deployment's pods; "" when nobody says. */
static void pods_complain(struct kube_client *client, const char *name, char *out, size_t size)
{
    char *query = mem_printf("labelSelector=app%%3D%s", name);
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_POD),
                                   .ns = INSTALL_NAMESPACE,
                                   .query = query};
    SCOPED(json_drop) json_t *list = NULL;
    size_t i;
    json_t *pod;

    out[0] = 0;
    if (kube_call_wait(client, &request, &list, NULL) >= 0) {
        json_array_foreach(json_object_get(list, "items"), i, pod)
        {
            const json_t *waiting = json_path_get(pod, "status.containerStatuses[0].state.waiting");

            if (waiting)
                snprintf(out, size, "; pod %s: %s: %s", kube_name(pod),
                         json_path_string_or(waiting, "reason", "waiting"),
                         json_path_string_or(waiting, "message", ""));
        }
    }
    mem_free(query);
}

static int deployment_wait(struct kube_client *client, const char *name, uint64_t timeout_ms,
                           struct error *err)
{
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_DEPLOYMENT),
                                   .ns = INSTALL_NAMESPACE,
                                   .name = name};
    uint64_t start_ms = clock_monotonic_ms();
    char complaint[256];

    for (;;) {
        SCOPED(json_drop) json_t *deployment = NULL;
        int rc = kube_call_wait(client, &request, &deployment, err);

        if (rc < 0)
            return rc;
        if (deployment_is_ready(deployment))
            return 0;
        if (clock_monotonic_ms() - start_ms > timeout_ms)
            break;
        clock_sleep_ms(POLL_MS);
    }
    pods_complain(client, name, complaint, sizeof complaint);
    return err_set(err, ERR_TIMEOUT, "deployment %s is not ready after %llu s%s", name,
                   (unsigned long long)timeout_ms / 1000, complaint);
}

/* --- install --- */

struct tally {
    size_t created, updated, unchanged;
};

static int component_apply(struct kube_client *client, const json_t *objects, size_t component,
                           struct tally *tally, struct error *err)
{
    size_t i;
    json_t *object;

    json_array_foreach(objects, i, object)
    {
        enum apply_outcome outcome;
        int rc;

        if (component_of(object) != component)
            continue;
        rc = apply_object(client, object, &outcome, err);
        if (rc < 0)
            return rc;
        tally->created += outcome == APPLY_CREATED;
        tally->updated += outcome == APPLY_UPDATED;
        tally->unchanged += outcome == APPLY_UNCHANGED;
    }
    return 0;
}

static int component_install(struct kube_client *client, const json_t *objects, size_t component,
                             uint64_t timeout_ms, struct error *err)
{
    struct tally tally = {0};
    uint64_t start_ms = clock_monotonic_ms();
    int rc = component_apply(client, objects, component, &tally, err);

    if (rc >= 0 && tally.created + tally.updated + tally.unchanged == 0)
        return 0; /* not part of this profile */
    if (rc >= 0 && components[component].deployment)
        rc = deployment_wait(client, components[component].deployment, timeout_ms, err);
    if (rc < 0)
        return rc;
    printf("✔ %s: ", components[component].title);
    if (tally.created + tally.updated == 0)
        printf("unchanged (%zu objects", tally.unchanged);
    else
        printf("%zu created, %zu changed, %zu unchanged (", tally.created, tally.updated,
               tally.unchanged);
    printf("%s%.1f s)\n", tally.created + tally.updated == 0 ? ", " : "",
           (double)(clock_monotonic_ms() - start_ms) / 1000);
    fflush(stdout);
    return 0;
}

static bool confirmed(bool yes, const char *question)
{
    char line[16];

    if (yes)
        return true;
    printf("%s Proceed? (y/N) ", question);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static int install_run(const struct cli *cli, const struct install_values *values,
                       uint64_t timeout_ms, struct error *err)
{
    SCOPED(cli_cluster_close) struct cli_cluster cluster = {0};
    SCOPED(json_drop) json_t *objects = install_objects(values);
    SCOPED(json_drop) json_t *ns = install_namespace();
    enum apply_outcome outcome;
    int rc = cli_cluster_open(cli, &cluster, err);

    if (rc < 0)
        return rc;
    rc = apply_object(cluster.client, ns, &outcome, err);
    for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(components); i++)
        rc = component_install(cluster.client, objects, i, timeout_ms, err);
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
    const char *timeout = "300s";
    bool yes = false;
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_LIST, &files, "file of an IstioOperator"},
        {"set", 's', CLI_FLAG_LIST, &sets, "key=value, e.g. profile=demo, hub=..., tag=..."},
        {"skip-confirmation", 'y', CLI_FLAG_BOOL, &yes, "do not ask"},
        {"readiness-timeout", 0, CLI_FLAG_STRING, &timeout, "how long to wait for a component"},
    };
    SCOPED(install_values_deinit) struct install_values values = {0};
    struct error err = {0};
    uint64_t timeout_ms = 0;
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft install [-y] [-f FILE] [--set key=value]", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (argc > 0)
        return cli_failf("unexpected argument \"%s\"", argv[1]);
    if (timeout_parse(timeout, &timeout_ms, &err) < 0 ||
        cli_values_load(&files, &sets, &values, &err) < 0)
        return cli_fail(&err);
    if (!confirmed(yes, "This will install weft " WEFT_VERSION " into the cluster."))
        return CLI_FAILED;
    if (install_run(cli, &values, timeout_ms, &err) < 0)
        return cli_fail(&err);
    printf("✔ Installation complete\n");
    return CLI_OK;
}

/* --- uninstall --- */

static int uninstall_run(const struct cli *cli, struct error *err)
{
    SCOPED(cli_cluster_close) struct cli_cluster cluster = {0};
    SCOPED(install_values_deinit) struct install_values values = {0};
    SCOPED(json_drop) json_t *objects = NULL;
    size_t removed = 0;
    int rc = cli_cluster_open(cli, &cluster, err);

    if (rc >= 0)
        rc = install_values_init(&values, "default", err);
    if (rc < 0)
        return rc;
    objects = install_objects(&values);
    for (size_t i = json_array_size(objects); i > 0; i--) {
        const json_t *object = json_array_get(objects, i - 1);
        bool found;

        if (component_of(object) == 0)
            continue; /* users' objects would go with their definitions */
        rc = apply_delete(cluster.client, object, &found, err);
        if (rc < 0)
            return rc;
        removed += found;
        if (found)
            printf("  Removed %s %s\n", json_path_string_or(object, "kind", ""), kube_name(object));
    }
    printf("✔ Uninstall complete: %zu objects removed; definitions of resources, and namespace "
           "%s, are left\n",
           removed, INSTALL_NAMESPACE);
    return 0;
}

int cli_uninstall(struct cli *cli, int argc, char **argv)
{
    bool yes = false, purge = false;
    const struct cli_flag flags[] = {
        {"purge", 0, CLI_FLAG_BOOL, &purge, "remove everything of the mesh"},
        {"skip-confirmation", 'y', CLI_FLAG_BOOL, &yes, "do not ask"},
    };
    struct error err = {0};
    int rc =
        cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags), "weft uninstall --purge", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (!purge)
        return cli_failf("at least one of the --revision, --filename or --purge flags must be set "
                         "(only --purge is supported)");
    if (!confirmed(yes, "All components of the mesh will be removed from the cluster."))
        return CLI_FAILED;
    return uninstall_run(cli, &err) < 0 ? cli_fail(&err) : CLI_OK;
}
