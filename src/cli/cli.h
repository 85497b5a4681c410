/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of the command line: a table of commands, flags, exit codes.
 *
 *   weft COMMAND [SUBCOMMAND] [flags] [arguments]      (called as istioctl: the same)
 *
 * Place   bin/weft.c calls cli_main; one file a command implements cli_NAME
 * Owns    nothing
 * Spec    istioctl: "Error: TEXT" on standard error; exit 0, 1 (failure), 64 (usage)
 */
#ifndef WEFT_CLI_CLI_H
#define WEFT_CLI_CLI_H

#include "base/err.h"
#include "base/prelude.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 64 };

/* What every command gets. */
struct cli {
    const char *program;    /* "weft" or "istioctl", as it was called */
    const char *command;    /* "install" */
    const char *kubeconfig; /* --kubeconfig, NULL: as kube_config_load finds it */
    const char *context;    /* --context */
    const char *ns;         /* -n, --namespace; NULL: the context's */
    const char *istio_ns;   /* -i, --istioNamespace; "istio-system" */
};

/* Runs the program; returns its exit code. */
int cli_main(int argc, char **argv);

/* --- flags --- */

enum cli_flag_type {
    CLI_FLAG_BOOL,   /* bool *: --flag, --flag=false */
    CLI_FLAG_STRING, /* const char **: --flag VALUE, --flag=VALUE, -f VALUE, -fVALUE */
    CLI_FLAG_LIST,   /* struct cli_list *: may be repeated */
};

enum { CLI_LIST_MAX = 64 };

struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
};

struct cli_flag {
    const char *name; /* without dashes: "filename" */
    char letter;      /* 'f', 0: none */
    enum cli_flag_type type;
    void *value;
    const char *help;
};

/* Reads flags anywhere among `argv` (argv[0] is the command's name), also the global ones into
 * `cli`; what is left, in order, is moved to the front: *ret_argc words from argv[1] on. Prints
 * "Error: unknown flag: --x" and returns ERR_INVALID, or handles --help: prints it and returns
 * ERR_EOF. */
MUST_USE int cli_flags_parse(struct cli *cli, int argc, char **argv, const struct cli_flag *flags,
                             size_t flag_count, const char *usage, int *ret_argc);
/* The exit code for what cli_flags_parse returned below 0. */
int cli_flags_exit(int code);

/* Prints "Error: text" and returns CLI_FAILED. */
int cli_fail(const struct error *err);
int cli_failf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Prints "Error: not supported: ..." and returns CLI_FAILED. */
int cli_unsupported(const struct cli *cli, const char *what);

/* --- commands: argv[0] is the command's name --- */

int cli_analyze(struct cli *cli, int argc, char **argv);
int cli_install(struct cli *cli, int argc, char **argv);
int cli_uninstall(struct cli *cli, int argc, char **argv);
int cli_manifest(struct cli *cli, int argc, char **argv);
int cli_profile(struct cli *cli, int argc, char **argv);
int cli_version(struct cli *cli, int argc, char **argv);
int cli_proxy_status(struct cli *cli, int argc, char **argv);
int cli_kube_inject(struct cli *cli, int argc, char **argv);
int cli_verify_install(struct cli *cli, int argc, char **argv);
int cli_validate(struct cli *cli, int argc, char **argv);
int cli_sandbox(struct cli *cli, int argc, char **argv);

#endif
