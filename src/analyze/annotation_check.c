/* SPDX-License-Identifier: Apache-2.0 */
/* See annotation_check.h.
 */
#include "analyze/annotation_check.h"

#include "base/slice.h"
#include "wire/json.h"
#include "wire/yaml.h"

#include <arpa/inet.h>
#include <ctype.h>

enum { PORT_MAX = 65535, INTERFACE_LEN_MAX = 15 };

static int port_check(const char *what, struct slice text, struct error *err)
{
    uint64_t port;

    if (slice_parse_u64(slice_trim(text), PORT_MAX, &port) >= 0)
        return 0;
    return err_set(err, ERR_INVALID, "%s invalid: failed parsing port '%.*s'", what, (int)text.len,
                   text.data);
}

static int ports_check(const char *what, const char *value, struct error *err)
{
    struct slice rest = slice_trim(slice_str(value));
    struct slice item;
    int rc = 0;

    while (rc >= 0 && rest.len > 0 && slice_split_next(&rest, ',', &item))
        rc = port_check(what, item, err);
    return rc;
}

/* "10.0.0.0/8" */
static bool range_is_valid(struct slice text)
{
    ptrdiff_t slash = slice_find_char(text, '/');
    char address[INET6_ADDRSTRLEN];
    struct in6_addr scratch;
    uint64_t bits;
    bool is_v6;

    if (slash < 0 || (size_t)slash >= sizeof address)
        return false;
    memcpy(address, text.data, (size_t)slash);
    address[slash] = '\0';
    is_v6 = strchr(address, ':') != NULL;
    return inet_pton(is_v6 ? AF_INET6 : AF_INET, address, &scratch) == 1 &&
           slice_parse_u64(slice_from(text, (size_t)slash + 1), is_v6 ? 128 : 32, &bits) >= 0;
}

static int ranges_check(const char *what, const char *value, struct error *err)
{
    struct slice rest = slice_str(value);
    struct slice item;

    while (rest.len > 0 && slice_split_next(&rest, ',', &item))
        if (!range_is_valid(item))
            return err_set(err, ERR_INVALID, "%s invalid: failed parsing cidr '%.*s'", what,
                           (int)item.len, item.data);
    return 0;
}

static int interfaces_check(const char *value, struct error *err)
{
    struct slice rest = slice_str(value);
    struct slice item;

    while (rest.len > 0 && slice_split_next(&rest, ',', &item)) {
        struct slice name = slice_trim(item);
        bool is_valid = name.len > 0 && name.len <= INTERFACE_LEN_MAX;

        for (size_t i = 0; i < name.len && is_valid; i++)
            is_valid = !isspace((unsigned char)name.data[i]) && name.data[i] != '/';
        if (!is_valid)
            return err_set(err, ERR_INVALID, "'%.*s' is no name of a network interface",
                           (int)item.len, item.data);
    }
    return 0;
}

/* Digits with at most one dot, then a suffix of SI or of powers of two. */
static int quantity_check(const char *value, struct error *err)
{
    static const char *const suffixes[] = {"",  "n", "u",  "m",  "k",  "M",  "G",  "T",
                                           "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    const char *rest = value + (value[0] == '+' || value[0] == '-');
    const char *digits = rest;
    bool has_digit = isdigit((unsigned char)rest[rest[0] == '.']);

    while (isdigit((unsigned char)*rest) ||
           (*rest == '.' && !memchr(digits, '.', (size_t)(rest - digits))))
        rest++;
    if (has_digit && (rest[0] == 'e' || rest[0] == 'E') && rest[1]) {
        rest += 1 + (rest[1] == '+' || rest[1] == '-');
        while (isdigit((unsigned char)*rest))
            rest++;
    }
    for (size_t i = 0; has_digit && i < ARRAY_LEN(suffixes); i++)
        if (strcmp(suffixes[i], rest) == 0)
            return 0;
    return err_set(err, ERR_INVALID, "'%.64s' is no quantity, as 100m or 1Gi are", value);
}

static int bool_check(const char *value, struct error *err)
{
    static const char *const words[] = {"1", "t", "T", "true",  "TRUE",  "True",
                                        "0", "f", "F", "false", "FALSE", "False"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], value) == 0)
            return 0;
    return err_set(err, ERR_INVALID, "'%.64s' is neither true nor false", value);
}

static int mode_check(const char *value, struct error *err)
{
    static const char *const modes[] = {"REDIRECT", "TPROXY", "NONE"};

    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(modes[i], value) == 0)
            return 0;
    return err_set(err, ERR_INVALID, "interceptionMode invalid, use REDIRECT,TPROXY,NONE: %.64s",
                   value);
}

static int yaml_check(const char *value, struct error *err)
{
    SCOPED(json_drop) json_t *config = NULL;
    int rc = yaml_parse_one(slice_str(value), NULL, &config, err);

    if (rc >= 0 && !json_is_object(config))
        rc = err_set(err, ERR_INVALID, "not a mapping");
    return rc < 0 ? err_prefix(err, "failed to convert to apply proxy config") : 0;
}

static int number_check(const char *value, struct error *err)
{
    uint64_t number;

    if (slice_parse_u64(slice_str(value), UINT32_MAX, &number) >= 0)
        return 0;
    return err_set(err, ERR_INVALID, "'%.64s' is no number from 0 to %u", value, UINT32_MAX);
}

int annotation_value_check(enum annotation_check check, const char *value, struct error *err)
{
    bool is_all = strcmp(value, "*") == 0;

    switch (check) {
    case ANNOTATION_CHECK_NONE:
        return 0;
    case ANNOTATION_CHECK_BOOL:
        return bool_check(value, err);
    case ANNOTATION_CHECK_NUMBER:
        return number_check(value, err);
    case ANNOTATION_CHECK_QUANTITY:
        return quantity_check(value, err);
    case ANNOTATION_CHECK_INTERCEPTION:
        return mode_check(value, err);
    case ANNOTATION_CHECK_STATUS_PORT:
        return port_check("status port", slice_str(value), err);
    case ANNOTATION_CHECK_PORTS_OR_ALL:
        return is_all ? 0 : ports_check("includeInboundPorts", value, err);
    case ANNOTATION_CHECK_PORTS_IN:
        return ports_check("excludeInboundPorts", value, err);
    case ANNOTATION_CHECK_PORTS_OUT:
        return ports_check("excludeOutboundPorts", value, err);
    case ANNOTATION_CHECK_RANGES_OR_ALL:
        return is_all ? 0 : ranges_check("includeIPRanges", value, err);
    case ANNOTATION_CHECK_RANGES:
        return ranges_check("excludeIPRanges", value, err);
    case ANNOTATION_CHECK_INTERFACES:
        return interfaces_check(value, err);
    case ANNOTATION_CHECK_YAML:
        return yaml_check(value, err);
    }
    return 0;
}
