/* SPDX-License-Identifier: Apache-2.0 */
/* weft proxy-status: which proxies are connected, and whether they have what weftd sent.
 *
 * Place   bin/weft; cli/control asks each istiod for /debug/syncz
 * Limits  comparing the configuration of one proxy (an argument) is not supported yet
 * Spec    istioctl 1.31: columns, words, five spaces between columns
 */
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/control.h"

#include "base/buf.h"
#include "base/mem.h"
#include "wire/json.h"

#include <stdio.h>

enum { COLUMN_GAP = 5, COLUMNS_MAX = 9 };

/* By type: the short name that people know, and weftd's key. */
struct type {
    const char *name;
    const char *key;
};

/* In the order of the summary, and of the columns of -v 1. */
static const struct type summary_types[] = {
    {"CDS", "cluster"}, {"LDS", "listener"}, {"EDS", "endpoint"},
    {"RDS", "route"},   {"SDS", "secret"},
};
static const struct type column_types[] = {
    {"CDS", "cluster"},  {"ECDS", "extension"}, {"EDS", "endpoint"},
    {"LDS", "listener"}, {"RDS", "route"},
};

/* A table of texts; each row has column_count cells, owned. */
struct table {
    char **cells;
    size_t row_count, column_count;
};

static void table_row_add(struct table *table, char *const *cells)
{
    size_t at = table->row_count++ * table->column_count;

    table->cells = mem_realloc(table->cells, (at + table->column_count) * sizeof *table->cells);
    memcpy(table->cells + at, cells, table->column_count * sizeof *cells);
}

static void table_print(const struct table *table)
{
    size_t width[COLUMNS_MAX] = {0};

    for (size_t i = 0; i < table->row_count * table->column_count; i++) {
        size_t len = strlen(table->cells[i]), column = i % table->column_count;

        width[column] = len > width[column] ? len : width[column];
    }
    for (size_t i = 0; i < table->row_count * table->column_count; i++) {
        size_t column = i % table->column_count;
        bool is_last = column + 1 == table->column_count;

        printf("%-*s%s", is_last ? 0 : (int)width[column] + COLUMN_GAP, table->cells[i],
               is_last ? "\n" : "");
    }
}

static void table_deinit(struct table *table)
{
    for (size_t i = 0; i < table->row_count * table->column_count; i++)
        mem_free(table->cells[i]);
    mem_free(table->cells);
}

/* "4 (CDS,LDS,EDS,RDS)"; a new text. */
static char *subscribed(const json_t *proxy)
{
    struct buf names;
    size_t count = 0;
    char *text;

    buf_init(&names, 0);
    for (size_t i = 0; i < ARRAY_LEN(summary_types); i++)
        if (json_object_get(proxy, summary_types[i].key))
            buf_printf(&names, "%s%s", count++ ? "," : "", summary_types[i].name);
    text = count ? mem_printf("%zu (%.*s)", count, SLICE_ARG(buf_slice(&names))) : mem_strdup("0");
    buf_deinit(&names);
    return text;
}

static const char *state_of(const json_t *facts)
{
    int64_t sent = json_get_int(facts, "sent", 0);

    if (!facts)
        return "IGNORED";
    if (sent == 0)
        return "NOT SENT";
    return json_get_int(facts, "acked", 0) == sent ? "SYNCED" : "STALE";
}

static void summary_print(const json_t *proxies)
{
    char *const head[] = {mem_strdup("NAME"), mem_strdup("CLUSTER"), mem_strdup("ISTIOD"),
                          mem_strdup("VERSION"), mem_strdup("SUBSCRIBED TYPES")};
    struct table table = {.column_count = ARRAY_LEN(head)};
    size_t i;
    json_t *proxy;

    table_row_add(&table, head);
    json_array_foreach(proxies, i, proxy)
    {
        char *const row[] = {mem_strdup(json_path_string_or(proxy, "proxy", "")),
                             mem_strdup(json_path_string_or(proxy, "cluster_id", "")),
                             mem_strdup(json_path_string_or(proxy, "istiod", "")),
                             mem_strdup(control_proxy_version(proxy)), subscribed(proxy)};

        table_row_add(&table, row);
    }
    table_print(&table);
    table_deinit(&table);
}

static void columns_print(const json_t *proxies)
{
    enum { TYPES = ARRAY_LEN(column_types) };
    struct table table = {.column_count = TYPES + 4};
    char *row[TYPES + 4] = {mem_strdup("NAME"), mem_strdup("CLUSTER")};
    size_t i;
    json_t *proxy;

    for (i = 0; i < TYPES; i++)
        row[2 + i] = mem_strdup(column_types[i].name);
    row[TYPES + 2] = mem_strdup("ISTIOD");
    row[TYPES + 3] = mem_strdup("VERSION");
    table_row_add(&table, row);
    json_array_foreach(proxies, i, proxy)
    {
        row[0] = mem_strdup(json_path_string_or(proxy, "proxy", ""));
        row[1] = mem_strdup(json_path_string_or(proxy, "cluster_id", ""));
        for (size_t k = 0; k < TYPES; k++)
            row[2 + k] = mem_strdup(state_of(json_object_get(proxy, column_types[k].key)));
        row[TYPES + 2] = mem_strdup(json_path_string_or(proxy, "istiod", ""));
        row[TYPES + 3] = mem_strdup(control_proxy_version(proxy));
        table_row_add(&table, row);
    }
    table_print(&table);
    table_deinit(&table);
}

/* What a proxy refused, in its own words. */
static void refusals_print(const json_t *proxies)
{
    size_t i;
    json_t *proxy;

    json_array_foreach(proxies, i, proxy)
    {
        for (size_t k = 0; k < ARRAY_LEN(summary_types); k++) {
            const json_t *facts = json_object_get(proxy, summary_types[k].key);
            const char *reason = json_get_string(facts, "nack");

            if (reason && strcmp(state_of(facts), "STALE") == 0)
                fprintf(stderr, "%s refused its %s: %s\n", json_path_string_or(proxy, "proxy", ""),
                        summary_types[k].name, reason);
        }
    }
}

/* Those of a namespace; NULL: all. A new array. */
static json_t *of_namespace(const json_t *proxies, const char *ns)
{
    json_t *list = json_array();
    size_t i;
    json_t *proxy;

    json_array_foreach(proxies, i, proxy)
    {
        const char *dot = strrchr(json_path_string_or(proxy, "proxy", ""), '.');

        if (!ns || (dot && strcmp(dot + 1, ns) == 0))
            json_array_append(list, proxy);
    }
    return list;
}

static int run(const struct cli *cli, const char *revision, const char *output, bool verbose)
{
    SCOPED(cli_cluster_close) struct cli_cluster cluster = {0};
    SCOPED(json_drop) json_t *pods = NULL;
    SCOPED(json_drop) json_t *all = NULL;
    SCOPED(json_drop) json_t *proxies = NULL;
    struct error err = {0};

    if (cli_cluster_open(cli, &cluster, &err) < 0 ||
        control_pods(cluster.client, cli->istio_ns, revision, &pods, &err) < 0 ||
        control_proxies(cluster.client, pods, &all, &err) < 0)
        return cli_fail(&err);
    proxies = of_namespace(all, cli->ns);
    if (strcmp(output, "table") != 0)
        cli_tree_print(proxies, output);
    else if (verbose)
        columns_print(proxies);
    else
        summary_print(proxies);
    refusals_print(proxies);
    return CLI_OK;
}

int cli_proxy_status(struct cli *cli, int argc, char **argv)
{
    const char *revision = NULL, *output = "table", *verbosity = "0";
    const struct cli_flag flags[] = {
        {"revision", 'r', CLI_FLAG_STRING, &revision, "of that control plane alone"},
        {"output", 'o', CLI_FLAG_STRING, &output, "table, json or yaml"},
        {"verbosity", 'v', CLI_FLAG_STRING, &verbosity, "1: a column a type, with its state"},
    };
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft proxy-status [-n NAMESPACE] [-o table|json|yaml]", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    if (argc > 0)
        return cli_unsupported(cli, "proxy-status of one proxy");
    if (strcmp(output, "table") != 0 && strcmp(output, "json") != 0 && strcmp(output, "yaml") != 0)
        return cli_failf("output format \"%s\" not supported", output);
    return run(cli, revision, output, strcmp(verbosity, "0") != 0);
}
