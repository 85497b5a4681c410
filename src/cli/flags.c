/* SPDX-License-Identifier: Apache-2.0 */
/* Flags in the GNU manner, as istioctl takes them.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

struct parse {
    const struct cli_flag *flags;
    size_t flag_count;
    const struct cli_flag *globals;
    size_t global_count;
};

static const struct cli_flag *flag_by_name(const struct cli_flag *flags, size_t count,
                                           const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(flags[i].name) == len && strncmp(flags[i].name, name, len) == 0)
            return &flags[i];
    return NULL;
}

static const struct cli_flag *flag_by_letter(const struct cli_flag *flags, size_t count,
                                             char letter)
{
    for (size_t i = 0; i < count; i++)
        if (flags[i].letter && flags[i].letter == letter)
            return &flags[i];
    return NULL;
}

static const struct cli_flag *flag_find(const struct parse *parse, const char *word)
{
    const struct cli_flag *flag;
    size_t len;

    if (word[1] != '-') {
        flag = flag_by_letter(parse->flags, parse->flag_count, word[1]);
        return flag ? flag : flag_by_letter(parse->globals, parse->global_count, word[1]);
    }
    len = strcspn(word + 2, "=");
    flag = flag_by_name(parse->flags, parse->flag_count, word + 2, len);
    return flag ? flag : flag_by_name(parse->globals, parse->global_count, word + 2, len);
}

/* The value in the word itself ("--a=b", "-ab"), or NULL. */
static const char *inline_value(const char *word)
{
    const char *equals = strchr(word, '=');

    if (word[1] == '-')
        return equals ? equals + 1 : NULL;
    if (!word[2])
        return NULL;
    return word[2] == '=' ? word + 3 : word + 2;
}

static int flag_set(const struct cli_flag *flag, const char *value)
{
    struct cli_list *list = flag->value;

    switch (flag->type) {
    case CLI_FLAG_BOOL:
        *(bool *)flag->value = !value || strcmp(value, "false") != 0;
        return 0;
    case CLI_FLAG_STRING:
        *(const char **)flag->value = value;
        return 0;
    case CLI_FLAG_LIST:
        if (list->count == CLI_LIST_MAX) {
            fprintf(stderr, "Error: --%s is given more than %d times\n", flag->name, CLI_LIST_MAX);
            return ERR_LIMIT;
        }
        list->items[list->count++] = value;
        return 0;
    }
    return 0;
}

static void help_print(const struct parse *parse, const char *usage)
{
    printf("Usage:\n  %s\n\nFlags:\n", usage);
    for (size_t i = 0; i < parse->flag_count; i++)
        printf("  %c%c%c --%-18s %s\n", parse->flags[i].letter ? '-' : ' ',
               parse->flags[i].letter ? parse->flags[i].letter : ' ',
               parse->flags[i].letter ? ',' : ' ', parse->flags[i].name, parse->flags[i].help);
    printf("\nGlobal flags:\n");
    for (size_t i = 0; i < parse->global_count; i++)
        printf("  %c%c%c --%-18s %s\n", parse->globals[i].letter ? '-' : ' ',
               parse->globals[i].letter ? parse->globals[i].letter : ' ',
               parse->globals[i].letter ? ',' : ' ', parse->globals[i].name,
               parse->globals[i].help);
}

/* Takes the flag at argv[*index] and moves past its value. */
static int flag_take(const struct parse *parse, int argc, char **argv, int *index,
                     const char *usage)
{
    const char *word = argv[*index];
    const struct cli_flag *flag;
    const char *value;

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help_print(parse, usage);
        return ERR_EOF;
    }
    flag = flag_find(parse, word);
    if (!flag) {
        if (word[1] == '-')
            fprintf(stderr, "Error: unknown flag: %.*s\n", (int)strcspn(word, "="), word);
        else
            fprintf(stderr, "Error: unknown shorthand flag: '%c' in %s\n", word[1], word);
        return ERR_INVALID;
    }
    value = inline_value(word);
    if (!value && flag->type != CLI_FLAG_BOOL) {
        if (*index + 1 >= argc) {
            fprintf(stderr, "Error: flag needs an argument: %s\n", word);
            return ERR_INVALID;
        }
        value = argv[++*index];
    }
    return flag_set(flag, value);
}

int cli_flags_parse(struct cli *cli, int argc, char **argv, const struct cli_flag *flags,
                    size_t flag_count, const char *usage, int *ret_argc)
{
    const struct cli_flag globals[] = {
        {"kubeconfig", 'c', CLI_FLAG_STRING, &cli->kubeconfig, "kubeconfig file"},
        {"context", 0, CLI_FLAG_STRING, &cli->context, "context in the kubeconfig file"},
        {"namespace", 'n', CLI_FLAG_STRING, &cli->ns, "namespace"},
        {"istioNamespace", 'i', CLI_FLAG_STRING, &cli->istio_ns, "namespace of the mesh"},
    };
    const struct parse parse = {flags, flag_count, globals, ARRAY_LEN(globals)};
    int count = 0;
    bool flags_end = false;

    for (int i = 1; i < argc; i++) {
        int rc;

        if (flags_end || argv[i][0] != '-' || !argv[i][1]) {
            argv[1 + count++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            flags_end = true;
            continue;
        }
        rc = flag_take(&parse, argc, argv, &i, usage);
        if (rc < 0)
            return rc;
    }
    *ret_argc = count;
    return 0;
}

int cli_flags_exit(int code)
{
    return code == ERR_EOF ? CLI_OK : CLI_USAGE;
}

int cli_fail(const struct error *err)
{
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    return cli_failf("%s", err_format(err, text, sizeof text));
}

int cli_failf(const char *fmt, ...)
{
    va_list args;

    fflush(stdout);
    fputs("Error: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    return CLI_FAILED;
}

int cli_unsupported(const struct cli *cli, const char *what)
{
    return cli_failf("not supported: %s %s (weft %s; `%s --help` lists what there is)",
                     cli->program, what, WEFT_VERSION, cli->program);
}
