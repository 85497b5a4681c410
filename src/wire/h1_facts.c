/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about bytes and codes of HTTP/1: tokens, authorities, texts of statuses and faults.
 *
 * Place   wire/h1_parser.c, wire/h1_format.c; http/ checks what users give it
 * Spec    RFC 9110 sections 5.6.2 and 15, RFC 3986 section 3.2
 */
#include "wire/h1.h"

#include "wire/h1_scan.h"

/* clang-format off */
const unsigned char h1_token_lower[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, '!', 0, '#', '$', '%', '&', '\'', 0, 0, '*', '+', 0, '-', '.', 0,
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 0, 0, 0, 0, 0, 0,
    0, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 0, 0, 0, '^', '_',
    '`', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 0, '|', 0, '~', 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};
/* clang-format on */

static const struct {
    unsigned status;
    const char *text;
} h1_faults[] = {
#define H1_FAULT_ROW(name, status, text) {status, text},
    H1_FAULT_MAP(H1_FAULT_ROW)
#undef H1_FAULT_ROW
};

const char *h1_fault_text(enum h1_fault fault)
{
    return (size_t)fault < ARRAY_LEN(h1_faults) ? h1_faults[fault].text : "unknown fault";
}

unsigned h1_fault_status(enum h1_fault fault)
{
    return (size_t)fault < ARRAY_LEN(h1_faults) ? h1_faults[fault].status : 400;
}

bool h1_token_is_valid(struct slice token)
{
    for (size_t i = 0; i < token.len; i++)
        if (!h1_token_lower[(unsigned char)token.data[i]])
            return false;
    return token.len > 0;
}

bool h1_value_is_valid(struct slice value)
{
    return value.len == 0 ||
           h1_scan_control(value.data, value.data + value.len) == value.data + value.len;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool port_is_valid(struct slice port)
{
    uint64_t number;

    return port.len == 0 || (port.len <= 5 && slice_parse_u64(port, 65535, &number) == 0);
}

static bool ipv6_is_valid(struct slice literal)
{
    for (size_t i = 0; i < literal.len; i++)
        if (!is_hex(literal.data[i]) && literal.data[i] != ':' && literal.data[i] != '.')
            return false;
    return literal.len >= 2;
}

/* unreserved, sub-delims and well-formed percent triplets */
static bool name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (is_alnum(c))
            continue;
        if (c == '%') {
            if (i + 2 >= name.len || !is_hex(name.data[i + 1]) || !is_hex(name.data[i + 2]))
                return false;
            i += 2;
        } else if (c == '\0' || !strchr("-._~!$&'()*+,;=", c)) {
            return false;
        }
    }
    return name.len > 0;
}

bool h1_authority_is_valid(struct slice authority)
{
    struct slice name = authority;
    struct slice port = {0};
    ptrdiff_t at;

    if (authority.len > 0 && authority.data[0] == '[') {
        at = slice_find_char(authority, ']');
        if (at < 0 || !ipv6_is_valid(slice_make(authority.data + 1, (size_t)at - 1)))
            return false;
        port = slice_from(authority, (size_t)at + 1);
        return port.len == 0 || (port.data[0] == ':' && port_is_valid(slice_from(port, 1)));
    }
    at = slice_find_char(authority, ':');
    if (at >= 0) {
        name = slice_head(authority, (size_t)at);
        port = slice_from(authority, (size_t)at + 1);
    }
    return name_is_valid(name) && port_is_valid(port);
}

static const struct {
    unsigned status;
    const char *text;
} h1_statuses[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
};

const char *h1_status_text(unsigned status)
{
    if (status == 200)
        return "OK";
    for (size_t i = 0; i < ARRAY_LEN(h1_statuses); i++)
        if (h1_statuses[i].status == status)
            return h1_statuses[i].text;
    return "";
}
