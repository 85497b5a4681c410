/* SPDX-License-Identifier: Apache-2.0 */
/* weft analyze: what is wrong with the configuration of a cluster, of files, or of both.
 *
 *   weft analyze [FILE|FOLDER|-]... [-n NS | -A] [--use-kube=false [--complete]]
 *
 * Place   cli.c's table; the analyzers are in src/analyze
 * Owns    the analysis, while the command runs
 * Limits  files of 16 MiB, 10,000 files, folders 32 deep; see analysis.h for objects;
 *         --remote-contexts is not supported
 * Spec    istioctl analyze: output formats, exit codes 0, 1, 64, 65 (a file cannot be parsed), 79
 */
#include "cli/cli.h"
#include "cli/common.h"

#include "analyze/analysis.h"
#include "api/decode.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/vec.h"
#include "wire/json.h"
#include "wire/url.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CLI_UNPARSED = 65,
    CLI_FOUND = 79,
    FILE_SIZE_MAX = 16 * 1024 * 1024,
    FILES_MAX = 10000,
    PAGE_OBJECTS = 500, /* asked of the API server at a time */
};

struct analyze {
    struct cli *cli;
    struct analysis *analysis;
    struct cli_cluster cluster;
    const char *ns; /* that is analyzed; NULL: all */
    VEC(char *) files;
    VEC(char *) unparsed; /* why files could not be read */
    uint64_t deadline_ms; /* monotonic: the cluster must have answered by then */

    bool list, use_kube, all_namespaces, verbose, color, recursive, ignore_unknown, complete;
    const char *output, *failure_threshold, *output_threshold, *mesh_config_path, *revision;
    const char *timeout;
    struct cli_list suppress, names, remote_contexts;
    enum analyze_format format;
    int failure_level, output_level;
};

/* ---- files ---- */

static bool extension_is_known(const char *path)
{
    struct slice text = slice_str(path);

    return slice_ends_with(text, SLICE(".json")) || slice_ends_with(text, SLICE(".yaml")) ||
           slice_ends_with(text, SLICE(".yml"));
}

static int file_append(struct analyze *run, const char *path)
{
    if (run->files.count == FILES_MAX)
        return cli_failf("more than %d files", FILES_MAX);
    VEC_PUSH(&run->files, mem_strdup(path));
    return CLI_OK;
}

static int files_find(struct analyze *run, const char *path, unsigned depth);

static int folder_find(struct analyze *run, const char *path, unsigned depth)
{
    struct dirent **names = NULL;
    int count = scandir(path, &names, NULL, alphasort);
    int rc = depth < 32 ? CLI_OK : cli_failf("%s: folders are nested too deeply", path);

    for (int i = 0; i < count; i++) {
        SCOPED(mem_drop) char *inner = mem_printf("%s/%s", path, names[i]->d_name);
        struct stat facts;
        bool is_self = strcmp(names[i]->d_name, ".") == 0 || strcmp(names[i]->d_name, "..") == 0;

        if (rc == CLI_OK && !is_self && stat(inner, &facts) == 0 &&
            (S_ISDIR(facts.st_mode) || extension_is_known(inner)))
            rc = files_find(run, inner, depth + 1);
        free(names[i]);
    }
    free(names);
    return rc;
}

/* A file, a folder with all below it, or "-". */
static int files_find(struct analyze *run, const char *path, unsigned depth)
{
    struct stat facts;

    if (strcmp(path, "-") == 0)
        return file_append(run, path);
    if (stat(path, &facts) < 0)
        return cli_failf("stat %s: %s", path,
                         errno == ENOENT ? "no such file or directory" : strerror(errno));
    if (S_ISDIR(facts.st_mode))
        return folder_find(run, path, depth);
    if (extension_is_known(path))
        return file_append(run, path);
    fprintf(stderr, "Skipping file %s, recognized file extensions are: [.json .yaml .yml]\n", path);
    return CLI_OK;
}

static void file_add(struct analyze *run, const char *path)
{
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    struct buf content;
    int rc;

    buf_init(&content, FILE_SIZE_MAX);
    rc = cli_text_read(path, &content, &err);
    if (rc >= 0)
        rc = analysis_add_text(run->analysis, path, buf_slice(&content), &err);
    buf_deinit(&content);
    if (rc < 0)
        VEC_PUSH(&run->unparsed, mem_printf("errors parsing content \"%s\": %s", path,
                                            err_format(&err, text, sizeof text)));
}

static void files_add(struct analyze *run)
{
    for (size_t i = 0; i < run->files.count; i++)
        file_add(run, run->files.items[i]);
    if (run->unparsed.count == 0)
        return;
    fprintf(stderr, "Error(s) adding files: %zu error%s occurred:\n", run->unparsed.count,
            run->unparsed.count == 1 ? "" : "s");
    for (size_t i = 0; i < run->unparsed.count; i++)
        fprintf(stderr, "\t* %s\n", run->unparsed.items[i]);
    fputc('\n', stderr);
}

static int mesh_config_add(struct analyze *run)
{
    struct error err = {0};
    struct buf content;
    int rc;

    if (!run->mesh_config_path)
        return CLI_OK;
    buf_init(&content, FILE_SIZE_MAX);
    rc = file_read(run->mesh_config_path, &content, &err);
    if (rc >= 0)
        rc = analysis_set_mesh_config(run->analysis, buf_slice(&content), &err);
    buf_deinit(&content);
    if (rc >= 0)
        return CLI_OK;
    (void)err_prefix(&err, "%s", run->mesh_config_path);
    return cli_fail(&err);
}

/* ---- the cluster ---- */

/* What is left of --timeout; 0 when it is over. */
static uint64_t time_left_ms(const struct analyze *run)
{
    uint64_t now_ms = clock_monotonic_ms();

    return run->deadline_ms > now_ms ? run->deadline_ms - now_ms : 0;
}

static char *token_encode(const char *token)
{
    struct buf out;
    char *text;

    buf_init(&out, 0);
    (void)url_encode(&out, slice_str(token));
    text = mem_slice_dup(buf_slice(&out));
    buf_deinit(&out);
    return text;
}

/* One page of a kind's objects; *token, of the page before, becomes that of the next, or NULL. */
static int page_list(struct analyze *run, enum analyze_kind kind, char **token, struct error *err)
{
    const struct analyze_kind_info *info = analyze_kind_get(kind);
    const struct kube_resource resource = {info->group, info->version, info->plural, info->kind,
                                           info->namespaced};
    SCOPED(mem_drop)
    char *query =
        mem_printf("limit=%d%s%s", PAGE_OBJECTS, *token ? "&continue=" : "", *token ? *token : "");
    const struct kube_request request = {
        .verb = KUBE_GET, .resource = &resource, .query = query, .timeout_ms = time_left_ms(run)};
    SCOPED(json_drop) json_t *list = NULL;
    const char *next;
    size_t i;
    json_t *item;
    int rc = request.timeout_ms == 0 ? err_set(err, ERR_TIMEOUT, "no answer within --timeout")
                                     : kube_call_wait(run->cluster.client, &request, &list, err);

    if (rc < 0)
        return rc;
    next = json_path_string_or(list, "metadata.continue", "");
    mem_free(*token);
    *token = next[0] ? token_encode(next) : NULL;
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        if (rc >= 0)
            rc = analysis_add_object(run->analysis, kind, item, err);
    }
    return rc;
}

/* A kind that the cluster does not know has no objects. */
static int kind_list(struct analyze *run, enum analyze_kind kind, struct error *err)
{
    SCOPED(mem_drop) char *token = NULL;
    int rc;

    do {
        rc = page_list(run, kind, &token, err);
    } while (rc >= 0 && token);
    if (rc == ERR_DENIED)
        fprintf(stderr, "Warning: may not list %s: what depends on them is not analyzed\n",
                analyze_kind_get(kind)->plural);
    return rc == ERR_NOT_FOUND || rc == ERR_DENIED ? 0 : rc;
}

static int cluster_read(struct analyze *run)
{
    struct error err = {0};

    for (int kind = 0; kind < ANALYZE_KIND_COUNT; kind++)
        if (kind_list(run, (enum analyze_kind)kind, &err) < 0)
            return cli_fail(&err);
    return CLI_OK;
}

/* Sets the namespace, and connects. *ret_missing: the namespace does not exist. */
static int cluster_open(struct analyze *run, bool *ret_missing)
{
    struct error err = {0};
    struct kube_request request = {.verb = KUBE_GET,
                                   .resource = kube_resource_get(KUBE_RESOURCE_NAMESPACE)};
    int rc = cli_cluster_open(run->cli, &run->cluster, &err);

    if (rc < 0)
        return cli_fail(&err);
    run->ns = run->cluster.ns;
    request.name = run->ns;
    rc = kube_call_wait(run->cluster.client, &request, NULL, &err);
    *ret_missing = rc == ERR_NOT_FOUND;
    if (*ret_missing)
        fprintf(stderr, "namespace \"%s\" not found\n", run->ns);
    return rc < 0 && !*ret_missing ? cli_fail(&err) : CLI_OK;
}

/* ---- output ---- */

static void target_print(const struct analyze *run)
{
    if (run->ns)
        fprintf(stderr, "namespace: %s", run->ns);
    else
        fputs("all namespaces", stderr);
}

static void success_print(const struct analyze *run)
{
    bool partial = run->unparsed.count > 0;

    fprintf(stderr, "%sNo validation issues found when analyzing", partial ? "" : "\u2714 ");
    if (!partial && run->files.count == 1) {
        fprintf(stderr, " %s.\n", run->files.items[0]);
    } else if (!partial && run->files.count > 1) {
        fputs(":\n", stderr);
        for (size_t i = 0; i < run->files.count; i++)
            fprintf(stderr, "  - %s\n", run->files.items[i]);
    } else {
        fputc(' ', stderr);
        target_print(run);
        if (partial)
            fprintf(stderr, " (but %zu %s could not be parsed)", run->unparsed.count,
                    run->unparsed.count == 1 ? "file" : "files");
        fputs(".\n", stderr);
    }
}

static void names_print(const char *title, const struct analysis *analysis,
                        const char *(*name_at)(const struct analysis *, size_t))
{
    const char *name;

    for (size_t i = 0; (name = name_at(analysis, i)) != NULL; i++)
        fprintf(stderr, "%s\t %s\n", i == 0 ? title : "", name);
}

static void run_print(const struct analyze *run)
{
    if (!run->verbose)
        return;
    fputs("Analyzed resources in ", stderr);
    target_print(run);
    fputs("\n", stderr);
    names_print("Skipped analyzers:\n", run->analysis, analysis_skipped);
    names_print("Executed analyzers:\n", run->analysis, analysis_executed);
    fputs("\n", stderr);
}

/* The exit code. */
static int result_judge(const struct analyze *run, const struct analyze_message *messages,
                        size_t count)
{
    if (run->format != ANALYZE_FORMAT_LOG)
        return CLI_OK;
    for (size_t i = 0; i < count; i++) {
        if ((int)messages[i].level < run->failure_level)
            continue;
        fputs("Error: Analyzers found issues when analyzing ", stderr);
        target_print(run);
        fputs(".\nSee https://istio.io/v1.31/docs/reference/config/analysis for more information "
              "about causes and resolutions.\n",
              stderr);
        return CLI_FOUND;
    }
    if (run->unparsed.count == 0 || run->ignore_unknown)
        return CLI_OK;
    fputs("Error: Some files couldn't be parsed.\n", stderr);
    return CLI_UNPARSED;
}

static int result_print(const struct analyze *run)
{
    size_t count;
    const struct analyze_message *messages = analysis_messages(run->analysis, &count);
    struct buf out;
    size_t shown;

    run_print(run);
    buf_init(&out, 0);
    shown = analyze_messages_format(messages, count, (enum analyze_level)run->output_level,
                                    run->format, run->color, &out);
    printf("%.*s\n", (int)out.len, out.len ? out.data : "");
    buf_deinit(&out);
    fflush(stdout);
    if (shown == 0)
        success_print(run);
    return result_judge(run, messages, count);
}

static int analyzers_list(void)
{
    const char *name;

    for (size_t i = 0; (name = analyze_analyzer_name(i)) != NULL; i++)
        printf("* %s:\n    %s\n", name, analyze_analyzer_summary(i));
    return CLI_OK;
}

/* ---- the command ---- */

static int suppressions_add(struct analyze *run)
{
    for (size_t i = 0; i < run->suppress.count; i++) {
        const char *equals = strchr(run->suppress.items[i], '=');
        SCOPED(mem_drop) char *code = NULL;

        if (!equals || strchr(equals + 1, '='))
            return cli_failf("%s is not a valid suppression value. See istioctl analyze --help",
                             run->suppress.items[i]);
        code = mem_slice_dup(
            slice_make(run->suppress.items[i], (size_t)(equals - run->suppress.items[i])));
        if (!analyze_code_is_known(code))
            fprintf(stderr,
                    "Warning: Supplied message code '%s' is an unknown message code and will not "
                    "have any effect.\n",
                    code);
        analysis_suppress(run->analysis, code, equals + 1);
    }
    return CLI_OK;
}

static int options_check(struct analyze *run)
{
    static const char *const formats[] = {[ANALYZE_FORMAT_LOG] = "log",
                                          [ANALYZE_FORMAT_JSON] = "json",
                                          [ANALYZE_FORMAT_YAML] = "yaml"};
    int64_t timeout_ns = 0;
    size_t i = 0;

    while (i < ARRAY_LEN(formats) && strcasecmp(formats[i], run->output) != 0)
        i++;
    run->failure_level = analyze_level_parse(run->failure_threshold);
    run->output_level = analyze_level_parse(run->output_threshold);
    if (i == ARRAY_LEN(formats)) {
        (void)cli_failf("%s not a valid option for format. See istioctl analyze --help",
                        run->output);
        return CLI_USAGE;
    }
    run->format = (enum analyze_format)i;
    if (run->failure_level < 0 || run->output_level < 0) {
        (void)cli_failf("invalid level: one of Info, Warning, Error");
        return CLI_USAGE;
    }
    if (run->remote_contexts.count)
        return cli_unsupported(run->cli, "analyze --remote-contexts");
    if (api_duration_parse(slice_str(run->timeout), &timeout_ns) < 0 || timeout_ns <= 0) {
        (void)cli_failf("invalid argument \"%s\" for \"--timeout\": not a duration as 30s is",
                        run->timeout);
        return CLI_USAGE;
    }
    run->deadline_ms = clock_monotonic_ms() + (uint64_t)timeout_ns / 1000000;
    return CLI_OK;
}

static int input_read(struct analyze *run)
{
    int rc = mesh_config_add(run);

    if (rc == CLI_OK && run->use_kube)
        rc = cluster_read(run);
    if (rc != CLI_OK)
        return rc;
    if (!run->use_kube)
        analysis_add_defaults(run->analysis);
    files_add(run);
    return CLI_OK;
}

static int analyze_run(struct analyze *run, int argc, char **argv)
{
    struct analysis_options options = {0};
    bool is_missing = false;
    int rc = CLI_OK;

    for (int i = 1; i <= argc && rc == CLI_OK; i++)
        rc = files_find(run, argv[i], 0);
    run->ns = run->cli->ns ? run->cli->ns : "default";
    if (rc == CLI_OK && run->use_kube)
        rc = cluster_open(run, &is_missing);
    if (rc != CLI_OK || is_missing)
        return rc;
    options.file_ns = run->ns;
    run->ns = run->all_namespaces ? NULL : run->ns;
    options.ns = run->ns;
    options.istio_ns = run->cli->istio_ns;
    options.revision = run->revision;
    options.live = run->use_kube;
    options.complete = run->complete;
    run->analysis = analysis_new(&options);
    rc = suppressions_add(run);
    if (rc == CLI_OK)
        rc = input_read(run);
    if (rc != CLI_OK)
        return rc;
    analysis_run(run->analysis, run->names.items, run->names.count);
    return result_print(run);
}

static bool terminal_has_color(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

static void run_free(struct analyze *run)
{
    analysis_free(run->analysis);
    cli_cluster_close(&run->cluster);
    for (size_t i = 0; i < run->files.count; i++)
        mem_free(run->files.items[i]);
    VEC_DEINIT(&run->files);
    for (size_t i = 0; i < run->unparsed.count; i++)
        mem_free(run->unparsed.items[i]);
    VEC_DEINIT(&run->unparsed);
}

int cli_analyze(struct cli *cli, int argc, char **argv)
{
    struct analyze run = {.cli = cli,
                          .use_kube = true,
                          .color = terminal_has_color(),
                          .timeout = "30s",
                          .output = "log",
                          .failure_threshold = "Error",
                          .output_threshold = "Info"};
    const struct cli_flag flags[] = {
        {"list-analyzers", 'L', CLI_FLAG_BOOL, &run.list, "list the analyzers"},
        {"use-kube", 'k', CLI_FLAG_BOOL, &run.use_kube, "analyze what the cluster holds (true)"},
        {"complete", 0, CLI_FLAG_BOOL, &run.complete,
         "with --use-kube=false: the files hold Services, Pods and Namespaces too"},
        {"all-namespaces", 'A', CLI_FLAG_BOOL, &run.all_namespaces, "tell of all namespaces"},
        {"output", 'o', CLI_FLAG_STRING, &run.output, "log, json or yaml"},
        {"color", 0, CLI_FLAG_BOOL, &run.color, "color levels (true on a terminal)"},
        {"verbose", 'v', CLI_FLAG_BOOL, &run.verbose,
         "tell which analyzers ran and which were skipped"},
        {"failure-threshold", 0, CLI_FLAG_STRING, &run.failure_threshold,
         "exit with 79 from this level on: Info, Warning, Error"},
        {"output-threshold", 0, CLI_FLAG_STRING, &run.output_threshold,
         "show messages from this level on"},
        {"meshConfigFile", 0, CLI_FLAG_STRING, &run.mesh_config_path, "mesh configuration"},
        {"suppress", 'S', CLI_FLAG_LIST, &run.suppress, "CODE=ORIGIN, with * for any text"},
        {"timeout", 0, CLI_FLAG_STRING, &run.timeout, "how long the cluster may take (30s)"},
        {"recursive", 'R', CLI_FLAG_BOOL, &run.recursive, "accepted; folders always are"},
        {"ignore-unknown", 0, CLI_FLAG_BOOL, &run.ignore_unknown,
         "do not fail for files that cannot be parsed"},
        {"revision", 'r', CLI_FLAG_STRING, &run.revision, "revision of the control plane"},
        {"remote-contexts", 0, CLI_FLAG_LIST, &run.remote_contexts, "not supported"},
        {"analyzer", 0, CLI_FLAG_LIST, &run.names, "run this analyzer only; may be repeated"},
    };
    int rc = cli_flags_parse(cli, argc, argv, flags, ARRAY_LEN(flags),
                             "weft analyze [FILE|FOLDER|-]... [flags]", &argc);

    if (rc < 0)
        return cli_flags_exit(rc);
    rc = options_check(&run);
    if (rc == CLI_OK)
        rc = run.list ? analyzers_list() : analyze_run(&run, argc, argv);
    run_free(&run);
    return rc;
}
