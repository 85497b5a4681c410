/* SPDX-License-Identifier: Apache-2.0 */
/* weft manifest generate, diff: the objects of an installation as YAML, and how two such files
 * differ.
 */
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/differ.h"

#include "install/objects.h"
#include "kube/client.h"
#include "wire/json.h"

#include <stdio.h>

static int generate(const struct cli_list *files, const struct cli_list *sets, const char *revision)
{
    SCOPED(install_values_deinit) struct install_values values = {0};
    SCOPED(json_drop) json_t *objects = NULL;
    struct error err = {0};
    size_t i;
    json_t *object;

    if (cli_values_load_revision(files, sets, revision, &values, &err) < 0)
        return cli_fail(&err);
    objects = install_objects(&values);
    json_array_foreach(objects, i, object) cli_document_print(object);
    return CLI_OK;
}

static void heading_print(const json_t *object, const char *what)
{
    printf("Object %s:%s:%s %s\n", json_path_string_or(object, "kind", ""), kube_namespace(object),
           kube_name(object), what);
}

static size_t object_diff(const json_t *before, const json_t *after)
{
    if (!before || !after) {
        heading_print(before ? before : after, before ? "is missing in B" : "is missing in A");
        return 1;
    }
    if (json_equal(before, after))
        return 0;
    heading_print(before, "has diffs:");
    return differ_print(before, after, 2);
}

static int diff(const char *first, const char *second)
{
    SCOPED(json_drop) json_t *before = NULL;
    SCOPED(json_drop) json_t *after = NULL;
    struct error err = {0};
    size_t i, count = 0;
    json_t *object;

    if (cli_documents_read(first, &before, &err) < 0 ||
        cli_documents_read(second, &after, &err) < 0)
        return cli_fail(&err);
    json_array_foreach(before, i, object) count +=
        object_diff(object, cli_object_find(after, object));
    json_array_foreach(after, i, object)
    {
        if (!cli_object_find(before, object))
            count += object_diff(NULL, object);
    }
    if (count == 0)
        printf("Manifests are identical\n");
    return count ? CLI_FAILED : CLI_OK;
}

int cli_manifest(struct cli *cli, int argc, char **argv)
{
    static struct cli_list no_list;
    struct cli_list files = no_list, sets = no_list;
    const char *revision = NULL;
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_LIST, &files, "generate: file of an IstioOperator"},
        {"set", 's', CLI_FLAG_LIST, &sets, "generate: key=value, e.g. profile=demo, hub=..."},
        {"revision", 'r', CLI_FLAG_STRING, &revision, "generate: name of this control plane"},
    };
    int rc =
        cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                        "weft manifest generate [-f FILE] [--set key=value] | diff A B", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (argc == 1 && strcmp(argv[1], "generate") == 0)
        return generate(&files, &sets, revision);
    if (argc == 3 && strcmp(argv[1], "diff") == 0)
        return diff(argv[2], argv[3]);
    return cli_unsupported(cli, argc > 0 ? "manifest (other than generate and diff)" : "manifest");
}
