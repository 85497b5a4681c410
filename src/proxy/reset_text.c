/* SPDX-License-Identifier: Apache-2.0 */
/* Envoy's names of upstream resets. See reset_text.h.
 */
#include "proxy/reset_text.h"

#include "proxy/flags.h"

static const struct entry {
    const char *text;
    const char *label;
    uint32_t flag;
    unsigned status;
} entries[HTTP_RESET_COUNT] = {
    [HTTP_RESET_CONNECT_FAILED] = {"remote connection failure", "remote_connection_failure",
                                   FLAG_UPSTREAM_CONNECTION_FAILURE, 503},
    [HTTP_RESET_CONNECT_TIMEOUT] = {"connection timeout", "connection_timeout",
                                    FLAG_UPSTREAM_CONNECTION_FAILURE, 503},
    [HTTP_RESET_TLS_FAILED] = {"remote connection failure", "remote_connection_failure",
                               FLAG_UPSTREAM_CONNECTION_FAILURE, 503},
    [HTTP_RESET_OVERFLOW] = {"overflow", "overflow", FLAG_UPSTREAM_OVERFLOW, 503},
    [HTTP_RESET_CONN_TERMINATED] = {"connection termination", "connection_termination",
                                    FLAG_UPSTREAM_TERMINATION, 503},
    [HTTP_RESET_REMOTE_RESET] = {"remote reset", "remote_reset", FLAG_UPSTREAM_RESET, 503},
    [HTTP_RESET_REFUSED] = {"remote refused stream reset", "remote_refused_stream_reset",
                            FLAG_UPSTREAM_RESET, 503},
    [HTTP_RESET_PROTOCOL] = {"protocol error", "protocol_error", FLAG_UPSTREAM_PROTOCOL_ERROR, 502},
    [HTTP_RESET_LIMIT] = {"protocol error", "protocol_error", FLAG_UPSTREAM_PROTOCOL_ERROR, 502},
    [HTTP_RESET_IDLE_TIMEOUT] = {"connection termination", "connection_termination",
                                 FLAG_UPSTREAM_TERMINATION, 503},
    [HTTP_RESET_LOCAL] = {"local reset", "local_reset", FLAG_LOCAL_RESET, 503},
};

const char *reset_text_label(enum http_reset reason)
{
    return entries[reason].label;
}

const char *reset_text_connect_error(int connect_error)
{
    switch (connect_error) {
    case ERR_REFUSED:
        return "delayed connect error: Connection refused";
    case ERR_UNREACHABLE:
        return "delayed connect error: No route to host";
    case ERR_RESET:
        return "delayed connect error: Connection reset by peer";
    case ERR_TLS:
        return "TLS_error";
    default:
        return "";
    }
}

void reset_text_make(enum http_reset reason, int connect_error, bool retried, struct arena *arena,
                     struct reset_text *ret)
{
    const struct entry *entry = &entries[reason];
    bool connecting = reason == HTTP_RESET_CONNECT_FAILED || reason == HTTP_RESET_TLS_FAILED;
    const char *failure = connecting ? reset_text_connect_error(connect_error) : "";
    char *details;

    ret->status = entry->status;
    ret->flag = entry->flag;
    ret->transport_failure = slice_str(failure);
    /* the transport's own words go to logs alone: the caller is not to learn of our network */
    ret->body = slice_str(arena_printf(
        arena, "upstream connect error or disconnect/reset before headers. %sreset reason: %s",
        retried ? "retried and the latest " : "", entry->text));
    details = arena_printf(arena, "upstream_reset_before_response_started{%s%s%s}", entry->label,
                           failure[0] ? "|" : "", failure);
    for (char *c = details; *c; c++)
        if (*c == ' ')
            *c = '_';
    ret->details = slice_str(details);
}
