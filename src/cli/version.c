/* SPDX-License-Identifier: Apache-2.0 */
/* weft version: ours, and those of the control plane's pods.
 */
#include "cli/cli.h"
#include "cli/common.h"

#include "wire/json.h"
#include "wire/yaml.h"

#include <stdio.h>

/* The tag of an image name. */
static const char *image_tag(const char *image)
{
    const char *colon = strrchr(image, ':');

    return colon ? colon + 1 : "latest";
}

static void remote_print(const struct cli *cli)
{
    SCOPED(cli_cluster_close) struct cli_cluster cluster = {0};
    SCOPED(json_drop) json_t *list = NULL;
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_POD),
                                   .ns = cli->istio_ns,
                                   .query = "labelSelector=app%3Distiod",
                                   .timeout_ms = 5000};
    struct error err = {0};
    size_t i;
    json_t *pod;

    if (cli_cluster_open(cli, &cluster, &err) < 0 ||
        kube_call_wait(cluster.client, &request, &list, &err) < 0) {
        cli_fail(&err);
        return;
    }
    if (json_array_size(json_object_get(list, "items")) == 0)
        fprintf(stderr,
                "Istio is not present in the cluster: no running Istio pods in namespace \"%s\"\n",
                cli->istio_ns);
    json_array_foreach(json_object_get(list, "items"), i, pod)
        printf("control plane version: %s\n",
               image_tag(json_path_string_or(pod, "spec.containers[0].image", "")));
}

static int structured_print(const char *format)
{
    json_t *tree = json_pack("{s:{s:s, s:s, s:s, s:s}}", "clientVersion", "version", WEFT_VERSION,
                             "revision", "weft", "status", "Clean", "tag", WEFT_VERSION);
    struct buf text;

    buf_init(&text, 0);
    if (strcmp(format, "json") == 0)
        (void)json_format(tree, JSON_FORMAT_PRETTY, &text);
    else
        (void)yaml_format(tree, &text);
    printf("%.*s%s", SLICE_ARG(buf_slice(&text)), strcmp(format, "json") == 0 ? "\n" : "");
    buf_deinit(&text);
    json_decref(tree);
    return CLI_OK;
}

int cli_version(struct cli *cli, int argc, char **argv)
{
    bool remote = true, is_short = false;
    const char *output = "";
    const struct cli_flag flags[] = {
        {"remote", 0, CLI_FLAG_BOOL, &remote, "ask the cluster too"},
        {"short", 's', CLI_FLAG_BOOL, &is_short, "the version alone"},
        {"output", 'o', CLI_FLAG_STRING, &output, "json or yaml"},
    };
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft version [--remote=false]", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (*output && strcmp(output, "json") != 0 && strcmp(output, "yaml") != 0) {
        cli_failf("--output must be 'yaml' or 'json'");
        return CLI_USAGE;
    }
    if (*output)
        return structured_print(output);
    printf("client version: %s\n", WEFT_VERSION);
    fflush(stdout);
    if (remote && !is_short)
        remote_print(cli);
    return CLI_OK;
}
