/* SPDX-License-Identifier: Apache-2.0 */
/* weft validate: what the webhook would say about files.
 *
 * Place   bin/weft; never asks a cluster
 * Limits  kinds that weft does not know, and Kubernetes' own, are valid, as for istioctl
 * Spec    istioctl validate: results on standard error, all faults as one error
 */
#include "cli/cli.h"
#include "cli/common.h"

#include "api/check.h"
#include "base/buf.h"
#include "wire/json.h"

#include <stdio.h>

enum { FAULTS_SIZE_MAX = 1024 * 1024 };

struct findings {
    const json_t *object;
    struct buf faults; /* "\n\t* KIND/NAMESPACE/NAME: TEXT" each */
    size_t count;
};

static void fault_add(struct findings *findings, const char *text)
{
    findings->count++;
    buf_printf(&findings->faults, "\n\t* %s", text);
}

static void on_problem(const struct error *problem, void *ctx)
{
    struct findings *findings = ctx;
    const char *ns = kube_namespace(findings->object);
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    char line[ERR_PATH_SIZE + ERR_REASON_SIZE + 512];

    snprintf(line, sizeof line, "%s/%s/%s: %s", json_path_string_or(findings->object, "kind", ""),
             *ns ? ns : "default", kube_name(findings->object),
             err_format(problem, text, sizeof text));
    if (problem->code == ERR_AGAIN)
        fprintf(stderr, "Warning: %s\n", line);
    else
        fault_add(findings, line);
}

static void documents_validate(struct findings *findings, const json_t *documents)
{
    size_t i;
    json_t *document;

    json_array_foreach(documents, i, document)
    {
        const struct api_kind *kind =
            api_kind_find_object(json_path_string_or(document, "apiVersion", ""),
                                 json_path_string_or(document, "kind", ""));
        struct error first = {0};

        findings->object = document;
        if (kind && (kind->flags & API_KIND_CRD))
            (void)!api_validate(kind, document, on_problem, findings, &first);
    }
}

static void file_validate(struct findings *findings, const char *file)
{
    SCOPED(json_drop) json_t *documents = NULL;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    size_t before = findings->count;

    if (cli_documents_read(file, &documents, &err) < 0)
        fault_add(findings, err_format(&err, text, sizeof text));
    else
        documents_validate(findings, documents);
    if (findings->count == before)
        fprintf(stderr, "\"%s\" is valid\n", file);
}

int cli_validate(struct cli *cli, int argc, char **argv)
{
    static struct cli_list no_list;
    struct cli_list files = no_list;
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_LIST, &files, "file to check, - for standard input"},
    };
    struct findings findings = {0};
    int rc =
        cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags), "weft validate -f FILE", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (argc > 0) {
        cli_failf("unknown command \"%s\" for \"%s validate\"", argv[1], cli->program);
        return CLI_USAGE;
    }
    if (files.count == 0)
        return cli_failf("error: you must specify resources by --filename.\n"
                         "Examples:\n   '-f rsrc.yaml'\n"
                         "   '--filename=rsrc.json'");
    buf_init(&findings.faults, FAULTS_SIZE_MAX);
    for (size_t i = 0; i < files.count; i++)
        file_validate(&findings, files.items[i]);
    if (findings.count > 0)
        cli_failf("%zu error%s occurred:%.*s\n", findings.count, findings.count == 1 ? "" : "s",
                  SLICE_ARG(buf_slice(&findings.faults)));
    buf_deinit(&findings.faults);
    return findings.count ? CLI_FAILED : CLI_OK;
}
