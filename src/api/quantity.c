/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities, see quantity.h. */
#include "api/quantity.h"

#include <ctype.h>
#include <stdlib.h>

int quantity_parse(const json_t *quantity, int64_t *ret_milli)
{
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {{"", 1},
                 {"m", 1e-3},
                 {"k", 1e3},
                 {"M", 1e6},
                 {"G", 1e9},
                 {"T", 1e12},
                 {"P", 1e15},
                 {"Ki", 1024.0},
                 {"Mi", 1048576.0},
                 {"Gi", 1073741824.0},
                 {"Ti", 1099511627776.0},
                 {"u", 1e-6},
                 {"n", 1e-9},
                 {"Pi", 1125899906842624.0}};
    const char *text = json_string_value(quantity);
    char *end = NULL;
    double value;

    if (json_is_number(quantity)) {
        *ret_milli = (int64_t)(json_number_value(quantity) * 1000);
        return 0;
    }
    if (!text || !(isdigit((unsigned char)text[0]) || text[0] == '.'))
        return ERR_INVALID;
    value = strtod(text, &end);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        double milli = value * units[i].factor * 1000;

        if (strcmp(end, units[i].suffix) != 0)
            continue;
        if (!(milli < 9e18))
            return ERR_INVALID;
        *ret_milli = (int64_t)milli;
        if ((double)*ret_milli < milli)
            (*ret_milli)++;
        return 0;
    }
    return ERR_INVALID;
}
