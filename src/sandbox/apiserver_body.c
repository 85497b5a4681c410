/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies: JSON, YAML, protobuf; chosen by Content-Type as the real server does. */
#include "kube/protobuf.h"
#include "sandbox/apiserver_int.h"
#include "wire/yaml.h"

enum body_format { BODY_JSON, BODY_YAML, BODY_PROTOBUF, BODY_UNKNOWN };

static const struct body_type {
    const char *name;
    enum body_format format;
    bool for_patch;
} body_types[] = {
    {"application/json", BODY_JSON, false},
    {"application/yaml", BODY_YAML, false},
    {"application/vnd.kubernetes.protobuf", BODY_PROTOBUF, false},
    {"application/json-patch+json", BODY_JSON, true},
    {"application/merge-patch+json", BODY_JSON, true},
    {"application/strategic-merge-patch+json", BODY_JSON, true},
    {APISERVER_APPLY_TYPE, BODY_YAML, true},
};

static struct slice media_type(struct slice content_type)
{
    ptrdiff_t end = slice_find_char(content_type, ';');

    return slice_trim(end < 0 ? content_type : slice_head(content_type, (size_t)end));
}

static int fail_type(struct apiserver_call *call)
{
    if (call->verb == APISERVER_PATCH)
        return apiserver_fail_plain(call, 415, "UnsupportedMediaType",
                                    "415: Unsupported Media Type");
    return apiserver_fail(
        call, 415, "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf");
}

static int body_parse(enum body_format format, struct slice body, json_t **ret, struct error *err)
{
    struct json_limits limits = {.size_max = APISERVER_BODY_MAX, .depth_max = 100};

    switch (format) {
    case BODY_JSON:
        return json_parse(body, &limits, ret, err);
    case BODY_YAML:
        return yaml_parse_one(body, NULL, ret, err);
    case BODY_PROTOBUF:
        return kube_protobuf_decode(body, ret, err);
    case BODY_UNKNOWN:
        break;
    }
    return ERR_UNSUPPORTED;
}

int apiserver_body_decode(struct apiserver_call *call, struct slice content_type, struct slice body)
{
    struct slice type = media_type(content_type);
    enum body_format format = BODY_UNKNOWN;
    struct error err = {0};

    if (type.len == 0)
        type = SLICE("application/json");
    if (body.len == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(body_types); i++) {
        if (slice_eq_str(type, body_types[i].name) &&
            body_types[i].for_patch == (call->verb == APISERVER_PATCH))
            format = body_types[i].format;
    }
    if (format == BODY_UNKNOWN)
        return fail_type(call);
    call->content_type = arena_slice_dup(&call->arena, type);
    if (body_parse(format, body, &call->body, &err) == 0) {
        if (format == BODY_JSON && call->verb != APISERVER_PATCH)
            apiserver_schema_duplicates(call, body);
        return 0;
    }
    if (call->verb == APISERVER_PATCH)
        return apiserver_fail(call, 400, "BadRequest", "error decoding %s: %s",
                              format == BODY_YAML ? "YAML" : "patch", err.reason);
    if (strstr(err.reason, "near end of file") != NULL)
        err_set(&err, ERR_INVALID, "unexpected end of JSON input");
    return apiserver_fail(call, 400, "BadRequest",
                          "the object provided is unrecognized (must be of type %s): couldn't get "
                          "version/kind; json parse error: %s (%.30s%s)",
                          call->kind ? call->kind->kind : "object", err.reason,
                          arena_slice_str(&call->arena, body), body.len > 30 ? " ..." : "");
}
