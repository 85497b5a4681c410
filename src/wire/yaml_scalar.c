/* SPDX-License-Identifier: Apache-2.0 */
/* Plain YAML scalars: see yaml_int.h.
 *
 * Spec  YAML 1.1 types as go-yaml v2 knows them (also: y, n, on, off are booleans; 1_000 is 1000;
 *       010 is octal; no sexagesimal numbers, no timestamps)
 */
#include "wire/yaml_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static const struct {
    const char *text;
    struct yaml_scalar value;
} words[] = {
    {"", {.kind = YAML_KIND_NULL}},
    {"~", {.kind = YAML_KIND_NULL}},
    {"null", {.kind = YAML_KIND_NULL}},
    {"Null", {.kind = YAML_KIND_NULL}},
    {"NULL", {.kind = YAML_KIND_NULL}},
    {"<<", {.kind = YAML_KIND_MERGE}},
    {"y", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"Y", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"yes", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"Yes", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"YES", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"true", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"True", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"TRUE", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"on", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"On", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"ON", {.kind = YAML_KIND_BOOL, .boolean = true}},
    {"n", {.kind = YAML_KIND_BOOL}},
    {"N", {.kind = YAML_KIND_BOOL}},
    {"no", {.kind = YAML_KIND_BOOL}},
    {"No", {.kind = YAML_KIND_BOOL}},
    {"NO", {.kind = YAML_KIND_BOOL}},
    {"false", {.kind = YAML_KIND_BOOL}},
    {"False", {.kind = YAML_KIND_BOOL}},
    {"FALSE", {.kind = YAML_KIND_BOOL}},
    {"off", {.kind = YAML_KIND_BOOL}},
    {"Off", {.kind = YAML_KIND_BOOL}},
    {"OFF", {.kind = YAML_KIND_BOOL}},
    {".nan", {.kind = YAML_KIND_ENDLESS}},
    {".NaN", {.kind = YAML_KIND_ENDLESS}},
    {".NAN", {.kind = YAML_KIND_ENDLESS}},
    {".inf", {.kind = YAML_KIND_ENDLESS}},
    {".Inf", {.kind = YAML_KIND_ENDLESS}},
    {".INF", {.kind = YAML_KIND_ENDLESS}},
    {"+.inf", {.kind = YAML_KIND_ENDLESS}},
    {"+.Inf", {.kind = YAML_KIND_ENDLESS}},
    {"+.INF", {.kind = YAML_KIND_ENDLESS}},
    {"-.inf", {.kind = YAML_KIND_ENDLESS}},
    {"-.Inf", {.kind = YAML_KIND_ENDLESS}},
    {"-.INF", {.kind = YAML_KIND_ENDLESS}},
};

enum { NUMBER_MAX = 64 };

static bool all_in(const char *text, const char *set)
{
    return *text && text[strspn(text, set)] == '\0';
}

/* The base that the digits (without sign) are written in, and how many letters say so; 0: none. */
static int digits_base(const char *digits, size_t *ret_skip)
{
    static const struct {
        char letter; /* behind a 0 */
        int base;
        const char *set;
    } bases[] = {{'x', 16, "0123456789abcdefABCDEF"}, {'b', 2, "01"}, {'o', 8, "01234567"}};

    *ret_skip = 2;
    for (size_t i = 0; digits[0] == '0' && i < ARRAY_LEN(bases); i++)
        if ((digits[1] | 0x20) == bases[i].letter && all_in(digits + 2, bases[i].set))
            return bases[i].base;
    *ret_skip = 0;
    if (digits[0] == '0' && digits[1] != '\0')
        return all_in(digits, "01234567") ? 8 : 0;
    return all_in(digits, "0123456789") ? 10 : 0;
}

static bool integer_parse(const char *text, struct yaml_scalar *ret)
{
    bool negative = *text == '-';
    const char *digits = text + (*text == '-' || *text == '+');
    unsigned long long magnitude;
    size_t skip;
    int base = digits_base(digits, &skip);

    if (base == 0)
        return false;
    errno = 0;
    magnitude = strtoull(digits + skip, NULL, base);
    ret->kind = YAML_KIND_INT;
    if (errno || magnitude > (unsigned long long)INT64_MAX + negative)
        ret->kind = YAML_KIND_BIG;
    else
        ret->integer = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

/* [-+]digits.digits, with an exponent that has digits; at least one digit. */
static bool real_parse(const char *text, struct yaml_scalar *ret)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t whole = strspn(at, "0123456789");
    size_t fraction = 0;

    at += whole;
    if (*at == '.') {
        fraction = strspn(at + 1, "0123456789");
        at += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        if (!all_in(at, "0123456789"))
            return false;
    } else if (*at != '\0') {
        return false;
    }
    ret->real = strtod(text, NULL);
    ret->kind = isfinite(ret->real) ? YAML_KIND_REAL : YAML_KIND_BIG;
    return true;
}

struct yaml_scalar yaml_scalar_resolve(struct slice text)
{
    struct yaml_scalar result = {.kind = YAML_KIND_STRING};
    char number[NUMBER_MAX];
    size_t len = 0;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_str(text, words[i].text))
            return words[i].value;
    if (!strchr("+-.0123456789", text.data[0]) || text.len >= sizeof number)
        return result;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != '_')
            number[len++] = text.data[i];
    number[len] = '\0';
    if (strlen(number) == len && !integer_parse(number, &result))
        real_parse(number, &result);
    return result;
}
