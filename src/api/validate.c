/* SPDX-License-Identifier: Apache-2.0 */
/* api_validate: the schema first, then the rules of Istio's kinds.
 *
 * Place   the validating webhook, `weft validate`
 * Owns    a scratch arena during the call
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/check.h"
#include "api/decode.h"
#include "api/rules.h"

enum { HOST_LEN_MAX = 253, LABEL_LEN_MAX = 63 };

void rules_tell(struct rules *rules, int code, const char *path, const char *fmt, ...)
{
    struct error err = {0};
    char reason[ERR_REASON_SIZE];
    va_list args;

    if (rules->count >= API_PROBLEMS_MAX)
        return;
    rules->count++;
    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    err_set_path(&err, code, path, "%s", reason);
    if (code != ERR_AGAIN && rules->first.code == 0)
        rules->first = err;
    if (rules->on_problem)
        rules->on_problem(&err, rules->ctx);
}

void rules_path(char *out, size_t out_size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(out, out_size, fmt, args);
    va_end(args);
}

static bool label_is_valid(struct slice label)
{
    if (label.len == 0 || label.len > LABEL_LEN_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.data[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!is_word && (i == 0 || i + 1 == label.len || (c != '-' && c != '_')))
            return false;
    }
    return true;
}

bool rules_is_label(const char *text)
{
    return label_is_valid(slice_str(text));
}

bool rules_is_host(const char *host, bool wildcard)
{
    struct slice rest = slice_str(host);
    struct slice label;
    bool is_first = true;

    if (rest.len == 0 || rest.len > HOST_LEN_MAX)
        return false;
    if (rest.data[rest.len - 1] == '.')
        rest.len--;
    while (slice_split_next(&rest, '.', &label)) {
        bool is_star = wildcard && is_first && slice_eq(label, SLICE("*"));

        if (!is_star && !label_is_valid(label))
            return false;
        is_first = false;
    }
    return true;
}

bool rules_is_address(const char *text)
{
    struct in6_addr scratch;

    return inet_pton(AF_INET, text, &scratch) == 1 || inet_pton(AF_INET6, text, &scratch) == 1;
}

void rules_port(struct rules *rules, const char *path, int64_t port)
{
    if (port < 1 || port > 65535)
        rules_tell(rules, ERR_INVALID, path, "port number %lld must be in the range 1..65535",
                   (long long)port);
}

void rules_duration(struct rules *rules, const char *path, bool has, int64_t ns)
{
    if (has && ns < 1000000)
        rules_tell(rules, ERR_INVALID, path, "duration must be greater than 1ms");
}

int api_grpc_status(const char *name)
{
    static const char *const names[] = {"OK",
                                        "CANCELLED",
                                        "UNKNOWN",
                                        "INVALID_ARGUMENT",
                                        "DEADLINE_EXCEEDED",
                                        "NOT_FOUND",
                                        "ALREADY_EXISTS",
                                        "PERMISSION_DENIED",
                                        "RESOURCE_EXHAUSTED",
                                        "FAILED_PRECONDITION",
                                        "ABORTED",
                                        "OUT_OF_RANGE",
                                        "UNIMPLEMENTED",
                                        "INTERNAL",
                                        "UNAVAILABLE",
                                        "DATA_LOSS",
                                        "UNAUTHENTICATED"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (int)i;
    return -1;
}

void rules_export_to(struct rules *rules, const char *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *item = items[i];
        bool is_special =
            strcmp(item, "*") == 0 || strcmp(item, ".") == 0 || strcmp(item, "~") == 0;
        char path[64];

        rules_path(path, sizeof(path), "spec.exportTo[%zu]", i);
        if (!is_special && !rules_is_label(item))
            rules_tell(rules, ERR_INVALID, path,
                       "\"%.100s\" is neither \"*\", \".\", \"~\" nor a namespace", item);
    }
}

/* A policy that nobody carries out must not look as if it were in force. */
static void check_supported(struct rules *rules, const struct api_kind *kind)
{
    if ((kind->flags & API_KIND_CRD) && kind->schema->struct_size == 0)
        rules_tell(rules, ERR_UNSUPPORTED, "",
                   "not supported: objects of kind %s are not carried out yet", kind->kind);
}

/* Runs the rules of the kind on the decoded object; kinds without rules pass. */
static void run_rules(struct rules *rules, const struct api_kind *kind, const json_t *object,
                      struct arena *arena)
{
    static const struct {
        const struct api_schema *schema;
        void (*run)(struct rules *rules, const void *object);
    } kinds[] = {
        {&api_virtual_service_schema, rules_virtual_service},
        {&api_destination_rule_schema, rules_destination_rule},
        {&api_gateway_schema, rules_gateway},
        {&api_service_entry_schema, rules_service_entry},
        {&api_workload_entry_schema, rules_workload_entry},
        {&api_sidecar_schema, rules_sidecar},
    };
    struct error err = {0};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        void *decoded;

        if (kinds[i].schema != kind->schema)
            continue;
        decoded = arena_alloc(arena, kind->schema->struct_size);
        if (api_decode(kind->schema, object, arena, decoded, &err) == 0)
            kinds[i].run(rules, decoded);
        else
            rules_tell(rules, err.code, err.path, "%s", err.reason);
    }
}

static void on_schema_problem(const struct error *problem, void *ctx)
{
    struct rules *rules = ctx;

    rules->count++;
    if (problem->code != ERR_EXISTS && rules->first.code == 0)
        rules->first = *problem;
    if (rules->on_problem)
        rules->on_problem(problem, rules->ctx);
}

int api_validate(const struct api_kind *kind, const json_t *object, api_on_problem *on_problem,
                 void *ctx, struct error *err)
{
    struct rules rules = {.on_problem = on_problem, .ctx = ctx};
    struct arena arena;

    (void)api_check(kind->schema, object, on_schema_problem, &rules);
    check_supported(&rules, kind);
    if (rules.first.code == 0) {
        arena_init(&arena, 0);
        run_rules(&rules, kind, object, &arena);
        arena_deinit(&arena);
    }
    if (rules.first.code == 0)
        return 0;
    return err_set_path(err, ERR_INVALID, rules.first.path, "%s", rules.first.reason);
}
