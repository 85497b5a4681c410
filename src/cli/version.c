/* SPDX-License-Identifier: Apache-2.0 */
/* weft version: ours, those of the control plane's pods, and how many proxies have which.
 *
 * Place   bin/weft
 * Spec    istioctl: its lines, and the keys of -o json and yaml; a cluster without a mesh is no
 *         failure
 */
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/control.h"

#include "base/buf.h"
#include "base/mem.h"
#include "wire/json.h"

#include <stdio.h>

/* What the cluster says. */
struct remote {
    json_t *servers; /* [{"Component", "Revision", "Info": {"version"}}]; NULL: unknown */
    json_t *proxies; /* [{"ID", "IstioVersion"}]; NULL: unknown */
};

static json_t *build_info(const char *version)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "version", version, "revision", "weft", "status",
                     "Clean", "tag", version);
}

/* The tag of an image name. */
static const char *image_tag(const char *image)
{
    const char *colon = strrchr(image, ':');

    return colon ? colon + 1 : "latest";
}

static json_t *server_list(const json_t *pods)
{
    json_t *list = json_array();
    size_t i;
    json_t *pod;

    json_array_foreach(pods, i, pod)
    {
        const char *revision = kube_label(pod, "istio.io/rev");
        const char *image = json_path_string_or(pod, "spec.containers[0].image", "");

        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "Component", "pilot", "Revision",
                                              revision ? revision : "default", "Info",
                                              build_info(image_tag(image))));
    }
    return list;
}

static json_t *proxy_list(const json_t *proxies)
{
    json_t *list = json_array();
    size_t i;
    json_t *proxy;

    json_array_foreach(proxies, i, proxy) json_array_append_new(
        list, json_pack("{s:s, s:s}", "ID", json_path_string_or(proxy, "proxy", ""), "IstioVersion",
                        control_proxy_version(proxy)));
    return list;
}

/* What cannot be asked is left NULL, and said on standard error. */
static void remote_ask(const struct cli *cli, const char *revision, struct remote *ret)
{
    SCOPED(cli_cluster_close) struct cli_cluster cluster = {0};
    SCOPED(json_drop) json_t *pods = NULL;
    SCOPED(json_drop) json_t *proxies = NULL;
    struct error err = {0};
    int rc = cli_cluster_open(cli, &cluster, &err);

    if (rc >= 0)
        rc = control_pods(cluster.client, cli->istio_ns, revision, &pods, &err);
    if (rc == ERR_NOT_FOUND)
        fprintf(stderr,
                "Istio is not present in the cluster: no running Istio pods in namespace "
                "\"%s\"\n",
                cli->istio_ns);
    else if (rc < 0)
        cli_fail(&err);
    if (rc < 0)
        return;
    ret->servers = server_list(pods);
    if (control_proxies(cluster.client, pods, &proxies, &err) < 0)
        cli_fail(&err);
    else
        ret->proxies = proxy_list(proxies);
}

static const char *server_version(const json_t *servers, size_t index)
{
    return json_path_string_or(json_array_get(servers, index), "Info.version", "");
}

/* One line when all pods have one version. */
static void servers_print(const json_t *servers)
{
    size_t count = json_array_size(servers);
    bool same = true;

    for (size_t i = 1; i < count; i++)
        same = same && strcmp(server_version(servers, i), server_version(servers, 0)) == 0;
    if (count > 0 && same)
        printf("control plane version: %s\n", server_version(servers, 0));
    for (size_t i = 0; !same && i < count; i++)
        printf("pilot version: %s\n", server_version(servers, i));
}

/* The member that is first by name; NULL when there is none. */
static const char *first_key(json_t *object)
{
    const char *first = NULL;
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        if (!first || strcmp(key, first) < 0)
            first = key;
    }
    return first;
}

/* "1.0.0 (7 proxies), 1.1.0 (2 proxies)", in the order of their names. */
static void proxies_print(const json_t *proxies)
{
    json_t *counts = json_object();
    const char *version;
    size_t i, printed = 0;
    json_t *proxy;

    json_array_foreach(proxies, i, proxy)
    {
        version = json_path_string_or(proxy, "IstioVersion", "");
        json_object_set_new(counts, version, json_integer(json_get_int(counts, version, 0) + 1));
    }
    printf("data plane version: ");
    while ((version = first_key(counts)) != NULL) {
        printf("%s%s (%lld proxies)", printed++ ? ", " : "", version,
               (long long)json_get_int(counts, version, 0));
        json_object_del(counts, version);
    }
    printf("%s\n", printed ? "" : "none");
    json_decref(counts);
}

static void structured_print(const struct remote *remote, const char *format)
{
    json_t *tree = json_pack("{s:o}", "clientVersion", build_info(WEFT_VERSION));

    if (remote->servers)
        json_object_set(tree, "meshVersion", remote->servers);
    if (remote->proxies)
        json_object_set(tree, "dataPlaneVersion", remote->proxies);
    cli_tree_print(tree, format);
    json_decref(tree);
}

int cli_version(struct cli *cli, int argc, char **argv)
{
    bool with_remote = true, is_short = true;
    const char *output = "", *revision = NULL;
    const struct cli_flag flags[] = {
        {"remote", 0, CLI_FLAG_BOOL, &with_remote, "ask the cluster too"},
        {"short", 's', CLI_FLAG_BOOL, &is_short, "the same as without"},
        {"output", 'o', CLI_FLAG_STRING, &output, "json or yaml"},
        {"revision", 'r', CLI_FLAG_STRING, &revision, "of that control plane alone"},
    };
    struct remote remote = {0};
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft version [--remote=false]", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (*output && strcmp(output, "json") != 0 && strcmp(output, "yaml") != 0) {
        cli_failf("--output must be 'yaml' or 'json'");
        return CLI_USAGE;
    }
    if (!*output)
        printf("client version: %s\n", WEFT_VERSION);
    fflush(stdout);
    if (with_remote)
        remote_ask(cli, revision, &remote);
    if (*output)
        structured_print(&remote, output);
    else if (remote.servers)
        servers_print(remote.servers);
    if (!*output && remote.proxies)
        proxies_print(remote.proxies);
    json_decref(remote.servers);
    json_decref(remote.proxies);
    return CLI_OK;
}
