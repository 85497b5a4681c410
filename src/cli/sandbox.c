/* SPDX-License-Identifier: Apache-2.0 */
/* weft sandbox: a mesh on this machine, without a cluster.
 *
 *   up      start it (idempotent)            down    stop it and leave nothing behind
 *   status  what runs                        env     export lines for a shell
 *   logs    what its processes wrote         run-*   the processes themselves (started by up)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "cli/sandbox_int.h"
#include "io/cgroup.h"
#include "io/mounts.h"
#include "oci/container.h"
#include "sandbox/apiserver.h"
#include "sandbox/controllers/controllers.h"
#include "sandbox/net.h"
#include "sandbox/node.h"

enum { LOG_MAX = 64 * 1024 * 1024 };

static const char usage[] =
    "Runs Kubernetes and the mesh on this machine, without a cluster.\n\n"
    "Usage:\n"
    "  weft sandbox up [--name NAME] [--images DIR] [--bare]\n"
    "  weft sandbox down|status|env [--name NAME]\n"
    "  weft sandbox logs [apiserver|controllers|node|supervisor] [--name NAME]\n";

struct options {
    const char *name;
    const char *images;
    bool bare;
};

/* --- down --- */

static int containers_remove(const struct instance *in, struct error *err)
{
    int rc = oci_runtime_clear(&in->runtime, err);

    if (mounts_remove_below(in->state_path, err) < 0)
        rc = ERR_IO;
    cgroup_remove(in->cgroup);
    return rc;
}

int sandbox_down(const struct instance *in, struct error *err)
{
    int rc = 0;

    for (unsigned i = INSTANCE_PROCESS_COUNT; i-- > 0 && rc == 0;) {
        struct daemon daemon = instance_daemon(in, i);

        rc = daemon_stop(&daemon, err);
    }
    if (rc == 0)
        rc = containers_remove(in, err);
    if (rc == 0)
        rc = net_down(in, err);
    return rc == 0 ? instance_remove(in, err) : rc;
}

static int run_down(const struct options *options)
{
    struct instance in;
    struct error err = {0};
    int rc = instance_open(options->name, false, &in, &err);

    if (rc == ERR_NOT_FOUND) {
        printf("sandbox %s is not there\n", options->name);
        return CLI_OK;
    }
    if (rc == 0 && geteuid() != 0)
        rc = err_set(&err, ERR_DENIED, "the sandbox needs root: run this as root");
    if (rc == 0)
        rc = sandbox_down(&in, &err);
    if (rc < 0)
        return cli_fail(&err);
    printf("sandbox %s is gone\n", options->name);
    return CLI_OK;
}

/* --- status, env, logs --- */

static int run_status(const struct options *options)
{
    struct instance in;
    struct error err = {0};
    struct daemon daemons[INSTANCE_PROCESS_COUNT];
    bool all = true;
    int rc = instance_open(options->name, false, &in, &err);

    if (rc < 0)
        return cli_fail(&err);
    for (unsigned i = 0; i < INSTANCE_PROCESS_COUNT; i++) {
        daemons[i] = instance_daemon(&in, i);
        all &= daemon_pid(&daemons[i]) > 0;
    }
    all &= net_is_up(&in);
    printf("sandbox %s: %s\n", in.name, all ? "running" : "not running");
    for (size_t i = 0; i < INSTANCE_PROCESS_COUNT; i++) {
        int pid = (int)daemon_pid(&daemons[i]);

        if (pid > 0)
            printf("  %-12s running, process %d\n", daemons[i].name, pid);
        else
            printf("  %-12s stopped\n", daemons[i].name);
    }
    printf("  %-12s %s (%s)\n", "network", net_is_up(&in) ? "up" : "down", in.route_cidr);
    printf("  %-12s https://127.0.0.1:%u\n  %-12s %s\n  %-12s %s\n", "API", in.api_port,
           "kubeconfig", in.kubeconfig_path, "images", in.images.layout_path);
    return all ? CLI_OK : CLI_FAILED;
}

static int run_env(const struct options *options)
{
    struct sandbox_places places;
    struct instance in;
    struct error err = {0};
    int rc = instance_open(options->name, false, &in, &err);

    if (rc < 0)
        return cli_fail(&err);
    sandbox_places_find(&places);
    printf("export KUBECONFIG='%s'\n", in.kubeconfig_path);
    printf("export PATH='%s%s%s':\"$PATH\"\n", places.bin, places.tools[0] ? ":" : "",
           places.tools);
    return CLI_OK;
}

static int run_logs(const struct options *options, const char *only)
{
    struct instance in;
    struct error err = {0};
    bool known = only == NULL;
    int rc = instance_open(options->name, false, &in, &err);

    if (rc < 0)
        return cli_fail(&err);
    for (unsigned i = 0; i < INSTANCE_PROCESS_COUNT; i++) {
        struct daemon daemon = instance_daemon(&in, i);
        SCOPED(buf_deinit) struct buf text;

        if (only && strcmp(only, daemon.name) != 0)
            continue;
        known = true;
        buf_init(&text, LOG_MAX);
        if (!only)
            printf("==> %s <==\n", daemon.log_path);
        if (file_read(daemon.log_path, &text, NULL) == 0)
            fwrite(text.data, 1, text.len, stdout);
    }
    return known ? CLI_OK
                 : cli_failf("no process \"%s\": apiserver, controllers, node or supervisor", only);
}

/* --- the processes --- */

static int run_apiserver(const struct instance *in, struct error *err)
{
    SCOPED(mem_drop)
    char *listen = mem_printf("127.0.0.1:%u,%s:%u", in->api_port, in->host_ip, in->api_port);
    const struct sandbox_apiserver_options options = {.folder = in->state_path,
                                                      .listen = listen,
                                                      .advertise_ip = in->host_ip,
                                                      .server_names = in->host_ip,
                                                      .service_cidr = in->service_cidr,
                                                      .node_socket = in->node_socket_path,
                                                      .kubeconfig = in->kubeconfig_path};

    return sandbox_apiserver_run(&options, err);
}

static int run_controllers(const struct instance *in, struct error *err)
{
    const struct sandbox_controllers_options options = {
        .kubeconfig = in->kubeconfig_path, .node_name = in->node_name, .lb_cidr = in->lb_cidr};

    return sandbox_controllers_run(&options, err);
}

int sandbox_daemon_run(const struct instance *in, const char *name, struct error *err)
{
    static int (*const mains[INSTANCE_PROCESS_COUNT])(const struct instance *, struct error *) = {
        [INSTANCE_APISERVER] = run_apiserver,
        [INSTANCE_CONTROLLERS] = run_controllers,
        [INSTANCE_NODE] = node_run,
        [INSTANCE_SUPERVISOR] = instance_supervise,
    };

    for (unsigned i = 0; i < INSTANCE_PROCESS_COUNT; i++) {
        struct daemon daemon = instance_daemon(in, i);
        int rc;

        if (strcmp(name, daemon.name) != 0)
            continue;
        rc = daemon_enter(&daemon, err);
        return rc < 0 ? rc : mains[i](in, err);
    }
    return err_set(err, ERR_INVALID, "no process \"%s\"", name);
}

static int run_daemon(const struct options *options, const char *name)
{
    struct instance in;
    struct error err = {0};
    int rc = instance_open(options->name, false, &in, &err);

    if (rc == 0)
        rc = sandbox_daemon_run(&in, name, &err);
    return rc < 0 ? cli_fail(&err) : CLI_OK;
}

/* --- dispatch --- */

int cli_sandbox(struct cli *cli, int argc, char **argv)
{
    struct options options = {.name = "weft"};
    const struct cli_flag flags[] = {
        {"name", 0, CLI_FLAG_STRING, &options.name, "name of the sandbox (default weft)"},
        {"images", 0, CLI_FLAG_STRING, &options.images, "OCI layout with the container images"},
        {"bare", 0, CLI_FLAG_BOOL, &options.bare, "without the mesh and BookInfo"},
    };
    int count = 0;
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags), usage, &count);
    const char *verb = rc < 0 || count < 1 ? "" : argv[1];

    if (rc < 0)
        return cli_flags_exit(rc);
    if (options.images)
        setenv("WEFT_IMAGES", options.images, 1);
    if (strcmp(verb, "up") == 0)
        return sandbox_up(options.name, options.bare);
    if (strcmp(verb, "down") == 0)
        return run_down(&options);
    if (strcmp(verb, "status") == 0)
        return run_status(&options);
    if (strcmp(verb, "env") == 0)
        return run_env(&options);
    if (strcmp(verb, "logs") == 0)
        return run_logs(&options, count > 1 ? argv[2] : NULL);
    if (strncmp(verb, "run-", 4) == 0)
        return run_daemon(&options, verb + 4);
    fputs(usage, stderr);
    return CLI_USAGE;
}
