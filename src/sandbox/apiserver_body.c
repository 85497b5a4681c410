/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies: a call's JSON tree out of what Content-Type names (kube/objects/media.h). */
#include "kube/objects/media.h"
#include "sandbox/apiserver_int.h"

static int fail_type(struct apiserver_call *call)
{
    if (call->verb == KUBE_VERB_PATCH)
        return apiserver_fail_plain(call, 415, "UnsupportedMediaType",
                                    "415: Unsupported Media Type");
    return apiserver_fail(call, 415, "UnsupportedMediaType",
                          "the body of the request was in an unknown format - accepted media "
                          "types include: " KUBE_MEDIA_OBJECTS);
}

int apiserver_body_decode(struct apiserver_call *call, struct slice content_type, struct slice body)
{
    bool is_patch = call->verb == KUBE_VERB_PATCH;
    struct slice type = kube_media_type(content_type);
    enum kube_format format = kube_media_format(type, is_patch);
    struct error err = {0};

    if (body.len == 0)
        return 0;
    if (format == KUBE_FORMAT_UNKNOWN)
        return fail_type(call);
    call->content_type = arena_slice_dup(&call->arena, type);
    if (kube_media_decode(format, body, &call->body, &err) == 0) {
        if (format == KUBE_FORMAT_JSON && !is_patch)
            apiserver_schema_duplicates(call, body);
        return 0;
    }
    if (is_patch)
        return apiserver_fail(call, 400, "BadRequest", "error decoding %s: %s",
                              format == KUBE_FORMAT_YAML ? "YAML" : "patch", err.reason);
    if (strstr(err.reason, "near end of file") != NULL)
        err_set(&err, ERR_INVALID, "unexpected end of JSON input");
    return apiserver_fail(call, 400, "BadRequest",
                          "the object provided is unrecognized (must be of type %s): couldn't get "
                          "version/kind; json parse error: %s (%.30s%s)",
                          call->kind ? call->kind->kind : "object", err.reason,
                          arena_slice_str(&call->arena, body), body.len > 30 ? " ..." : "");
}
