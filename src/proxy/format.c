/* SPDX-License-Identifier: Apache-2.0 */
/* Format strings: a list of pieces, each literal text or an operator of the table below.
 *
 *   [%START_TIME%] "%REQ(:METHOD)% ..."   ->   "[" START_TIME "] \"" REQ "..."
 *
 * Place   see format.h
 * Limits  FORMAT_PIECES_MAX; a START_TIME pattern supports the strftime letters of `print_time`
 */
#include "proxy/format.h"

#include "base/clock.h"
#include "proxy/flags.h"

#include <stdio.h>
#include <time.h>

enum { FORMAT_PIECES_MAX = 256 };

struct piece;
typedef void piece_print(const struct piece *piece, const struct info *info, struct buf *out);

struct operator_entry {
    const char *name;
    piece_print *print;
    bool needs_argument;
    size_t at, until; /* which members of info it prints, in bytes */
};

struct piece {
    const struct operator_entry *op; /* NULL: literal */
    struct slice text;               /* literal, or the argument in brackets */
    struct slice other;              /* the alternative header after '?' */
    size_t len_max;                  /* 0: no cut */
};

struct format {
    struct piece *pieces;
    size_t count;
};

const char format_istio_default[] =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% "
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% "
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";

const char format_envoy_default[] =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

/* Control bytes come out as '_': a peer's text cannot start a new log line. */
static void print_clean(struct slice text, size_t len_max, struct buf *out)
{
    size_t start = 0;

    if (text.data == NULL || text.len == 0) {
        buf_append_char(out, '-');
        return;
    }
    if (len_max > 0)
        text = slice_head(text, len_max);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c >= 0x20 && c != 0x7f)
            continue;
        buf_append(out, slice_make(text.data + start, i - start));
        buf_append_char(out, '_');
        start = i + 1;
    }
    buf_append(out, slice_make(text.data + start, text.len - start));
}

static void print_number(uint64_t number, struct buf *out)
{
    char digits[SLICE_U64_SIZE];

    buf_append(out, slice_format_u64(number, digits));
}

/* The value of a header or pseudo header; data NULL when absent. */
static struct slice head_value(const struct http_head *head, struct slice name)
{
    if (head == NULL || name.len == 0)
        return slice_make(NULL, 0);
    if (name.data[0] != ':')
        return http_headers_value(&head->headers, name);
    if (slice_eq(name, SLICE(":method")))
        return head->method;
    if (slice_eq(name, SLICE(":path")))
        return head->path;
    if (slice_eq(name, SLICE(":authority")))
        return head->authority;
    return slice_eq(name, SLICE(":scheme")) ? head->scheme : slice_make(NULL, 0);
}

/* strftime with Envoy's %f (fraction) letters: %3f gives milliseconds. */
static void print_time(const struct piece *piece, const struct info *info, struct buf *out)
{
    char text[128];
    char pattern[96];
    time_t seconds = (time_t)(info->start_ms / 1000);
    struct tm parts;
    size_t at = 0;

    if (piece->text.len == 0) {
        buf_append_str(out, clock_format_rfc3339(info->start_ms, true, text));
        return;
    }
    for (size_t i = 0; i < piece->text.len && at + 8 < sizeof pattern; i++) {
        struct slice rest = slice_from(piece->text, i);

        if (slice_starts_with(rest, SLICE("%3f"))) {
            at += (size_t)snprintf(pattern + at, sizeof pattern - at, "%03d",
                                   (int)(info->start_ms % 1000));
            i += 2;
        } else {
            pattern[at++] = piece->text.data[i];
        }
    }
    pattern[at] = '\0';
    gmtime_r(&seconds, &parts);
    at = strftime(text, sizeof text, pattern, &parts);
    buf_append(out, slice_make(text, at));
}

/* --- what operators print; the member of info is in the operator --- */

static const void *member(const struct piece *piece, const struct info *info)
{
    return (const char *)info + piece->op->at;
}

static void print_header(const struct piece *piece, const struct info *info, struct buf *out)
{
    const struct http_head *const *head = member(piece, info);
    struct slice value = head_value(*head, piece->text);

    if (value.data == NULL && piece->other.len > 0)
        value = head_value(*head, piece->other);
    print_clean(value, piece->len_max, out);
}

static void print_text(const struct piece *piece, const struct info *info, struct buf *out)
{
    const struct slice *text = member(piece, info);

    print_clean(*text, piece->len_max, out);
}

static void print_count(const struct piece *piece, const struct info *info, struct buf *out)
{
    const unsigned *count = member(piece, info);

    print_number(*count, out);
}

static void print_bytes(const struct piece *piece, const struct info *info, struct buf *out)
{
    const uint64_t *bytes = member(piece, info);

    print_number(*bytes, out);
}

/* The time from one member to another. */
static void print_elapsed(const struct piece *piece, const struct info *info, struct buf *out)
{
    const uint64_t *from_ms = member(piece, info);
    const uint64_t *until_ms = (const void *)((const char *)info + piece->op->until);

    if (*until_ms == 0 || *from_ms == 0)
        buf_append_char(out, '-');
    else
        print_number(*until_ms - *from_ms, out);
}

static void print_addr(const struct piece *piece, const struct info *info, struct buf *out)
{
    const struct addr *addr = member(piece, info);
    char text[ADDR_TEXT_SIZE];

    print_clean(addr->len ? slice_str(addr_format(addr, text)) : slice_make(NULL, 0), 0, out);
}

static void print_addr_ip(const struct piece *piece, const struct info *info, struct buf *out)
{
    const struct addr *addr = member(piece, info);
    char text[ADDR_TEXT_SIZE];

    print_clean(addr->len ? slice_str(addr_format_ip(addr, text)) : slice_make(NULL, 0), 0, out);
}

static void print_addr_port(const struct piece *piece, const struct info *info, struct buf *out)
{
    const struct addr *addr = member(piece, info);

    print_number(addr_port(addr), out);
}

static void print_flags(const struct piece *piece, const struct info *info, struct buf *out)
{
    (void)piece;
    flags_format(info->flags, false, out);
}

static void print_flags_long(const struct piece *piece, const struct info *info, struct buf *out)
{
    (void)piece;
    flags_format(info->flags, true, out);
}

static void print_none(const struct piece *piece, const struct info *info, struct buf *out)
{
    (void)piece;
    (void)info;
    buf_append_char(out, '-');
}

#define AT(name) .at = offsetof(struct info, name)
#define SPAN(from, to) .at = offsetof(struct info, from), .until = offsetof(struct info, to)

static const struct operator_entry operators[] = {
    {"REQ", print_header, .needs_argument = true, AT(request)},
    {"RESP", print_header, .needs_argument = true, AT(response)},
    {"TRAILER", print_none, .needs_argument = true},
    {"START_TIME", print_time},
    {"PROTOCOL", print_text, AT(protocol)},
    {"RESPONSE_CODE", print_count, AT(status)},
    {"RESPONSE_FLAGS", print_flags},
    {"RESPONSE_FLAGS_LONG", print_flags_long},
    {"RESPONSE_CODE_DETAILS", print_text, AT(details)},
    {"CONNECTION_TERMINATION_DETAILS", print_text, AT(termination_details)},
    {"UPSTREAM_TRANSPORT_FAILURE_REASON", print_text, AT(transport_failure)},
    {"BYTES_RECEIVED", print_bytes, AT(bytes_received)},
    {"BYTES_SENT", print_bytes, AT(bytes_sent)},
    {"DURATION", print_elapsed, SPAN(begin_ms, end_ms)},
    {"REQUEST_DURATION", print_elapsed, SPAN(begin_ms, request_end_ms)},
    {"RESPONSE_DURATION", print_elapsed, SPAN(begin_ms, response_begin_ms)},
    {"RESPONSE_TX_DURATION", print_elapsed, SPAN(response_begin_ms, end_ms)},
    {"UPSTREAM_HOST", print_addr, AT(upstream_host)},
    {"UPSTREAM_REMOTE_ADDRESS", print_addr, AT(upstream_host)},
    {"UPSTREAM_CLUSTER", print_text, AT(upstream_cluster)},
    {"UPSTREAM_CLUSTER_RAW", print_text, AT(upstream_cluster_raw)},
    {"UPSTREAM_LOCAL_ADDRESS", print_addr, AT(upstream_local)},
    {"UPSTREAM_REQUEST_ATTEMPT_COUNT", print_count, AT(attempts)},
    {"DOWNSTREAM_LOCAL_ADDRESS", print_addr, AT(downstream_local)},
    {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", print_addr_ip, AT(downstream_local)},
    {"DOWNSTREAM_LOCAL_PORT", print_addr_port, AT(downstream_local)},
    {"DOWNSTREAM_REMOTE_ADDRESS", print_addr, AT(downstream_remote)},
    {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", print_addr_ip, AT(downstream_remote)},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", print_addr, AT(downstream_remote)},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", print_addr_ip, AT(downstream_remote)},
    {"DOWNSTREAM_PEER_URI_SAN", print_text, AT(peer_uri_san)},
    {"REQUESTED_SERVER_NAME", print_text, AT(sni)},
    {"ROUTE_NAME", print_text, AT(route_name)},
    {"DYNAMIC_METADATA", print_none, .needs_argument = true},
    {"FILTER_STATE", print_none, .needs_argument = true},
    {"METADATA", print_none, .needs_argument = true},
    {"GRPC_STATUS", print_none},
    {"TRACE_ID", print_none},
    {"CONNECTION_ID", print_none},
    {"STREAM_ID", print_none},
    {"HOSTNAME", print_none},
    {"VIRTUAL_CLUSTER_NAME", print_none},
};

/* Splits "NAME", "NAME(arg)", "NAME(arg):12"; *ret_rest is what follows name and brackets. */
static int split_operator(struct slice text, struct slice *ret_name, struct slice *ret_argument,
                          struct slice *ret_rest, struct error *err)
{
    ptrdiff_t open = slice_find_char(text, '(');
    ptrdiff_t colon = slice_find_char(text, ':');
    ptrdiff_t close = -1;

    *ret_argument = slice_make(NULL, 0);
    if (open < 0) {
        *ret_name = colon >= 0 ? slice_head(text, (size_t)colon) : text;
        *ret_rest = slice_from(text, ret_name->len);
        return 0;
    }
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == ')')
            close = (ptrdiff_t)i;
    if (close < open)
        return err_set(err, ERR_INVALID, "no ')' in \"%.*s\"", SLICE_ARG(text));
    *ret_name = slice_head(text, (size_t)open);
    *ret_argument = slice_make(text.data + open + 1, (size_t)(close - open - 1));
    *ret_rest = slice_from(text, (size_t)close + 1);
    return 0;
}

/* The argument of a header operator is one name, or two: "a?b". */
static void set_argument(struct arena *arena, struct slice argument, struct piece *piece)
{
    ptrdiff_t mark = slice_find_char(argument, '?');

    if (piece->op->print == print_time) {
        piece->text = arena_slice_dup(arena, argument);
        return;
    }
    piece->text =
        arena_slice_lower(arena, mark < 0 ? argument : slice_head(argument, (size_t)mark));
    if (mark >= 0)
        piece->other = arena_slice_lower(arena, slice_from(argument, (size_t)mark + 1));
}

static int parse_operator(struct arena *arena, struct slice text, struct piece *piece,
                          struct error *err)
{
    struct slice name;
    struct slice argument;
    struct slice rest;
    uint64_t len_max = 0;
    int rc = split_operator(text, &name, &argument, &rest, err);

    if (rc < 0)
        return rc;
    if (rest.len > 0 &&
        (rest.data[0] != ':' || slice_parse_u64(slice_from(rest, 1), 65536, &len_max) < 0))
        return err_set(err, ERR_INVALID, "bad length \"%.*s\"", SLICE_ARG(rest));
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (!slice_eq_str(name, operators[i].name))
            continue;
        if (operators[i].needs_argument && argument.len == 0)
            return err_set(err, ERR_INVALID, "%s needs an argument", operators[i].name);
        piece->op = &operators[i];
        piece->len_max = (size_t)len_max;
        set_argument(arena, argument, piece);
        return 0;
    }
    return err_set(err, ERR_INVALID, "unknown operator %%%.*s%%", SLICE_ARG(name));
}

/* The '%' that ends the operator starting at `from`; a '%' inside brackets does not count. */
static size_t operator_end(struct slice text, size_t from)
{
    int depth = 0;

    for (size_t i = from; i < text.len; i++) {
        if (text.data[i] == '(')
            depth++;
        else if (text.data[i] == ')')
            depth--;
        else if (text.data[i] == '%' && depth == 0)
            return i;
    }
    return text.len;
}

int format_parse(struct arena *arena, struct slice text, struct format **ret, struct error *err)
{
    struct piece pieces[FORMAT_PIECES_MAX] = {0};
    size_t count = 0;
    size_t at = 0;

    if (slice_find_char(text, '\0') >= 0) /* no reader of logs expects it */
        return err_set(err, ERR_INVALID, "a format holds a NUL byte");
    while (at < text.len) {
        ptrdiff_t mark = slice_find_char(slice_from(text, at), '%');
        size_t end = mark < 0 ? text.len : at + (size_t)mark;
        int rc;

        if (count + 2 > FORMAT_PIECES_MAX)
            return err_set(err, ERR_LIMIT, "more than %d pieces in a format", FORMAT_PIECES_MAX);
        if (mark >= 0 && end + 1 < text.len && text.data[end + 1] == '%') {
            pieces[count++].text = arena_slice_dup(arena, slice_make(text.data + at, end + 1 - at));
            at = end + 2;
            continue;
        }
        if (end > at)
            pieces[count++].text = arena_slice_dup(arena, slice_make(text.data + at, end - at));
        if (mark < 0)
            break;
        at = operator_end(text, end + 1);
        if (at == text.len)
            return err_set(err, ERR_INVALID, "a lone %% in a format (write %%%%)");
        rc = parse_operator(arena, slice_make(text.data + end + 1, at - end - 1), &pieces[count++],
                            err);
        if (rc < 0)
            return rc;
        at++;
    }
    *ret = ARENA_NEW(arena, struct format);
    (*ret)->pieces = ARENA_ARRAY(arena, struct piece, count + 1);
    memcpy((*ret)->pieces, pieces, count * sizeof *pieces);
    (*ret)->count = count;
    return 0;
}

void format_print(const struct format *format, const struct info *info, struct buf *out)
{
    for (size_t i = 0; i < format->count; i++) {
        const struct piece *piece = &format->pieces[i];

        if (piece->op == NULL)
            buf_append(out, piece->text);
        else
            piece->op->print(piece, info, out);
    }
}

bool format_is_constant(const struct format *format, struct slice *ret_text)
{
    if (format->count > 1 || (format->count == 1 && format->pieces[0].op != NULL))
        return false;
    *ret_text = format->count == 1 ? format->pieces[0].text : SLICE("");
    return true;
}

static bool is_number(struct slice text)
{
    uint64_t number;

    return slice_parse_u64(text, UINT64_MAX, &number) == 0 &&
           (text.len == 1 || text.data[0] != '0'); /* JSON knows no leading zeros */
}

/* The length of the UTF-8 sequence at `at`, or 0 when there is none (RFC 3629, section 4). */
static size_t utf8_len(struct slice text, size_t at)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        size_t len;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const unsigned char *in = (const unsigned char *)text.data + at;
    size_t form = 0;

    while (form < ARRAY_LEN(forms) &&
           (in[0] < forms[form].first_min || in[0] > forms[form].first_max))
        form++;
    if (form == ARRAY_LEN(forms) || at + forms[form].len > text.len)
        return 0;
    if (forms[form].len > 1 && (in[1] < forms[form].second_min || in[1] > forms[form].second_max))
        return 0;
    for (size_t i = 2; i < forms[form].len; i++)
        if ((in[i] & 0xc0) != 0x80)
            return 0;
    return forms[form].len;
}

/* The text as a JSON string. What a peer sent as no UTF-8 must not make the line unreadable: such a
 * byte becomes U+FFFD. */
static void append_json_text(struct slice text, struct buf *out)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_len(text, i);
        unsigned char c = (unsigned char)text.data[i];

        if (len == 0)
            buf_append_str(out, "\xef\xbf\xbd");
        else if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else
            buf_append(out, slice_make(text.data + i, len));
        i += len ? len : 1;
    }
    buf_append_char(out, '"');
}

void format_print_json(const struct format_json_field *fields, size_t count,
                       const struct info *info, struct buf *out)
{
    struct buf value;

    buf_init(&value, 65536);
    buf_append_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        buf_reset(&value);
        format_print(fields[i].value, info, &value);
        if (i > 0)
            buf_append_char(out, ',');
        append_json_text(fields[i].key, out);
        buf_append_char(out, ':');
        if (value.len == 0 || slice_eq(buf_slice(&value), SLICE("-"))) {
            buf_append_str(out, "null");
        } else if (is_number(buf_slice(&value))) {
            buf_append(out, buf_slice(&value));
        } else {
            append_json_text(buf_slice(&value), out);
        }
    }
    buf_append_str(out, "}\n");
    buf_deinit(&value);
}
