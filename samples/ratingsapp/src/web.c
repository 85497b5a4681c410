/* SPDX-License-Identifier: Apache-2.0 */
/* ratings-web: the files of a single-page application, and a way through to ratings-api.
 *
 *   /api...          -> ratings-api, method, query and body as they came
 *   /static/..., *.* -> the file, or 404
 *   anything else    -> index.html: the page finds its own way
 *
 * Place   called by server.c for the image ratings-web
 * Limits  files up to FILE_SIZE_MAX bytes, read anew for each request; paths of letters, digits,
 *         dots, dashes, underscores and slashes, without ".."
 */
#include <ctype.h>

#include "answer.h"
#include "base/file.h"
#include "ratingsapp.h"

enum { FILE_SIZE_MAX = 1024 * 1024, API_TIMEOUT_MS = 10000, PORT_WEB = 8080 };

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".jpeg", "image/jpeg"},
    {".ico", "image/x-icon"},
};

static const char *type_of(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (slice_ends_with(slice_str(path), slice_str(types[i].suffix)))
            return types[i].type;
    }
    return "application/octet-stream";
}

static bool path_harmless(struct slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];

        if (!isalnum((unsigned char)c) && !strchr("./-_", c))
            return false;
        if (c == '.' && i + 1 < path.len && path.data[i + 1] == '.')
            return false;
    }
    return true;
}

static void file(struct exchange *exchange, struct slice path)
{
    const struct ratingsapp_conf *conf = exchange->conf;
    SCOPED(buf_deinit) struct buf content;
    const char *name =
        arena_printf(exchange->arena, "%s%.*s", conf->web_root, (int)path.len, path.data);
    struct error err = {0};

    buf_init(&content, FILE_SIZE_MAX);
    if (!path_harmless(path) || file_read(name, &content, &err) < 0)
        exchange_reply(exchange, 404, "text/plain", SLICE("no such file\n"));
    else
        exchange_reply(exchange, 200, type_of(name), buf_slice(&content));
}

/* Which site's texts the page shows. */
static void site(struct exchange *exchange)
{
    const struct ratingsapp_conf *conf = exchange->conf;

    answer_json(exchange, 200, json_pack("{s:s}", "code", conf->site_code), JSON_COMPACT);
}

static void on_api(struct exchange *exchange, int status, struct slice body)
{
    if (status)
        exchange_reply(exchange, status, "application/json; charset=utf-8", body);
    else
        answer_error(exchange, 504, "ratings-api does not answer");
}

static void api(struct exchange *exchange)
{
    static const char *const forward[] = {"content-type", "x-request-id", "traceparent",
                                          "tracestate",   "x-b3-traceid", "x-b3-spanid",
                                          "x-b3-sampled", "user-agent",   NULL};
    const struct ratingsapp_conf *conf = exchange->conf;
    struct exchange_call call = {
        .host = conf->api_host,
        .port = conf->api_port,
        .method =
            arena_printf(exchange->arena, "%.*s", (int)exchange->method.len, exchange->method.data),
        .path =
            arena_printf(exchange->arena, "%.*s%s%.*s", (int)exchange->path.len,
                         exchange->path.data, exchange->query.len ? "?" : "",
                         (int)exchange->query.len, exchange->query.len ? exchange->query.data : ""),
        .body = exchange->body,
        .timeout_ms = API_TIMEOUT_MS,
        .forward = forward,
    };

    exchange_call(exchange, &call, on_api);
}

static void handle(struct exchange *exchange)
{
    struct slice rest;

    if (answer_path(exchange, "/api", &rest) && (rest.len == 0 || rest.data[0] == '/'))
        api(exchange);
    else if (!slice_eq_str(exchange->method, "GET") && !slice_eq_str(exchange->method, "HEAD"))
        exchange_reply(exchange, 405, "text/plain", SLICE("GET only\n"));
    else if (slice_eq_str(exchange->path, "/site.json"))
        site(exchange);
    else if (slice_find_char(exchange->path, '.') >= 0)
        file(exchange, exchange->path);
    else
        file(exchange, SLICE("/index.html"));
}

const struct service_type web_service = {.name = "ratings-web", .port = PORT_WEB, .handle = handle};
