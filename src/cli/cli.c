/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands.
 */
#include "cli/cli.h"

#include <stdio.h>

static const struct {
    const char *name;
    const char *alias;
    int (*run)(struct cli *cli, int argc, char **argv); /* NULL: known, not supported yet */
    const char *summary;
} commands[] = {
    {"install", "apply", cli_install, "Install the mesh into a cluster, or bring it up to date"},
    {"uninstall", NULL, cli_uninstall, "Remove the mesh from a cluster"},
    {"verify-install", NULL, cli_verify_install, "Check that a cluster has what was installed"},
    {"manifest", NULL, cli_manifest, "Print the objects of an installation (manifest generate)"},
    {"kube-inject", NULL, cli_kube_inject, "Add sidecars to the workloads of a file"},
    {"profile", NULL, cli_profile, "Show the profiles of an installation: list, dump, diff"},
    {"validate", NULL, cli_validate, "Check configuration files"},
    {"analyze", NULL, cli_analyze, "Find faults in configuration, in a cluster or in files"},
    {"proxy-status", "ps", cli_proxy_status, "Show which proxies have which configuration"},
    {"sandbox", NULL, cli_sandbox, "Run a mesh on this machine, without a cluster"},
    {"version", NULL, cli_version, "Print versions"},
    {"admin", NULL, NULL, NULL},
    {"authz", NULL, NULL, NULL},
    {"bug-report", NULL, NULL, NULL},
    {"completion", NULL, NULL, NULL},
    {"create-remote-secret", NULL, NULL, NULL},
    {"dashboard", "d", NULL, NULL},
    {"experimental", "x", NULL, NULL},
    {"operator", NULL, NULL, NULL},
    {"proxy-config", "pc", NULL, NULL},
    {"remote-clusters", NULL, NULL, NULL},
    {"tag", NULL, NULL, NULL},
    {"upgrade", NULL, NULL, NULL},
    {"waypoint", NULL, NULL, NULL},
    {"ztunnel-config", NULL, NULL, NULL},
};

static int help(const struct cli *cli)
{
    printf("%s: a service mesh that speaks Istio's APIs.\n\nUsage:\n  %s COMMAND [flags]\n\n"
           "Commands:\n",
           cli->program, cli->program);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].run)
            printf("  %-14s %s\n", commands[i].name, commands[i].summary);
    printf("\n`%s COMMAND --help` says more. Commands of istioctl that are not listed answer "
           "\"not supported\".\n",
           cli->program);
    return CLI_OK;
}

static const char *program_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The first word that is no global flag (nor its value); 0 when there is none. */
static int command_index(int argc, char **argv)
{
    static const char *const with_value[] = {"-c",          "--kubeconfig", "--context",       "-n",
                                             "--namespace", "-i",           "--istioNamespace"};

    for (int i = 1; i < argc; i++) {
        bool skip = false;

        if (argv[i][0] != '-')
            return i;
        for (size_t k = 0; k < ARRAY_LEN(with_value); k++)
            skip = skip || strcmp(argv[i], with_value[k]) == 0;
        if (skip)
            i++;
    }
    return 0;
}

/* Moves the command's word to the front, so that global flags before it are read with its own. */
static void command_to_front(char **argv, int index)
{
    char *name = argv[index];

    for (int i = index; i > 0; i--)
        argv[i] = argv[i - 1];
    argv[0] = name;
    if (index == 0)
        return;
    /* argv[1] is the program's old place: close the gap */
    for (int i = 1; argv[i]; i++)
        argv[i] = argv[i + 1];
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {.program = argc > 0 ? program_name(argv[0]) : "weft",
                      .istio_ns = "istio-system"};
    int index = command_index(argc, argv);

    if (index == 0 || strcmp(argv[index], "help") == 0)
        return help(&cli);
    command_to_front(argv, index);
    cli.command = argv[0];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        bool named = strcmp(commands[i].name, argv[0]) == 0 ||
                     (commands[i].alias && strcmp(commands[i].alias, argv[0]) == 0);

        if (named && commands[i].run)
            return commands[i].run(&cli, argc - 1, argv);
        if (named)
            return cli_unsupported(&cli, commands[i].name);
    }
    fprintf(stderr, "Error: unknown command \"%s\" for \"%s\"\nRun '%s --help' for usage.\n",
            argv[0], cli.program, cli.program);
    return CLI_USAGE;
}
