/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata: what the server makes up (uid, times, name suffixes) and what it checks (names, labels,
 * annotations, owner references), with Kubernetes' messages.
 */
#include "api/formats.h"
#include "base/clock.h"
#include "base/rng.h"
#include "sandbox/apiserver_int.h"

#include <ctype.h>
#include <stdio.h>

enum { ANNOTATIONS_SIZE_MAX = 256 * 1024 };

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

/* --- checks --- */

static void check_form(struct apiserver_call *call, const char *field, enum format_name form,
                       const char *text)
{
    const char *wrong = format_name_wrong(form, text);

    if (wrong != NULL)
        apiserver_invalid_add(call, "FieldValueInvalid", field, "Invalid value: \"%s\": %s", text,
                              wrong);
}

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
        check_form(call, field, FORMAT_QUALIFIED_NAME, key);
        if (labels)
            check_form(call, field, FORMAT_LABEL_VALUE, text);
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
            char field[96]; /* without the index, as Kubernetes has it */

            if (json_path_string_or(owner, required[n], "")[0])
                continue;
            snprintf(field, sizeof field, "metadata.ownerReferences.%s", required[n]);
            apiserver_invalid_add(call, "FieldValueInvalid", field,
                                  "Invalid value: \"\": %smust not be empty",
                                  n == 0 ? "version " : "");
        }
    }
    if (controllers > 1)
        apiserver_invalid_add(call, "FieldValueInvalid", "metadata.ownerReferences",
                              "Invalid value: only one reference can have Controller set to true");
}

/* A finalizer is Kubernetes' own, or has the name of its owner before a slash. */
static void check_finalizers(struct apiserver_call *call)
{
    static const char *const own[] = {"orphan", "foregroundDeletion", "kubernetes"};
    size_t i;
    json_t *item;

    json_array_foreach(json_path_get(call->object, "metadata.finalizers"), i, item)
    {
        const char *text = json_is_string(item) ? json_string_value(item) : "";
        bool known = strchr(text, '/') != NULL;
        char field[64];

        for (size_t n = 0; n < ARRAY_LEN(own); n++)
            known = known || strcmp(text, own[n]) == 0;
        snprintf(field, sizeof field, "metadata.finalizers[%zu]", i);
        check_form(call, field, FORMAT_QUALIFIED_NAME, text);
        if (!known)
            apiserver_invalid_add(call, "FieldValueInvalid", field,
                                  "Invalid value: \"%s\": name is neither a standard finalizer "
                                  "name nor is it fully qualified",
                                  text);
    }
}

static enum format_name name_form(const struct kind *kind)
{
    if (strcmp(kind->group, "rbac.authorization.k8s.io") == 0)
        return FORMAT_PATH;
    if (kind->group[0] == '\0' && strcmp(kind->plural, "services") == 0)
        return FORMAT_LABEL_1035;
    if (kind->group[0] == '\0' && strcmp(kind->plural, "namespaces") == 0)
        return FORMAT_LABEL;
    return FORMAT_SUBDOMAIN;
}

static void check_name(struct apiserver_call *call)
{
    const char *name = json_path_string_or(call->object, "metadata.name", "");

    if (name[0] == '\0')
        apiserver_invalid_add(call, "FieldValueRequired", "metadata.name",
                              "Required value: name or generateName is required");
    else
        check_form(call, "metadata.name", name_form(call->kind), name);
}

void apiserver_object_check_metadata(struct apiserver_call *call)
{
    if (call->old == NULL)
        check_name(call);
    check_map(call, "labels", true);
    check_map(call, "annotations", false);
    check_owners(call);
    check_finalizers(call);
}
