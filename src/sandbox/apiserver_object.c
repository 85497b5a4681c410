/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata: what the server makes up (uid, times, name suffixes) and what it checks (names, labels,
 * annotations, owner references), with Kubernetes' messages.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "sandbox/apiserver_int.h"

#include <ctype.h>
#include <stdio.h>

enum { ANNOTATIONS_SIZE_MAX = 256 * 1024, DNS_LABEL_MAX = 63, DNS_NAME_MAX = 253 };

#define DNS_LABEL_TEXT                                                                             \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "   \
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "     \
    "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define DNS_SUBDOMAIN_TEXT                                                                         \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

void apiserver_object_random_suffix(char *out, size_t len)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    uint64_t random = rng_system_u64();

    for (size_t i = 0; i < len; i++) {
        out[i] = letters[random % (sizeof letters - 1)];
        random /= sizeof letters - 1;
    }
    out[len] = '\0';
}

void apiserver_object_uuid(char out[37])
{
    uint8_t b[16];

    rng_system_bytes(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

const char *apiserver_object_now(char *out)
{
    return clock_format_rfc3339(clock_realtime_ms(), false, out);
}

static bool is_lower_alnum(char c)
{
    return islower((unsigned char)c) || isdigit((unsigned char)c);
}

static bool is_dns_label(struct slice label)
{
    if (label.len == 0 || !is_lower_alnum(label.data[0]) ||
        !is_lower_alnum(label.data[label.len - 1]))
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!is_lower_alnum(label.data[i]) && label.data[i] != '-')
            return false;
    }
    return true;
}

bool apiserver_object_is_dns_label(const char *text)
{
    return strlen(text) <= DNS_LABEL_MAX && is_dns_label(slice_str(text));
}

bool apiserver_object_is_dns_subdomain(const char *text)
{
    struct slice rest = slice_str(text);
    struct slice label;

    if (rest.len == 0 || rest.len > DNS_NAME_MAX)
        return false;
    while (slice_split_next(&rest, '.', &label)) {
        if (!is_dns_label(label))
            return false;
    }
    return true;
}

/* Letters, digits, '-', '_', '.', first and last alphanumeric. */
static bool is_qualified_part(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len > DNS_LABEL_MAX || !isalnum((unsigned char)text[0]) ||
        !isalnum((unsigned char)text[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("-_.", text[i]) == NULL)
            return false;
    }
    return true;
}

bool apiserver_object_is_label_value(const char *text)
{
    return text[0] == '\0' || is_qualified_part(text);
}

static bool is_qualified_name(const char *text)
{
    const char *slash = strchr(text, '/');
    char prefix[DNS_NAME_MAX + 1];

    if (slash == NULL)
        return is_qualified_part(text);
    if ((size_t)(slash - text) > DNS_NAME_MAX)
        return false;
    snprintf(prefix, sizeof prefix, "%.*s", (int)(slash - text), text);
    return apiserver_object_is_dns_subdomain(prefix) && is_qualified_part(slash + 1);
}

/* --- checks --- */

static void check_map(struct apiserver_call *call, const char *name, bool labels)
{
    const json_t *map = json_object_get(json_object_get(call->object, "metadata"), name);
    char field[64];
    const char *key;
    json_t *value;
    size_t size = 0;

    snprintf(field, sizeof field, "metadata.%s", name);
    json_object_foreach((json_t *)map, key, value)
    {
        const char *text = json_is_string(value) ? json_string_value(value) : "";

        size += strlen(key) + strlen(text);
        if (!is_qualified_name(key))
            apiserver_invalid_add(call, "FieldValueInvalid", field,
                                  "Invalid value: \"%s\": name part must consist of alphanumeric "
                                  "characters, '-', '_' or '.', and must start and end with an "
                                  "alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
                                  "'123-abc', regex used for validation is "
                                  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                                  key);
        if (labels && !apiserver_object_is_label_value(text))
            apiserver_invalid_add(call, "FieldValueInvalid", field,
                                  "Invalid value: \"%s\": a valid label must be an empty string or "
                                  "consist of alphanumeric characters, '-', '_' or '.', and must "
                                  "start and end with an alphanumeric character (e.g. 'MyValue',  "
                                  "or 'my_value',  or '12345', regex used for validation is "
                                  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
                                  text);
    }
    if (!labels && size > ANNOTATIONS_SIZE_MAX)
        apiserver_invalid_add(call, "FieldValueTooLong", field,
                              "Too long: may not be more than %d bytes", ANNOTATIONS_SIZE_MAX);
}

static void check_owners(struct apiserver_call *call)
{
    static const char *const required[] = {"apiVersion", "kind", "name", "uid"};
    size_t i;
    size_t controllers = 0;
    json_t *owner;

    json_array_foreach(json_path_get(call->object, "metadata.ownerReferences"), i, owner)
    {
        controllers += json_get_bool(owner, "controller", false);
        for (size_t n = 0; n < ARRAY_LEN(required); n++) {
            char field[96];

            if (json_path_string_or(owner, required[n], "")[0])
                continue;
            snprintf(field, sizeof field, "metadata.ownerReferences[%zu].%s", i, required[n]);
            apiserver_invalid_add(call, "FieldValueInvalid", field,
                                  "Invalid value: \"\": must not be empty");
        }
    }
    if (controllers > 1)
        apiserver_invalid_add(call, "FieldValueInvalid", "metadata.ownerReferences",
                              "Invalid value: only one reference can have Controller set to true");
}

/* Kinds whose names may hold ':' and capitals. */
static bool has_path_name(const struct kind *kind)
{
    return strcmp(kind->group, "rbac.authorization.k8s.io") == 0;
}

static bool has_label_name(const struct kind *kind)
{
    return strcmp(kind->plural, "namespaces") == 0 || strcmp(kind->plural, "services") == 0;
}

static void check_name(struct apiserver_call *call)
{
    const char *name = json_path_string_or(call->object, "metadata.name", "");

    if (name[0] == '\0') {
        apiserver_invalid_add(call, "FieldValueRequired", "metadata.name",
                              "Required value: name or generateName is required");
    } else if (has_path_name(call->kind)) {
        if (strchr(name, '/') != NULL || strchr(name, '%') != NULL)
            apiserver_invalid_add(call, "FieldValueInvalid", "metadata.name",
                                  "Invalid value: \"%s\": may not contain '/' or '%%'", name);
    } else if (has_label_name(call->kind) && !apiserver_object_is_dns_label(name)) {
        apiserver_invalid_add(call, "FieldValueInvalid", "metadata.name",
                              "Invalid value: \"%s\": %s", name, DNS_LABEL_TEXT);
    } else if (!apiserver_object_is_dns_subdomain(name)) {
        apiserver_invalid_add(call, "FieldValueInvalid", "metadata.name",
                              "Invalid value: \"%s\": %s", name, DNS_SUBDOMAIN_TEXT);
    }
}

void apiserver_object_check_metadata(struct apiserver_call *call)
{
    if (call->old == NULL)
        check_name(call);
    check_map(call, "labels", true);
    check_map(call, "annotations", false);
    check_owners(call);
}
