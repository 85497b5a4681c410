/* SPDX-License-Identifier: Apache-2.0 */
/* weft manifest generate: the objects of an installation as YAML.
 */
#include "cli/cli.h"
#include "cli/common.h"

#include "install/objects.h"
#include "wire/json.h"

int cli_manifest(struct cli *cli, int argc, char **argv)
{
    static struct cli_list no_list;
    struct cli_list files = no_list, sets = no_list;
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_LIST, &files, "file of an IstioOperator"},
        {"set", 's', CLI_FLAG_LIST, &sets, "key=value, e.g. profile=demo, hub=..., tag=..."},
    };
    SCOPED(install_values_deinit) struct install_values values = {0};
    SCOPED(json_drop) json_t *objects = NULL;
    struct error err = {0};
    size_t i;
    json_t *object;
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft manifest generate [-f FILE] [--set key=value]", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (argc != 1 || strcmp(argv[1], "generate") != 0)
        return cli_unsupported(cli, argc > 0 ? "manifest (other than generate)" : "manifest");
    if (cli_values_load(&files, &sets, &values, &err) < 0)
        return cli_fail(&err);
    objects = install_objects(&values);
    json_array_foreach(objects, i, object) cli_document_print(object);
    return CLI_OK;
}
