/* SPDX-License-Identifier: Apache-2.0 */
/* JSON trees into C structs, driven by the offsets in the generated tables.
 *
 *   schema of an object: fields[] {name, schema, offset, extra_offset}
 *     scalar  value at offset, bool at extra_offset (has_)
 *     text    const char * at offset
 *     object  pointer at offset
 *     list    pointer to the items at offset, size_t at extra_offset
 *     map     pointer to {key, value} pairs at offset, size_t at extra_offset
 *
 * Place   model, control, inject and install, for each watched object
 * Owns    nothing; all memory comes from the caller's arena
 * Limits  depth is that of the bound types
 */
#include "api/decode.h"

#include "api/kinds.h"

enum { KEY_SIZE = sizeof(const char *) };

static int decode_value(const struct api_schema *schema, const json_t *json, struct arena *arena,
                        char *place, struct error *err);

static int type_error(const char *expected, struct error *err)
{
    return err_set(err, ERR_INVALID, "must be %s", expected);
}

static size_t value_size(const struct api_schema *schema)
{
    switch (schema->type) {
    case API_OBJECT:
        return schema->struct_size;
    case API_BOOL:
        return sizeof(bool);
    case API_INT32:
    case API_UINT32:
        return sizeof(int32_t);
    case API_INT64:
    case API_DURATION:
        return sizeof(int64_t);
    case API_NUMBER:
        return sizeof(double);
    case API_INT_OR_STRING:
        return sizeof(struct api_int_or_string);
    default:
        return sizeof(const char *);
    }
}

static int decode_integer(const struct api_schema *schema, const json_t *json, char *place,
                          struct error *err)
{
    int64_t min = schema->type == API_INT32 ? INT32_MIN : 0;
    int64_t max = schema->type == API_INT32 ? INT32_MAX : UINT32_MAX;
    int64_t value = json_integer_value(json);
    uint32_t narrow;

    if (json_is_real(json) && json_real_value(json) == (double)(int64_t)json_real_value(json))
        value = (int64_t)json_real_value(json);
    else if (!json_is_integer(json))
        return type_error("an integer", err);
    if (schema->type == API_INT64) {
        memcpy(place, &value, sizeof(value));
        return 0;
    }
    if (value < min || value > max)
        return err_set(err, ERR_INVALID, "must be between %lld and %lld", (long long)min,
                       (long long)max);
    narrow = (uint32_t)value;
    memcpy(place, &narrow, sizeof(narrow));
    return 0;
}

static int decode_text(const json_t *json, bool number_allowed, struct arena *arena, char *place,
                       struct error *err)
{
    const char *text;

    if (json_is_string(json))
        text = arena_strdup(arena, json_string_value(json));
    else if (number_allowed && json_is_integer(json))
        text = arena_printf(arena, "%lld", (long long)json_integer_value(json));
    else if (number_allowed && json_is_real(json))
        text = arena_printf(arena, "%g", json_real_value(json));
    else
        return type_error("a string", err);
    memcpy(place, &text, sizeof(text));
    return 0;
}

static int decode_int_or_string(const json_t *json, struct arena *arena, char *place,
                                struct error *err)
{
    struct api_int_or_string value = {0};

    if (json_is_integer(json)) {
        value.number = json_integer_value(json);
    } else if (json_is_string(json)) {
        value.is_string = true;
        value.text = arena_strdup(arena, json_string_value(json));
    } else {
        return type_error("an integer or a string", err);
    }
    memcpy(place, &value, sizeof(value));
    return 0;
}

static int decode_scalar(const struct api_schema *schema, const json_t *json, struct arena *arena,
                         char *place, struct error *err)
{
    bool truth;
    double number;
    int64_t duration_ns;

    switch (schema->type) {
    case API_BOOL:
        if (!json_is_boolean(json))
            return type_error("a boolean", err);
        truth = json_is_true(json);
        memcpy(place, &truth, sizeof(truth));
        return 0;
    case API_INT32:
    case API_INT64:
    case API_UINT32:
        return decode_integer(schema, json, place, err);
    case API_NUMBER:
        if (!json_is_number(json))
            return type_error("a number", err);
        number = json_number_value(json);
        memcpy(place, &number, sizeof(number));
        return 0;
    case API_DURATION:
        if (!json_is_string(json) ||
            api_duration_parse(slice_str(json_string_value(json)), &duration_ns) < 0)
            return type_error("a duration such as \"1.5s\"", err);
        memcpy(place, &duration_ns, sizeof(duration_ns));
        return 0;
    case API_INT_OR_STRING:
        return decode_int_or_string(json, arena, place, err);
    default:
        return decode_text(json, schema->type == API_QUANTITY, arena, place, err);
    }
}

static int decode_object(const struct api_schema *schema, const json_t *json, struct arena *arena,
                         char *place, struct error *err)
{
    if (!json_is_object(json))
        return type_error("an object", err);
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct api_field *field = &schema->fields[i];
        const json_t *value = field->offset < 0 ? NULL : json_object_get(json, field->name);
        char *target = place + field->offset;
        int rc;

        if (!value || json_is_null(value))
            continue;
        if (field->schema->type == API_OBJECT) {
            char *object = arena_alloc(arena, field->schema->struct_size);

            rc = decode_value(field->schema, value, arena, object, err);
            memcpy(target, &object, sizeof(object));
        } else {
            rc = decode_value(field->schema, value, arena, target, err);
            if (rc == 0 && field->schema->type == API_LIST) {
                size_t count = json_array_size(value);

                memcpy(place + field->extra_offset, &count, sizeof(count));
            } else if (rc == 0 && field->schema->type == API_MAP) {
                size_t count = json_object_size(value);

                memcpy(place + field->extra_offset, &count, sizeof(count));
            } else if (rc == 0 && field->extra_offset >= 0) {
                place[field->extra_offset] = true;
            }
        }
        if (rc < 0) {
            (void)err_prefix(err, "%s", field->name);
            return rc;
        }
    }
    return 0;
}

static int decode_list(const struct api_schema *schema, const json_t *json, struct arena *arena,
                       char *place, struct error *err)
{
    size_t size = value_size(schema->item);
    size_t count = json_array_size(json);
    char *items;

    if (!json_is_array(json))
        return type_error("an array", err);
    items = arena_calloc(arena, count ? count : 1, size);
    for (size_t i = 0; i < count; i++) {
        int rc = decode_value(schema->item, json_array_get(json, i), arena, items + i * size, err);

        if (rc < 0) {
            (void)err_prefix(err, "[%zu]", i);
            return rc;
        }
    }
    memcpy(place, &items, sizeof(items));
    return 0;
}

static int decode_map(const struct api_schema *schema, const json_t *json, struct arena *arena,
                      char *place, struct error *err)
{
    size_t size = KEY_SIZE + (value_size(schema->item) + KEY_SIZE - 1) / KEY_SIZE * KEY_SIZE;
    size_t count = json_object_size(json);
    const char *key;
    json_t *value;
    char *entry;
    char *entries;

    if (!json_is_object(json))
        return type_error("an object", err);
    entries = arena_calloc(arena, count ? count : 1, size);
    entry = entries;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        const char *copy = arena_strdup(arena, key);
        int rc = decode_value(schema->item, value, arena, entry + KEY_SIZE, err);

        if (rc < 0) {
            (void)err_prefix(err, "[%s]", key);
            return rc;
        }
        memcpy(entry, &copy, sizeof(copy));
        entry += size;
    }
    memcpy(place, &entries, sizeof(entries));
    return 0;
}

static int decode_value(const struct api_schema *schema, const json_t *json, struct arena *arena,
                        char *place, struct error *err)
{
    switch (schema->type) {
    case API_OBJECT:
        return decode_object(schema, json, arena, place, err);
    case API_LIST:
        return decode_list(schema, json, arena, place, err);
    case API_MAP:
        return decode_map(schema, json, arena, place, err);
    default:
        return decode_scalar(schema, json, arena, place, err);
    }
}

int api_decode(const struct api_schema *schema, const json_t *json, struct arena *arena,
               void *ret_struct, struct error *err)
{
    ASSERT(schema->type == API_OBJECT && schema->struct_size > 0);
    memset(ret_struct, 0, schema->struct_size);
    return decode_object(schema, json, arena, ret_struct, err);
}

/* The nanoseconds of a unit, 0 for an unknown one. "us" and the micro sign count alike. */
static int64_t unit_ns(struct slice unit)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},         {"us", 1000},       {"\xc2\xb5s", 1000}, {"ms", 1000000},
                 {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (slice_eq_str(unit, units[i].name))
            return units[i].ns;
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Cuts "1.5h" off *rest and adds it to *total_ns. */
static int duration_part(struct slice *rest, int64_t *total_ns)
{
    size_t i = 0;
    size_t unit_start;
    double value = 0;
    double scale = 1;
    int64_t unit;

    while (i < rest->len && is_digit(rest->data[i]))
        value = value * 10 + (rest->data[i++] - '0');
    if (i < rest->len && rest->data[i] == '.') {
        i++;
        while (i < rest->len && is_digit(rest->data[i])) {
            scale /= 10;
            value += scale * (rest->data[i++] - '0');
        }
    }
    unit_start = i;
    while (i < rest->len && !is_digit(rest->data[i]) && rest->data[i] != '.')
        i++;
    unit = unit_ns(slice_make(rest->data + unit_start, i - unit_start));
    if (unit_start == 0 || unit == 0 || value * (double)unit > 9.0e18)
        return ERR_INVALID;
    *total_ns += (int64_t)(value * (double)unit + 0.5);
    *rest = slice_from(*rest, i);
    return *total_ns < 0 ? ERR_INVALID : 0;
}

int api_duration_parse(struct slice text, int64_t *ret_ns)
{
    struct slice rest = text;
    bool negative = rest.len > 0 && rest.data[0] == '-';
    int64_t total_ns = 0;

    if (negative || (rest.len > 0 && rest.data[0] == '+'))
        rest = slice_from(rest, 1);
    if (rest.len == 0)
        return ERR_INVALID;
    if (slice_eq_str(rest, "0")) {
        *ret_ns = 0;
        return 0;
    }
    while (rest.len > 0) {
        int rc = duration_part(&rest, &total_ns);

        if (rc < 0)
            return rc;
    }
    *ret_ns = negative ? -total_ns : total_ns;
    return 0;
}
