/* SPDX-License-Identifier: Apache-2.0 */
/* weft profile list, dump, diff: what an installation is made of before a user says more.
 *
 * istioctl had the command up to 1.23; its answers are followed.
 */
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/differ.h"

#include "base/mem.h"
#include "wire/json.h"

#include <stdio.h>

static int list(void)
{
    const char *name;

    printf("Istio configuration profiles:\n");
    for (size_t i = 0; (name = install_profile_name(i)) != NULL; i++)
        printf("    %s\n", name);
    return CLI_OK;
}

/* Moves a member from one object to another. */
static void member_move(json_t *from, json_t *to, const char *key)
{
    json_t *value = json_object_get(from, key);

    if (value)
        json_object_set(to, key, value);
    json_object_del(from, key);
}

/* The values as an IstioOperator that `-f` takes again; a new tree. */
static json_t *operator_of(const struct install_values *values)
{
    json_t *rest = json_deep_copy(values->tree);
    json_t *spec = json_object();

    member_move(rest, spec, "profile");
    member_move(json_object_get(rest, "global"), spec, "hub");
    member_move(json_object_get(rest, "global"), spec, "tag");
    member_move(rest, spec, "meshConfig");
    json_object_set_new(spec, "values", rest);
    return json_pack("{s:s, s:s, s:o}", "apiVersion", "install.istio.io/v1alpha1", "kind",
                     "IstioOperator", "spec", spec);
}

static int dump(const char *name, const struct cli_list *files, const struct cli_list *sets)
{
    SCOPED(install_values_deinit) struct install_values values = {0};
    SCOPED(json_drop) json_t *document = NULL;
    struct cli_list all = *sets;
    SCOPED(mem_drop) char *profile = name ? mem_printf("profile=%s", name) : NULL;
    struct error err = {0};

    if (profile && all.count < CLI_LIST_MAX)
        all.items[all.count++] = profile;
    if (cli_values_load(files, &all, &values, &err) < 0)
        return cli_fail(&err);
    document = operator_of(&values);
    cli_document_print(document);
    return CLI_OK;
}

static int diff(const char *first, const char *second)
{
    SCOPED(install_values_deinit) struct install_values before = {0};
    SCOPED(install_values_deinit) struct install_values after = {0};
    struct error err = {0};

    if (install_values_init(&before, first, &err) < 0 ||
        install_values_init(&after, second, &err) < 0)
        return cli_fail(&err);
    return differ_print(before.tree, after.tree, 0) > 0 ? CLI_FAILED : CLI_OK;
}

int cli_profile(struct cli *cli, int argc, char **argv)
{
    static struct cli_list no_list;
    struct cli_list files = no_list, sets = no_list;
    const struct cli_flag flags[] = {
        {"filename", 'f', CLI_FLAG_LIST, &files, "dump: file of an IstioOperator"},
        {"set", 's', CLI_FLAG_LIST, &sets, "dump: key=value"},
    };
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft profile list | dump [PROFILE] | diff PROFILE PROFILE", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (argc == 1 && strcmp(argv[1], "list") == 0)
        return list();
    if ((argc == 1 || argc == 2) && strcmp(argv[1], "dump") == 0)
        return dump(argc == 2 ? argv[2] : NULL, &files, &sets);
    if (argc == 3 && strcmp(argv[1], "diff") == 0)
        return diff(argv[2], argv[3]);
    cli_failf("say one of: profile list, profile dump [PROFILE], profile diff PROFILE PROFILE");
    return CLI_USAGE;
}
