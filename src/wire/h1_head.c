/* SPDX-License-Identifier: Apache-2.0 */
/* What a head of HTTP/1 says: start line, fields, framing. The text is whole, ends in an empty
 * line, has no control characters but tab and CRLF, and is parsed in place.
 *
 * Place   called by wire/h1_parser.c
 * Owns    nothing: slices point into the text, the array lies in the parser's arena
 * Limits  limits->field_count_max
 * Spec    RFC 9112 sections 2 to 7, RFC 9110 section 5
 */
#include "wire/h1_int.h"

#include "wire/h1_scan.h"

enum { FIELDS_SPARE = 8 }; /* room for headers that a proxy adds */

struct line {
    char *at;  /* where reading goes on */
    char *end; /* behind the head's last byte */
};

/* --- start lines --- */

/* The text up to the next space or CR; leaves line->at on it. */
static struct slice word_take(struct line *line)
{
    char *start = line->at;

    while (*line->at != ' ' && *line->at != '\r')
        line->at++;
    return slice_make(start, (size_t)(line->at - start));
}

static int version_parse(struct h1_parser *parser, struct slice word)
{
    if (word.len != 8 || memcmp(word.data, "HTTP/", 5) != 0 || word.data[6] != '.')
        return h1_fail(parser, H1_FAULT_START_LINE);
    if (word.data[5] != '1' || (word.data[7] != '0' && word.data[7] != '1'))
        return h1_fail(parser, H1_FAULT_VERSION);
    parser->head->version = word.data[7] == '1' ? HTTP_VERSION_1_1 : HTTP_VERSION_1_0;
    return 0;
}

/* scheme "://" authority [path] [?query]; the path of "http://host?q" becomes "/?q". */
static int absolute_parse(struct h1_parser *parser, struct slice target)
{
    struct http_head *head = parser->head;
    struct slice rest;
    size_t len = 0;
    char *path;

    if (slice_starts_with_nocase(target, SLICE("http://")))
        head->scheme = SLICE("http");
    else if (slice_starts_with_nocase(target, SLICE("https://")))
        head->scheme = SLICE("https");
    else
        return h1_fail(parser, H1_FAULT_TARGET);
    rest = slice_from(target, head->scheme.len + 3);
    while (len < rest.len && rest.data[len] != '/' && rest.data[len] != '?' &&
           rest.data[len] != '#')
        len++;
    head->authority = slice_head(rest, len);
    if (!h1_authority_is_valid(head->authority))
        return h1_fail(parser, H1_FAULT_TARGET);
    rest = slice_from(rest, len);
    if (rest.len > 0 && rest.data[0] == '/') {
        head->path = rest;
        return 0;
    }
    path = arena_bytes(parser->arena, rest.len + 1);
    path[0] = '/';
    if (rest.len)
        memcpy(path + 1, rest.data, rest.len);
    head->path = slice_make(path, rest.len + 1);
    return 0;
}

static int target_parse(struct h1_parser *parser, struct slice target)
{
    struct http_head *head = parser->head;

    if (target.len == 0 || memchr(target.data, '\t', target.len))
        return h1_fail(parser, H1_FAULT_TARGET);
    if (slice_eq(head->method, SLICE("CONNECT"))) {
        head->authority = target;
        if (!h1_authority_is_valid(target) || slice_find_char(target, ':') < 0)
            return h1_fail(parser, H1_FAULT_TARGET);
        return 0;
    }
    if (target.data[0] == '/') {
        head->path = target;
        return 0;
    }
    if (slice_eq(target, SLICE("*")) && slice_eq(head->method, SLICE("OPTIONS"))) {
        head->path = target;
        return 0;
    }
    return absolute_parse(parser, target);
}

static int request_line_parse(struct h1_parser *parser, struct line *line)
{
    struct slice target;
    int rc;

    parser->head->method = word_take(line);
    if (*line->at != ' ')
        return h1_fail(parser, H1_FAULT_START_LINE);
    if (!h1_token_is_valid(parser->head->method))
        return h1_fail(parser, H1_FAULT_METHOD);
    line->at++;
    target = word_take(line);
    if (*line->at != ' ')
        return h1_fail(parser, H1_FAULT_START_LINE);
    line->at++;
    rc = version_parse(parser, word_take(line));
    if (rc)
        return rc;
    if (*line->at != '\r')
        return h1_fail(parser, H1_FAULT_START_LINE);
    line->at += 2;
    return target_parse(parser, target);
}

static int status_line_parse(struct h1_parser *parser, struct line *line)
{
    struct slice code;
    int rc = version_parse(parser, word_take(line));

    if (rc)
        return rc;
    if (*line->at != ' ')
        return h1_fail(parser, H1_FAULT_START_LINE);
    line->at++;
    code = word_take(line);
    if (code.len != 3)
        return h1_fail(parser, H1_FAULT_STATUS);
    for (size_t i = 0; i < 3; i++) {
        if (code.data[i] < '0' || code.data[i] > '9')
            return h1_fail(parser, H1_FAULT_STATUS);
        parser->head->status = parser->head->status * 10 + (unsigned)(code.data[i] - '0');
    }
    if (parser->head->status < 100)
        return h1_fail(parser, H1_FAULT_STATUS);
    line->at = (char *)h1_scan_control(line->at, line->end) + 2;
    return 0;
}

/* --- fields that the codec itself must understand --- */

/* Calls on_item for each non-empty element of a comma-separated list. */
static int list_each(struct h1_parser *parser, struct slice list,
                     int (*on_item)(struct h1_parser *parser, struct slice item))
{
    struct slice item;
    int rc = 0;

    if (!list.data)
        return 0;
    while (rc == 0 && slice_split_next(&list, ',', &item)) {
        item = slice_trim(item);
        if (item.len)
            rc = on_item(parser, item);
    }
    return rc;
}

static int connection_item(struct h1_parser *parser, struct slice item)
{
    static const struct slice kept[] = {
        SLICE("host"),
        SLICE("content-length"),
        SLICE("authorization"),
        SLICE("cookie"),
        SLICE("x-forwarded-for"),
        SLICE("x-forwarded-host"),
        SLICE("x-request-id"),
        SLICE("x-forwarded-proto"),
        SLICE("content-type"),
        SLICE("cache-control"),
        SLICE("date"),
    };

    if (slice_eq_nocase(item, SLICE("close"))) {
        parser->close_named = true;
    } else if (slice_eq_nocase(item, SLICE("keep-alive"))) {
        parser->keep_alive_named = true;
    } else if (slice_eq_nocase(item, SLICE("upgrade"))) {
        parser->upgrade_named = true;
    } else if (!slice_eq_nocase(item, SLICE("te"))) {
        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
            if (slice_eq_nocase(item, kept[i]))
                return h1_fail(parser, H1_FAULT_CONNECTION);
        parser->connection_seen = true;
    }
    return 0;
}

static int field_connection(struct h1_parser *parser, struct slice value)
{
    return list_each(parser, value, connection_item);
}

static int field_host(struct h1_parser *parser, struct slice value)
{
    if (parser->role == H1_RESPONSE)
        return 0;
    if (parser->host_seen || !h1_authority_is_valid(value))
        return h1_fail(parser, H1_FAULT_HOST);
    parser->host_seen = true;
    if (parser->head->authority.len == 0) /* an absolute target wins */
        parser->head->authority = value;
    return 0;
}

static int field_content_length(struct h1_parser *parser, struct slice value)
{
    uint64_t length;

    /* Repeated is refused, even equal: some readers take the first, some the last, some a list. */
    if (parser->head->content_length >= 0 || slice_parse_u64(value, INT64_MAX, &length) != 0)
        return h1_fail(parser, H1_FAULT_CONTENT_LENGTH);
    parser->head->content_length = (int64_t)length;
    return 0;
}

static int field_transfer_encoding(struct h1_parser *parser, struct slice value)
{
    if (parser->chunked)
        return h1_fail(parser, H1_FAULT_TRANSFER_ENCODING_REPEATED);
    if (!slice_eq_nocase(value, SLICE("chunked")))
        return h1_fail(parser, H1_FAULT_TRANSFER_ENCODING);
    parser->chunked = true;
    return 0;
}

static int field_upgrade(struct h1_parser *parser, struct slice value)
{
    if (parser->head->protocol.len == 0)
        parser->head->protocol = value;
    return 0;
}

static int field_expect(struct h1_parser *parser, struct slice value)
{
    if (parser->role == H1_REQUEST && slice_eq_nocase(value, SLICE("100-continue")))
        parser->expect_continue = true;
    return 0;
}

static int field_dropped(struct h1_parser *parser, struct slice value)
{
    (void)parser;
    (void)value;
    return 0;
}

enum keep { KEEP_NEVER, KEEP_ALWAYS, KEEP_TRAILERS };

struct known_field {
    struct slice name;
    int (*on_value)(struct h1_parser *parser, struct slice value);
    enum keep keep;
};

/* The known field of that name, or NULL. Most names are told apart by their length alone. */
static const struct known_field *known_find(struct slice name)
{
    static const struct known_field te = {SLICE("te"), field_dropped, KEEP_TRAILERS};
    static const struct known_field host = {SLICE("host"), field_host, KEEP_NEVER};
    static const struct known_field expect = {SLICE("expect"), field_expect, KEEP_ALWAYS};
    static const struct known_field upgrade = {SLICE("upgrade"), field_upgrade, KEEP_NEVER};
    static const struct known_field connection = {SLICE("connection"), field_connection,
                                                  KEEP_NEVER};
    static const struct known_field keep_alive = {SLICE("keep-alive"), field_dropped, KEEP_NEVER};
    static const struct known_field length = {SLICE("content-length"), field_content_length,
                                              KEEP_ALWAYS};
    static const struct known_field settings = {SLICE("http2-settings"), field_dropped, KEEP_NEVER};
    static const struct known_field proxy = {SLICE("proxy-connection"), field_dropped, KEEP_NEVER};
    static const struct known_field encoding = {SLICE("transfer-encoding"), field_transfer_encoding,
                                                KEEP_NEVER};
    static const struct known_field *const by_length[][2] = {
        [2] = {&te},
        [4] = {&host},
        [6] = {&expect},
        [7] = {&upgrade},
        [10] = {&connection, &keep_alive},
        [14] = {&length, &settings},
        [16] = {&proxy},
        [17] = {&encoding},
    };

    if (name.len >= ARRAY_LEN(by_length))
        return NULL;
    for (size_t i = 0; i < 2 && by_length[name.len][i]; i++)
        if (memcmp(by_length[name.len][i]->name.data, name.data, name.len) == 0)
            return by_length[name.len][i];
    return NULL;
}

/* --- fields --- */

/* Cuts one field off; 1 at the empty line, else 0 or an error. */
static int field_take(struct h1_parser *parser, struct line *line, struct http_header *ret)
{
    char *start = line->at;
    char *at = start;
    char *end;

    if (*at == '\r') {
        line->at += 2;
        return 1;
    }
    for (unsigned char lower; (lower = h1_token_lower[(unsigned char)*at]) != 0; at++)
        *at = (char)lower;
    if (*at != ':' || at == start)
        return h1_fail(parser, H1_FAULT_FIELD_NAME);
    ret->name = slice_make(start, (size_t)(at - start));
    at++;
    while (*at == ' ' || *at == '\t')
        at++;
    end = (char *)h1_scan_control(at, line->end);
    line->at = end + 2;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    ret->value = slice_make(at, (size_t)(end - at));
    return 0;
}

static int field_add(struct h1_parser *parser, struct http_headers *headers,
                     const struct http_header *field)
{
    const struct known_field *known = known_find(field->name);

    if (known) {
        int rc = known->on_value(parser, field->value);

        if (rc)
            return rc;
        if (known->keep == KEEP_NEVER ||
            (known->keep == KEEP_TRAILERS && !slice_eq_nocase(field->value, SLICE("trailers"))))
            return 0;
    }
    headers->items[headers->count++] = *field;
    return 0;
}

static int fields_parse(struct h1_parser *parser, struct line *line)
{
    struct http_headers *headers = &parser->head->headers;
    struct http_header field;
    unsigned seen = 0;
    int rc;

    headers->cap = MIN(parser->line_count, parser->limits->field_count_max) + FIELDS_SPARE;
    headers->items = ARENA_ARRAY(parser->arena, struct http_header, headers->cap);
    while ((rc = field_take(parser, line, &field)) == 0) {
        if (++seen > parser->limits->field_count_max)
            return h1_fail(parser, H1_FAULT_FIELD_COUNT);
        rc = field_add(parser, headers, &field);
        if (rc)
            return rc;
    }
    return rc < 0 ? rc : 0;
}

/* The connection fields' values were cut up as they came; they are read again from the text only
 * when they name something. */
static int drop_item(struct h1_parser *parser, struct slice item)
{
    struct http_headers *headers = &parser->head->headers;
    size_t kept = 0;

    for (size_t i = 0; i < headers->count; i++)
        if (!slice_eq_nocase(headers->items[i].name, item) ||
            slice_eq(headers->items[i].name, SLICE("te")))
            headers->items[kept++] = headers->items[i];
    headers->count = kept;
    return 0;
}

static void named_fields_drop(struct h1_parser *parser, char *fields, char *end)
{
    struct line line = {fields, end};
    struct http_header field;

    while (field_take(parser, &line, &field) == 0)
        if (slice_eq(field.name, SLICE("connection")))
            (void)list_each(parser, field.value, drop_item);
}

/* --- what the fields mean together --- */

static int request_finish(struct h1_parser *parser)
{
    struct http_head *head = parser->head;

    if (!parser->host_seen && head->version == HTTP_VERSION_1_1)
        return h1_fail(parser, H1_FAULT_HOST);
    if (head->version == HTTP_VERSION_1_0)
        parser->expect_continue = false;
    if (!parser->upgrade_named || head->version == HTTP_VERSION_1_0 ||
        slice_eq_nocase(head->protocol, SLICE("h2c")))
        head->protocol = (struct slice){0};
    if (parser->chunked)
        parser->body = H1_BODY_CHUNKED;
    else if (head->content_length > 0)
        parser->body = H1_BODY_LENGTH;
    return 0;
}

static int response_finish(struct h1_parser *parser)
{
    struct http_head *head = parser->head;
    bool tunnel = parser->connect_request && head->status / 100 == 2;

    if (head->status != 101)
        head->protocol = (struct slice){0};
    if (parser->head_request || head->status < 200 || head->status == 204 || head->status == 304 ||
        tunnel)
        parser->body = H1_BODY_NONE;
    else if (parser->chunked)
        parser->body = H1_BODY_CHUNKED;
    else if (head->content_length < 0)
        parser->body = H1_BODY_CLOSE;
    else if (head->content_length > 0)
        parser->body = H1_BODY_LENGTH;
    if (parser->body == H1_BODY_CLOSE)
        parser->keep_alive = false;
    return 0;
}

int h1_head_parse(struct h1_parser *parser, char *text, size_t len)
{
    struct line line = {text, text + len};
    struct http_head *head = parser->head;
    char *fields;
    int rc;

    rc = parser->role == H1_REQUEST ? request_line_parse(parser, &line)
                                    : status_line_parse(parser, &line);
    fields = line.at;
    if (rc == 0)
        rc = fields_parse(parser, &line);
    if (rc)
        return rc;
    if (parser->chunked && head->content_length >= 0)
        return h1_fail(parser, H1_FAULT_LENGTH_AND_CHUNKED);
    if (parser->chunked && head->version == HTTP_VERSION_1_0)
        return h1_fail(parser, H1_FAULT_CHUNKED_IN_1_0);
    if (parser->connection_seen)
        named_fields_drop(parser, fields, line.end);
    parser->keep_alive =
        !parser->close_named && (head->version == HTTP_VERSION_1_1 || parser->keep_alive_named);
    return parser->role == H1_REQUEST ? request_finish(parser) : response_finish(parser);
}

int h1_trailers_parse(struct h1_parser *parser, char *text, size_t len)
{
    struct line line = {text, text + len};
    struct http_headers *headers = &parser->trailers;
    struct http_header field;
    unsigned seen = 0;
    int rc;

    headers->cap = MIN(parser->line_count, parser->limits->field_count_max);
    headers->items = ARENA_ARRAY(parser->arena, struct http_header, headers->cap + 1);
    while ((rc = field_take(parser, &line, &field)) == 0) {
        if (++seen > parser->limits->field_count_max)
            return h1_fail(parser, H1_FAULT_FIELD_COUNT);
        if (!known_find(field.name)) /* RFC 9110 section 6.5.1: never framing or routing */
            headers->items[headers->count++] = field;
    }
    return rc < 0 ? rc : 0;
}
