/* SPDX-License-Identifier: Apache-2.0 */
/* Finds kinds, types and fields in the generated tables.
 *
 * Place   everything that handles objects by their kind
 * Owns    nothing
 */
#include "api/schema.h"

#include "api/tables.h"

const struct api_kind *api_kinds(size_t *ret_count)
{
    *ret_count = api_kind_table_count;
    return api_kind_table;
}

static bool kind_serves(const struct api_kind *kind, const char *group, const char *version)
{
    if (strcmp(kind->group, group) != 0)
        return false;
    if (!version[0])
        return true;
    for (size_t i = 0; i < kind->version_count; i++)
        if (strcmp(kind->versions[i].name, version) == 0)
            return true;
    return false;
}

const struct api_kind *api_kind_find(const char *group, const char *version, const char *kind)
{
    for (size_t i = 0; i < api_kind_table_count; i++) {
        const struct api_kind *entry = &api_kind_table[i];

        if (strcmp(entry->kind, kind) == 0 && kind_serves(entry, group, version))
            return entry;
    }
    return NULL;
}

const struct api_kind *api_kind_find_plural(const char *group, const char *version,
                                            const char *plural)
{
    for (size_t i = 0; i < api_kind_table_count; i++) {
        const struct api_kind *entry = &api_kind_table[i];

        if (strcmp(entry->plural, plural) == 0 && kind_serves(entry, group, version))
            return entry;
    }
    return NULL;
}

const struct api_kind *api_kind_find_object(const char *api_version, const char *kind)
{
    const char *slash = strchr(api_version, '/');
    char group[128];
    size_t len = slash ? (size_t)(slash - api_version) : 0;

    if (len >= sizeof(group))
        return NULL;
    memcpy(group, api_version, len);
    group[len] = '\0';
    return api_kind_find(group, slash ? slash + 1 : api_version, kind);
}

const struct api_field *api_field_find(const struct api_schema *schema, struct slice name)
{
    size_t low = 0;
    size_t high = schema->field_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_cmp(name, slice_str(schema->fields[middle].name));

        if (order == 0)
            return &schema->fields[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct api_field *api_field_find_number(const struct api_schema *schema,
                                              uint16_t inline_number, uint32_t number)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct api_field *field = &schema->fields[i];

        if (number != 0 && field->number == number && field->inline_number == inline_number)
            return field;
    }
    return NULL;
}

bool api_field_is_inline(const struct api_schema *schema, uint32_t number)
{
    for (size_t i = 0; i < schema->field_count; i++)
        if (number != 0 && schema->fields[i].inline_number == number)
            return true;
    return false;
}

const struct api_schema *api_type_find(const char *name)
{
    size_t low = 0;
    size_t high = api_type_table_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, api_type_table[middle]->name);

        if (order == 0)
            return api_type_table[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
