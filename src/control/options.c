/* SPDX-License-Identifier: Apache-2.0 */
/* weftd's command line.
 */
#include "base/log.h"
#include "base/slice.h"
#include "control/weftd.h"

#include <stdio.h>

enum { EXIT_USAGE = 64, EXIT_HELP = -1 };

/* Where a flag's value goes. */
struct flag {
    const char *name;
    size_t offset; /* in struct weftd_options; SIZE_MAX: taken and passed over */
    const char *help;
};

#define FIELD(name) offsetof(struct weftd_options, name)

static const struct flag flags[] = {
    {"--config-dir", FIELD(config_dir), "folder of YAML files instead of a cluster"},
    {"--configDir", FIELD(config_dir), NULL},
    {"--kubeconfig", FIELD(kubeconfig), "kubeconfig file"},
    {"--context", FIELD(context), "context of the kubeconfig"},
    {"--namespace", FIELD(ns), "namespace of the control plane"},
    {"--revision", FIELD(revision), "revision of the control plane ($REVISION)"},
    {"--grpcAddr", FIELD(xds_addr), "xDS, plain (:15010)"},
    {"--httpsAddr", FIELD(webhook_addr), "webhooks (:15017)"},
    {"--httpAddr", FIELD(debug_addr), "readiness and debug (:8080)"},
    {"--monitoringAddr", FIELD(monitor_addr), "metrics (:15014)"},
    {"--log_output_level", SIZE_MAX, "scope:level, or a level for all"},
    {"--domain", SIZE_MAX, NULL}, /* cluster.local is the only one yet: checked below */
    {"--keepaliveMaxServerConnectionAge", SIZE_MAX, NULL},
};

static void help(void)
{
    printf("Usage: weftd [discovery] [flags]\n\nFlags:\n");
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (flags[i].help)
            printf("  %-20s %s\n", flags[i].name, flags[i].help);
}

/* "default:info,xds:debug" or "debug". */
static bool levels_set(const char *text)
{
    struct slice rest = slice_str(text);
    struct slice piece;

    while (slice_split_next(&rest, ',', &piece)) {
        ptrdiff_t colon = slice_find_char(piece, ':');
        char scope[32], level[32];

        snprintf(scope, sizeof scope, "%.*s", colon < 0 ? 3 : (int)colon,
                 colon < 0 ? "all" : piece.data);
        snprintf(level, sizeof level, "%.*s", SLICE_ARG(slice_from(piece, (size_t)(colon + 1))));
        if (log_level_parse(level) < 0)
            return false;
        (void)log_level_set(strcmp(scope, "default") == 0 ? NULL : scope,
                            (enum log_level)log_level_parse(level));
    }
    return true;
}

static int flag_take(const struct flag *flag, const char *value, struct weftd_options *options)
{
    if (flag->offset != SIZE_MAX) {
        *(const char **)((char *)options + flag->offset) = value;
        return 0;
    }
    if (strcmp(flag->name, "--log_output_level") == 0 && !levels_set(value)) {
        fprintf(stderr, "Error: --log_output_level: \"%s\" is not a level\n", value);
        return EXIT_USAGE;
    }
    if (strcmp(flag->name, "--domain") == 0 && strcmp(value, "cluster.local") != 0) {
        fprintf(stderr, "Error: not supported: --domain other than cluster.local\n");
        return EXIT_USAGE;
    }
    return 0;
}

static const struct flag *flag_find(const char *word)
{
    size_t len = strcspn(word, "=");

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strlen(flags[i].name) == len && strncmp(flags[i].name, word, len) == 0)
            return &flags[i];
    return NULL;
}

static int word_take(int argc, char **argv, int *index, struct weftd_options *options)
{
    const char *word = argv[*index];
    const char *equals = strchr(word, '=');
    const struct flag *flag = flag_find(word);

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help();
        return EXIT_HELP;
    }
    if (!flag) {
        fprintf(stderr, "Error: unknown %s: %s\n", word[0] == '-' ? "flag" : "argument", word);
        return EXIT_USAGE;
    }
    if (equals)
        return flag_take(flag, equals + 1, options);
    if (*index + 1 >= argc) {
        fprintf(stderr, "Error: flag needs an argument: %s\n", word);
        return EXIT_USAGE;
    }
    return flag_take(flag, argv[++*index], options);
}

int weftd_options_parse(int argc, char **argv, struct weftd_options *ret)
{
    int first = argc > 1 && strcmp(argv[1], "discovery") == 0 ? 2 : 1;

    memset(ret, 0, sizeof *ret);
    for (int i = first; i < argc; i++) {
        int rc = word_take(argc, argv, &i, ret);

        if (rc != 0)
            return rc;
    }
    return 0;
}
