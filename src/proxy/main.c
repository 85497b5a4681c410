/* SPDX-License-Identifier: Apache-2.0 */
/* weft-proxy -c bootstrap.yaml, weft-proxy proxy sidecar, weft-proxy istio-iptables ... See main.h.
 *
 * Place   called by bin; picks the mode and runs it
 */
#include "proxy/main.h"

#include "base/log.h"
#include "base/mem.h"
#include "proxy/agent.h"
#include "proxy/capture.h"
#include "proxy/server.h"

#include <stdio.h>
#include <unistd.h>

enum { EXIT_USAGE = 64 };

static const char usage_text[] =
    "usage: weft-proxy -c FILE [--concurrency N] [-l LEVEL] [--mode validate]\n"
    "           run on an Envoy bootstrap with static resources\n"
    "           --drain-time-s N                 at most, after SIGTERM\n"
    "           --allow-unknown-static-fields    ignore (and log) unknown fields\n"
    "       weft-proxy proxy sidecar|router  run in a mesh (environment as Istio's injection sets "
    "it)\n"
    "       weft-proxy istio-iptables ...    install the capture rules\n"
    "       weft-proxy request METHOD PATH   ask the local admin interface\n"
    "       weft-proxy wait                  until the local proxy is ready\n"
    "       weft-proxy --version\n";

struct options {
    const char *config_path;
    bool validate;
    struct server_options server;
};

/* An option with a value: "-x V", "--name V" or "--name=V". Returns how many arguments it took. */
static int take_value(int argc, char **argv, int at, const char *name, const char **ret)
{
    size_t len = strlen(name);

    if (strcmp(argv[at], name) == 0 && at + 1 < argc) {
        *ret = argv[at + 1];
        return 2;
    }
    if (strncmp(argv[at], name, len) == 0 && argv[at][len] == '=') {
        *ret = argv[at] + len + 1;
        return 1;
    }
    return 0;
}

static int set_number(const char *name, const char *value, uint64_t *ret)
{
    if (slice_parse_u64(slice_str(value), 1000000, ret) == 0)
        return 0;
    fprintf(stderr, "weft-proxy: %s: \"%s\" is no number\n", name, value);
    return ERR_INVALID;
}

static int set_level(const char *value)
{
    int level = log_level_parse(value);

    if (level >= 0)
        return log_level_set(NULL, (enum log_level)level);
    fprintf(stderr, "weft-proxy: -l: unknown level \"%s\"\n", value);
    return ERR_INVALID;
}

/* Options of Envoy's that change nothing here; how many arguments, 0 for none of them. */
static int skip_ignored(int argc, char **argv, int at)
{
    static const char *const with_value[] = {"--drain-strategy",
                                             "--local-address-ip-version",
                                             "--file-flush-min-size-kb",
                                             "--file-flush-interval-msec",
                                             "--component-log-level",
                                             "--base-id",
                                             "--restart-epoch",
                                             "--log-format",
                                             "--parent-shutdown-time-s",
                                             "--service-cluster",
                                             "--service-node"};
    static const char *const flags[] = {"--disable-hot-restart", "--skip-deprecated-logs",
                                        "--enable-core-dump", "--use-dynamic-base-id"};
    const char *value;

    for (size_t i = 0; i < ARRAY_LEN(with_value); i++) {
        int took = take_value(argc, argv, at, with_value[i], &value);

        if (took > 0)
            return took;
    }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(argv[at], flags[i]) == 0)
            return 1;
    return 0;
}

static int set_config(struct options *options, const char *value)
{
    options->config_path = value;
    return 0;
}

static int set_concurrency(struct options *options, const char *value)
{
    uint64_t number = 0;
    int rc = set_number("--concurrency", value, &number);

    options->server.concurrency = (unsigned)number;
    return rc;
}

static int set_drain(struct options *options, const char *value)
{
    uint64_t number = 0;
    int rc = set_number("--drain-time-s", value, &number);

    options->server.drain_ms = number * 1000;
    return rc;
}

static int set_log_level(struct options *options, const char *value)
{
    (void)options;
    return set_level(value);
}

static int set_mode(struct options *options, const char *value)
{
    options->validate = strcmp(value, "validate") == 0;
    return 0;
}

/* One option; how many arguments it took, 0 when unknown, negative for a bad value. */
static int parse_option(int argc, char **argv, int at, struct options *options)
{
    static const struct {
        const char *name;
        int (*set)(struct options *options, const char *value);
    } table[] = {
        {"-c", set_config},
        {"--config-path", set_config},
        {"--concurrency", set_concurrency},
        {"--drain-time-s", set_drain},
        {"-l", set_log_level},
        {"--log-level", set_log_level},
        {"--mode", set_mode},
    };
    const char *value;

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        int took = take_value(argc, argv, at, table[i].name, &value);

        if (took > 0)
            return table[i].set(options, value) < 0 ? ERR_INVALID : took;
    }
    if (strcmp(argv[at], "--allow-unknown-static-fields") == 0) {
        options->server.unknown_fields_allowed = true;
        return 1;
    }
    return skip_ignored(argc, argv, at);
}

static int run_standalone(const struct options *options)
{
    struct server *server = NULL;
    struct error err = {0};
    char text[800];
    int rc = server_new(&options->server, &server, &err);

    if (rc == 0)
        rc = server_load_bootstrap(server, options->config_path, &err);
    if (rc == 0 && options->validate)
        printf("configuration '%s' OK\n", options->config_path);
    else if (rc == 0)
        rc = server_run(server, &err);
    if (rc < 0)
        fprintf(stderr, "weft-proxy: %s: %s\n", options->config_path,
                err_format(&err, text, sizeof text));
    server_free(server);
    return rc < 0 ? 1 : 0;
}

/* The commands that pilot-agent has too; -1: none of them. */
static int run_command(int argc, char **argv)
{
    if (argc < 2)
        return -1;
    if (strcmp(argv[1], "proxy") == 0)
        return agent_main(argc - 1, argv + 1, environ);
    if (strcmp(argv[1], "istio-iptables") == 0)
        return capture_main(argc - 1, argv + 1);
    if (strcmp(argv[1], "request") == 0)
        return agent_request_main(argc - 1, argv + 1);
    if (strcmp(argv[1], "wait") == 0)
        return agent_wait_main(argc - 1, argv + 1);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("weft-proxy version: " WEFT_VERSION "\n");
        return 0;
    }
    return -1;
}

int proxy_main(int argc, char **argv)
{
    int code = run_command(argc, argv);
    struct options options = {.server.drain_ms = 5000};

    if (code >= 0)
        return code;
    for (int i = 1; i < argc;) {
        int took = parse_option(argc, argv, i, &options);

        if (took <= 0) {
            if (took == 0)
                fprintf(stderr, "weft-proxy: unknown argument \"%s\"\n%s", argv[i], usage_text);
            return EXIT_USAGE;
        }
        i += took;
    }
    if (options.config_path == NULL) {
        fputs(usage_text, stderr);
        return EXIT_USAGE;
    }
    return run_standalone(&options);
}
