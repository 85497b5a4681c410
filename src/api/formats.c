/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of texts. See formats.h. */
#include "api/formats.h"

#include <arpa/inet.h>
#include <ctype.h>

#include "api/decode.h"
#include "base/buf.h"
#include "base/clock.h"
#include "wire/base64.h"

enum { LABEL_MAX = 63, SUBDOMAIN_MAX = 253, TEXT_MAX = 64 };

/* --- formats of schemas --- */

static bool is_address(int family, const char *text)
{
    struct in6_addr scratch;

    return inet_pton(family, text, &scratch) == 1;
}

static bool is_cidr(struct slice text)
{
    ptrdiff_t slash = slice_find_char(text, '/');
    char address[TEXT_MAX];
    uint64_t bits;
    bool is_v6;

    if (slash < 0 || slash >= TEXT_MAX)
        return false;
    memcpy(address, text.data, (size_t)slash);
    address[slash] = '\0';
    is_v6 = strchr(address, ':') != NULL;
    return is_address(is_v6 ? AF_INET6 : AF_INET, address) &&
           slice_parse_u64(slice_from(text, (size_t)slash + 1), is_v6 ? 128 : 32, &bits) == 0;
}

/* By a picture: 'x' a hexadecimal digit, '9' a digit, anything else itself. */
static bool has_picture(struct slice text, const char *picture)
{
    if (text.len != strlen(picture))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool fits = picture[i] == 'x'   ? isxdigit(c) != 0
                    : picture[i] == '9' ? isdigit(c) != 0
                                        : c == (unsigned char)picture[i];

        if (!fits)
            return false;
    }
    return true;
}

static bool is_base64(struct slice text)
{
    struct buf bytes;
    int rc;

    buf_init(&bytes, 0);
    rc = base64_decode(text, &bytes);
    buf_deinit(&bytes);
    return rc == 0;
}

bool format_fits(const char *format, struct slice text)
{
    char copy[TEXT_MAX];
    int64_t number;

    if (strcmp(format, "date-time") == 0)
        return clock_parse_rfc3339(text, &number) == 0;
    if (strcmp(format, "duration") == 0)
        return api_duration_parse(text, &number) == 0;
    if (strcmp(format, "date") == 0)
        return has_picture(text, "9999-99-99");
    if (strcmp(format, "uuid") == 0)
        return has_picture(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    if (strcmp(format, "byte") == 0)
        return is_base64(text);
    if (strcmp(format, "cidr") == 0)
        return is_cidr(text);
    if (strcmp(format, "ipv4") != 0 && strcmp(format, "ipv6") != 0)
        return true;
    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return is_address(strcmp(format, "ipv4") == 0 ? AF_INET : AF_INET6, copy);
}

/* --- names --- */

/* Letters and digits at both ends, within also those of `extra`. */
static bool is_word(struct slice text, bool lower, const char *extra)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool is_plain = isdigit(c) || islower(c) || (!lower && isupper(c));

        if (!is_plain && (i == 0 || i + 1 == text.len || c == '\0' || !strchr(extra, c)))
            return false;
    }
    return text.len > 0;
}

static bool is_subdomain(struct slice text)
{
    struct slice rest = text;
    struct slice label;

    if (text.len == 0)
        return false;
    while (slice_split_next(&rest, '.', &label)) {
        if (!is_word(label, true, "-"))
            return false;
    }
    return true;
}

static const char *subdomain_wrong(struct slice text)
{
    if (text.len > SUBDOMAIN_MAX)
        return "must be no more than 253 characters";
    return is_subdomain(text)
               ? NULL
               : "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                 "characters, '-' or '.', and must start and end with an alphanumeric character "
                 "(e.g. 'example.com', regex used for validation is "
                 "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
}

/* What is wrong with a label that is fine but for its length, or else wrong as `otherwise` says. */
static const char *label_length_wrong(struct slice text, bool fine, const char *otherwise)
{
    if (text.len > LABEL_MAX)
        return "must be no more than 63 characters";
    return fine ? NULL : otherwise;
}

static const char *label_wrong(struct slice text)
{
    return label_length_wrong(
        text, is_word(text, true, "-"),
        is_subdomain(text)
            ? "must not contain dots"
            : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters "
              "or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  "
              "or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
}

static const char *label_1035_wrong(struct slice text)
{
    return label_length_wrong(
        text, is_word(text, true, "-") && !isdigit((unsigned char)text.data[0]),
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
        "start with an alphabetic character, and end with an alphanumeric character (e.g. "
        "'my-name',  or 'abc-123', regex used for validation is "
        "'[a-z]([-a-z0-9]*[a-z0-9])?')");
}

static const char *label_value_wrong(struct slice text)
{
    return label_length_wrong(
        text, text.len == 0 || is_word(text, false, "-_."),
        "a valid label must be an empty string or consist of alphanumeric characters, "
        "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
        "'MyValue',  or 'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
}

static const char *qualified_name_wrong(struct slice text)
{
    ptrdiff_t slash = slice_find_char(text, '/');
    struct slice name = slash < 0 ? text : slice_from(text, (size_t)slash + 1);

    if (slash == 0)
        return "prefix part must be non-empty";
    if (slash > 0 && subdomain_wrong(slice_head(text, (size_t)slash)))
        return "prefix part a lowercase RFC 1123 subdomain must consist of lower case "
               "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
               "character (e.g. 'example.com', regex used for validation is "
               "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    if (name.len > LABEL_MAX)
        return "name part must be no more than 63 characters";
    return is_word(name, false, "-_.")
               ? NULL
               : "name part must consist of alphanumeric characters, '-', '_' or '.', and must "
                 "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
                 "'123-abc', regex used for validation is "
                 "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
}

static const char *config_key_wrong(struct slice text)
{
    bool is_right = text.len > 0;

    if (text.len > SUBDOMAIN_MAX)
        return "must be no more than 253 characters";
    if (slice_eq_str(text, "."))
        return "must not be '.'";
    if (slice_eq_str(text, ".."))
        return "must not be '..'";
    if (slice_starts_with(text, SLICE("..")))
        return "must not start with '..'";
    for (size_t i = 0; i < text.len; i++)
        is_right =
            is_right && (isalnum((unsigned char)text.data[i]) || strchr("-._", text.data[i]));
    return is_right ? NULL
                    : "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
                      "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation "
                      "is '[-._a-zA-Z0-9]+')";
}

const char *format_name_wrong(enum format_name form, const char *text)
{
    struct slice slice = slice_str(text);

    switch (form) {
    case FORMAT_ANY:
        break;
    case FORMAT_SUBDOMAIN:
        return subdomain_wrong(slice);
    case FORMAT_LABEL:
        return label_wrong(slice);
    case FORMAT_LABEL_1035:
        return label_1035_wrong(slice);
    case FORMAT_PATH:
        if (strchr(text, '/'))
            return "may not contain '/'";
        return strchr(text, '%') ? "may not contain '%'" : NULL;
    case FORMAT_LABEL_VALUE:
        return label_value_wrong(slice);
    case FORMAT_QUALIFIED_NAME:
        return qualified_name_wrong(slice);
    case FORMAT_CONFIG_KEY:
        return config_key_wrong(slice);
    }
    return NULL;
}
