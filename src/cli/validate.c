/* SPDX-License-Identifier: Apache-2.0 */
/* weft validate: what the webhook would say about files.
 */
#include "cli/cli.h"
#include "cli/common.h"

#include "api/check.h"
#include "wire/json.h"

#include <stdio.h>

struct findings {
    const char *file;
    const json_t *object;
    size_t fatal_count;
};

static void on_problem(const struct error *problem, void *ctx)
{
    struct findings *findings = ctx;
    bool is_warning = problem->code == ERR_AGAIN;
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    findings->fatal_count += !is_warning;
    fprintf(stderr, "%s: %s %s: %s%s\n", findings->file,
            json_path_string_or(findings->object, "kind", ""), kube_name(findings->object),
            is_warning ? "warning: " : "", err_format(problem, text, sizeof text));
}

static size_t file_validate(const char *file, struct error *err)
{
    SCOPED(json_drop) json_t *documents = NULL;
    struct findings findings = {.file = file};
    size_t i;
    json_t *document;

    if (cli_documents_read(file, &documents, err) < 0)
        return 1;
    json_array_foreach(documents, i, document)
    {
        const struct api_kind *kind =
            api_kind_find_object(json_path_string_or(document, "apiVersion", ""),
                                 json_path_string_or(document, "kind", ""));
        struct error first = {0};

        findings.object = document;
        if (kind)
            (void)!api_validate(kind, document, on_problem, &findings, &first);
    }
    return findings.fatal_count;
}

int cli_validate(struct cli *cli, int argc, char **argv)
{
    static struct cli_list no_list;
    struct cli_list files = no_list;
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_LIST, &files, "file to check, - for standard input"},
    };
    struct error err = {0};
    size_t count = 0;
    int rc =
        cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags), "weft validate -f FILE", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (files.count == 0)
        return cli_failf("filename not specified (see --filename or -f)");
    for (size_t i = 0; i < files.count; i++) {
        count += file_validate(files.items[i], &err);
        if (err.code < 0)
            return cli_fail(&err);
        if (count == 0)
            printf("\"%s\" is valid\n", files.items[i]);
    }
    return count ? cli_failf("%zu problems", count) : CLI_OK;
}
