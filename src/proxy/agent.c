/* SPDX-License-Identifier: Apache-2.0 */
/* Sidecar and gateway mode, `request` and `wait`. See agent.h.
 */
#include "proxy/agent.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/client.h"
#include "proxy/discovery.h"
#include "proxy/health.h"
#include "proxy/identity.h"
#include "proxy/server.h"
#include "xds/pb/core.h"
#include "xds/pb/registry.h"

#include <stdio.h>

enum {
    ADMIN_PORT = 15000,
    READY_PORT = 15021,
    EXIT_USAGE = 64,
    WAIT_DEFAULT_S = 60,
    WAIT_PERIOD_MS = 500,
    REQUEST_TIMEOUT_MS = 30000,
};

static const char pod_folder[] = "/etc/istio/pod";

struct agent_options {
    bool gateway;
    const char *domain;
    uint64_t concurrency; /* UINT64_MAX: not given */
};

/* "--name=value" or "--name value"; NULL when argv[*at] is another option. */
static const char *option_value(int argc, char **argv, int *at, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(argv[*at], name, len) != 0)
        return NULL;
    if (argv[*at][len] == '=')
        return argv[*at] + len + 1;
    if (argv[*at][len] == '\0' && *at + 1 < argc)
        return argv[++*at];
    return NULL;
}

/* "warning", or "default:info,xds:debug". */
static void set_levels(const char *text)
{
    for (struct slice rest = slice_str(text), pair; slice_split_next(&rest, ',', &pair);) {
        ptrdiff_t mark = slice_find_char(pair, ':');
        char *scope = mem_slice_dup(mark < 0 ? SLICE("all") : slice_head(pair, (size_t)mark));
        char *value = mem_slice_dup(mark < 0 ? pair : slice_from(pair, (size_t)mark + 1));
        int level = log_level_parse(value);

        if (level >= 0)
            (void)log_level_set(strcmp(scope, "default") == 0 ? "all" : scope,
                                (enum log_level)level);
        mem_free(scope);
        mem_free(value);
    }
}

static int parse_args(int argc, char **argv, struct agent_options *options)
{
    const char *value;

    options->concurrency = UINT64_MAX;
    if (argc < 2 || (strcmp(argv[1], "sidecar") != 0 && strcmp(argv[1], "router") != 0)) {
        fprintf(stderr, "weft-proxy: usage: proxy sidecar|router [--domain D] [--concurrency N]"
                        " [--log_output_level L]\n");
        return ERR_INVALID;
    }
    options->gateway = strcmp(argv[1], "router") == 0;
    for (int i = 2; i < argc; i++) {
        if ((value = option_value(argc, argv, &i, "--domain")) != NULL) {
            options->domain = value;
        } else if ((value = option_value(argc, argv, &i, "--log_output_level")) != NULL) {
            set_levels(value);
        } else if ((value = option_value(argc, argv, &i, "--concurrency")) != NULL) {
            if (slice_parse_u64(slice_str(value), SERVER_WORKERS_MAX, &options->concurrency) < 0) {
                fprintf(stderr, "weft-proxy: --concurrency: \"%s\" is no number\n", value);
                return ERR_INVALID;
            }
        } else if (strchr(argv[i], '=') == NULL && i + 1 < argc && argv[i + 1][0] != '-') {
            i++; /* an option of Istio's that we have no use for, and its value */
        }
    }
    return 0;
}

/* --- the proxy --- */

struct agent {
    struct identity identity;
    struct server *server;
    struct health *health;
    struct arena arena; /* the node message */
};

static void on_ready(void *ctx)
{
    struct agent *agent = ctx;

    if (agent->server->state == SERVER_INITIALIZING)
        agent->server->state = SERVER_LIVE;
    log_info(main, "ready: %zu listeners, %zu clusters",
             agent->server->resources.store.listeners.count,
             agent->server->resources.store.clusters.count);
}

static int open_discovery(struct agent *agent, struct error *err)
{
    struct discovery_options options = {
        .server = agent->server,
        .host = agent->identity.discovery_host,
        .port = agent->identity.discovery_port,
        .resolver = resources_resolver(&agent->server->resources),
        .on_ready = on_ready,
        .ctx = agent,
    };
    json_t *json = identity_node_json(&agent->identity);
    struct pb_node *node;
    int rc = proto_from_json(&pb_node_desc, json, &pb_registry, &agent->arena, (void **)&node, NULL,
                             err);

    if (rc == 0) {
        options.node = node;
        rc = discovery_open(&options, &agent->server->discovery, err);
    }
    agent->server->bootstrap = json_pack("{s:o}", "node", json);
    return rc;
}

static int agent_start(struct agent *agent, const struct agent_options *options, struct error *err)
{
    struct server_options server = {
        .concurrency = agent->identity.concurrency,
        .drain_ms = agent->identity.drain_ms,
        .drain_whole = true,
        .node = agent->identity.node,
        .telemetry = true,
    };
    struct addr admin;
    int rc;

    if (options->concurrency != UINT64_MAX)
        server.concurrency = (unsigned)options->concurrency;
    rc = server_new(&server, &agent->server, err);
    if (rc < 0)
        return rc;
    agent->server->state = SERVER_INITIALIZING;
    agent->server->node_id = mem_strdup(agent->identity.node_id);
    agent->server->node_cluster = mem_strdup(agent->identity.node_cluster);
    rc = addr_parse_ip(SLICE("127.0.0.1"), ADMIN_PORT, &admin);
    if (rc == 0)
        rc = server_open_admin(agent->server, &admin, err);
    if (rc == 0)
        rc = health_open(agent->server, &agent->identity, &health_istio_ports, &agent->health, err);
    if (rc == 0)
        rc = open_discovery(agent, err);
    return rc;
}

static void agent_stop(struct agent *agent)
{
    health_free(agent->health);
    server_free(agent->server);
    arena_deinit(&agent->arena);
    identity_deinit(&agent->identity);
}

int agent_main(int argc, char **argv, char *const *environment)
{
    struct agent_options options = {0};
    struct agent agent = {0};
    struct error err = {0};
    char text[800];
    int rc;

    if (parse_args(argc, argv, &options) < 0)
        return EXIT_USAGE;
    arena_init(&agent.arena, 0);
    rc = identity_init(&agent.identity, options.gateway, environment, pod_folder, options.domain,
                       &err);
    if (rc == 0) {
        log_info(main, "node %s, control plane %s:%u", agent.identity.node_id,
                 agent.identity.discovery_host, agent.identity.discovery_port);
        rc = agent_start(&agent, &options, &err);
        if (rc == 0)
            rc = server_run(agent.server, &err);
        agent_stop(&agent);
    }
    if (rc < 0)
        fprintf(stderr, "weft-proxy: %s\n", err_format(&err, text, sizeof text));
    return rc < 0 ? 1 : 0;
}

/* --- request and wait --- */

struct question {
    bool done;
    int code;
    unsigned status;
    bool print; /* the body to standard output */
};

static void on_answer(const struct http_fetch_result *result, void *ctx)
{
    struct question *question = ctx;

    question->done = true;
    question->code = result->code;
    if (result->code < 0)
        return;
    question->status = result->head->status;
    if (question->print)
        fwrite(result->body.data, 1, result->body.len, stdout);
}

/* Asks and waits for the answer. */
static int ask(unsigned port, struct http_fetch_request *request, struct question *question)
{
    struct http_pool_options options = {.codec = HTTP_CODEC_HTTP1, .connect_timeout_ms = 2000};
    struct http_pool *pool = NULL;
    struct http_fetch *fetch;
    struct loop *loop = NULL;
    int rc = addr_parse_ip(SLICE("127.0.0.1"), port, &options.addr);

    if (rc == 0)
        rc = loop_new(&loop);
    if (rc == 0)
        rc = http_pool_new(loop, &options, &pool);
    if (rc == 0)
        rc = http_fetch_start(pool, request, on_answer, question, &fetch);
    while (rc == 0 && !question->done)
        loop_run_once(loop, -1);
    http_pool_free(pool);
    if (loop != NULL)
        loop_run_once(loop, 0);
    loop_free(loop);
    return rc < 0 ? rc : question->code;
}

int agent_request_main(int argc, char **argv)
{
    struct http_fetch_request request = {.response_size_max = 256 * 1024 * 1024,
                                         .timeout_ms = REQUEST_TIMEOUT_MS};
    struct question question = {.print = true};
    char path[2048];
    int rc;

    if (argc < 3) {
        fprintf(stderr, "weft-proxy: usage: request METHOD PATH [BODY]\n");
        return EXIT_USAGE;
    }
    snprintf(path, sizeof path, "%s%s", argv[2][0] == '/' ? "" : "/", argv[2]);
    request.method = argv[1];
    request.path = path;
    if (argc > 3)
        request.body = slice_str(argv[3]);
    rc = ask(ADMIN_PORT, &request, &question);
    if (rc < 0) {
        fprintf(stderr, "weft-proxy: 127.0.0.1:%d: %s\n", ADMIN_PORT, err_text(rc));
        return 1;
    }
    return question.status < 400 ? 0 : 1;
}

int agent_wait_main(int argc, char **argv)
{
    uint64_t timeout_s = WAIT_DEFAULT_S;
    uint64_t period_ms = WAIT_PERIOD_MS;
    uint64_t deadline_ms;
    const char *value;

    for (int i = 1; i < argc; i++) {
        if ((value = option_value(argc, argv, &i, "--timeoutSeconds")) != NULL)
            (void)!slice_parse_u64(slice_str(value), 86400, &timeout_s);
        else if ((value = option_value(argc, argv, &i, "--periodMillis")) != NULL)
            (void)!slice_parse_u64(slice_str(value), 60000, &period_ms);
    }
    deadline_ms = clock_monotonic_ms() + timeout_s * 1000;
    do {
        struct http_fetch_request request = {.path = "/healthz/ready", .timeout_ms = 1000};
        struct question question = {0};

        if (ask(READY_PORT, &request, &question) == 0 && question.status == 200)
            return 0;
        clock_sleep_ms(period_ms);
    } while (clock_monotonic_ms() < deadline_ms);
    fprintf(stderr, "weft-proxy: not ready after %llu s\n", (unsigned long long)timeout_s);
    return 1;
}
