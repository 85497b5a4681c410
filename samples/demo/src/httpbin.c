/* SPDX-License-Identifier: Apache-2.0 */
/* httpbin: tells what it was asked. The paths that Istio's tasks use, and no others:
 *
 *   /get /post /put /delete /anything   method, path, query, headers and body as JSON
 *   /headers, /ip, /user-agent          a part of it
 *   /status/N                           an empty answer with that status
 *   /delay/N                            like /anything, N seconds later (at most DELAY_MAX_S)
 *
 * Place   called by server.c for the image mccutchen/go-httpbin
 * Spec    as go-httpbin answers: header values are lists
 */
#include "answer.h"
#include "base/arena.h"
#include "demo.h"

enum { PORT_HTTPBIN = 8080, DELAY_MAX_S = 10, STATUS_MIN = 200, STATUS_MAX = 599 };

static json_t *text(struct slice value)
{
    json_t *made = json_stringn(value.len ? value.data : "", value.len);

    return made ? made : json_string("");
}

static json_t *headers(struct exchange *exchange)
{
    json_t *all = json_object();
    struct slice name, value;

    for (size_t i = 0; exchange_header_at(exchange, i, &name, &value); i++) {
        const char *key =
            arena_printf(exchange->arena, "%.*s", (int)name.len, name.len ? name.data : "");
        json_t *values = json_object_get(all, key);

        if (!values) {
            values = json_array();
            json_object_set_new(all, key, values);
        }
        json_array_append_new(values, text(value));
    }
    return all;
}

static void anything(struct exchange *exchange)
{
    answer_json(exchange, 200,
                json_pack("{s:o,s:o,s:o,s:o,s:o}", "method", text(exchange->method), "path",
                          text(exchange->path), "args", text(exchange->query), "headers",
                          headers(exchange), "data", text(exchange->body)),
                JSON_INDENT(2));
}

static void one(struct exchange *exchange, const char *name, json_t *value)
{
    answer_json(exchange, 200, json_pack("{s:o}", name, value), JSON_INDENT(2));
}

static void status(struct exchange *exchange, struct slice number)
{
    uint64_t code;

    if (slice_parse_u64(number, STATUS_MAX, &code) < 0 || code < STATUS_MIN)
        answer_error(exchange, 400, "status: want 200 to 599");
    else
        exchange_reply(exchange, (int)code, "text/plain", slice_str(NULL));
}

static void delay(struct exchange *exchange, struct slice number)
{
    uint64_t seconds;

    if (slice_parse_u64(number, DELAY_MAX_S, &seconds) < 0)
        answer_error(exchange, 400, "delay: want 0 to 10 seconds");
    else
        exchange_later(exchange, (uint32_t)seconds * 1000, anything);
}

static void handle(struct exchange *exchange)
{
    static const char *const whole[] = {"/get", "/post", "/put", "/delete", "/anything"};
    struct slice rest;

    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        if (slice_eq_str(exchange->path, whole[i])) {
            anything(exchange);
            return;
        }
    }
    if (answer_path(exchange, "/status/", &rest))
        status(exchange, rest);
    else if (answer_path(exchange, "/delay/", &rest))
        delay(exchange, rest);
    else if (slice_eq_str(exchange->path, "/headers"))
        one(exchange, "headers", headers(exchange));
    else if (slice_eq_str(exchange->path, "/user-agent"))
        one(exchange, "user-agent", text(exchange_header(exchange, "user-agent")));
    else if (slice_eq_str(exchange->path, "/ip"))
        one(exchange, "origin", text(exchange_header(exchange, "x-forwarded-for")));
    else
        answer_error(exchange, 404, "no such page");
}

const struct service_type httpbin_service = {
    .name = "httpbin", .port = PORT_HTTPBIN, .handle = handle};
