/* SPDX-License-Identifier: Apache-2.0 */
/* metadata of objects. See metadata.h. */
#include "kube/objects/metadata.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "wire/json.h"

enum {
    ANNOTATIONS_SIZE_MAX = 256 * 1024,
    SUFFIX_LEN = 5,
    PREFIX_MAX = 58, /* of generateName: the whole is a label */
};

static json_t *metadata_of(const json_t *object)
{
    return json_object_get(object, "metadata");
}

/* --- where an object is sent to --- */

int kube_metadata_place(const struct kube_place *place, json_t *object, struct error *err)
{
    json_t *metadata = metadata_of(object);
    const char *ns = json_path_string_or(metadata, "namespace", "");
    const char *name = json_path_string_or(metadata, "name", "");

    if (place->is_namespaced && ns[0] && strcmp(ns, place->ns) != 0)
        return err_set(err, ERR_INVALID,
                       "the namespace of the provided object does not match the namespace sent on "
                       "the request");
    if (place->is_namespaced)
        json_set_string(metadata, "namespace", place->ns);
    else
        json_object_del(metadata, "namespace");
    if (place->is_update && name[0] == '\0')
        return err_set(err, ERR_INVALID,
                       "the name of the object (%s based on URL) was undeterminable: name must be "
                       "provided",
                       place->name);
    if (place->name[0] && name[0] && strcmp(name, place->name) != 0)
        return err_set(err, ERR_INVALID,
                       "the name of the object (%s) does not match the name on the URL (%s)", name,
                       place->name);
    if (place->name[0])
        json_set_string(metadata, "name", place->name);
    return 0;
}

/* --- what the server makes up --- */

void kube_metadata_init(json_t *object, bool has_generation)
{
    static const char *const dropped[] = {"resourceVersion", "selfLink", "deletionTimestamp",
                                          "deletionGracePeriodSeconds", "generation"};
    json_t *metadata = metadata_of(object);
    char uuid[RNG_UUID_SIZE];
    char now[CLOCK_RFC3339_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
        json_object_del(metadata, dropped[i]);
    json_set_string(metadata, "uid", rng_system_uuid(uuid));
    json_set_string(metadata, "creationTimestamp", clock_format_now(now));
    if (has_generation)
        json_object_set_new(metadata, "generation", json_integer(1));
}

void kube_metadata_suffix(char *out, size_t len)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    uint64_t random = rng_system_u64();

    for (size_t i = 0; i < len; i++) {
        out[i] = letters[random % (sizeof letters - 1)];
        random /= sizeof letters - 1;
    }
    out[len] = '\0';
}

void kube_metadata_name(json_t *object)
{
    json_t *metadata = metadata_of(object);
    const char *prefix = json_path_string_or(metadata, "generateName", "");
    char suffix[SUFFIX_LEN + 1];
    char *name;

    if (prefix[0] == '\0' || json_path_string_or(metadata, "name", "")[0])
        return;
    kube_metadata_suffix(suffix, SUFFIX_LEN);
    name = mem_printf("%.*s%s", PREFIX_MAX, prefix, suffix);
    json_set_string(metadata, "name", name);
    mem_free(name);
}

void kube_metadata_keep(json_t *object, const json_t *old)
{
    static const char *const kept[] = {"uid",
                                       "creationTimestamp",
                                       "generation",
                                       "deletionTimestamp",
                                       "resourceVersion",
                                       "deletionGracePeriodSeconds"};
    json_t *metadata = metadata_of(object);

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        json_t *value = json_object_get(metadata_of(old), kept[i]);

        if (value != NULL)
            json_object_set(metadata, kept[i], value);
        else
            json_object_del(metadata, kept[i]);
    }
}

/* Whether a member of `a` that counts is another one in `b`. */
static bool counts_changed(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        bool counts = strcmp(key, "metadata") != 0 && strcmp(key, "status") != 0 &&
                      strcmp(key, "apiVersion") != 0;

        if (counts && !json_equal(value, json_object_get(b, key)))
            return true;
    }
    return false;
}

void kube_metadata_count(json_t *object, const json_t *old)
{
    int64_t generation = json_get_int(metadata_of(old), "generation", 0);

    if (counts_changed(object, old) || counts_changed(old, object))
        generation++;
    json_object_set_new(metadata_of(object), "generation", json_integer(generation));
}

/* --- what the server says of the rest --- */

enum format_name kube_metadata_form(const char *group, const char *plural)
{
    if (strcmp(group, "rbac.authorization.k8s.io") == 0)
        return FORMAT_PATH;
    if (group[0] == '\0' && strcmp(plural, "services") == 0)
        return FORMAT_LABEL_1035;
    if (group[0] == '\0' && strcmp(plural, "namespaces") == 0)
        return FORMAT_LABEL;
    return FORMAT_SUBDOMAIN;
}

static void form_check(const struct api_cause_sink *sink, const char *field, enum format_name form,
                       const char *text)
{
    const char *wrong = format_name_wrong(form, text);

    if (wrong != NULL)
        api_cause_tell(sink, "FieldValueInvalid", field, "Invalid value: \"%s\": %s", text, wrong);
}

void kube_metadata_check_name(const json_t *object, enum format_name form,
                              const struct api_cause_sink *sink)
{
    const char *name = json_path_string_or(object, "metadata.name", "");

    if (name[0] == '\0')
        api_cause_tell(sink, "FieldValueRequired", "metadata.name",
                       "Required value: name or generateName is required");
    else
        form_check(sink, "metadata.name", form, name);
}

static void labels_check(const json_t *metadata, const struct api_cause_sink *sink)
{
    const char *key;
    json_t *value;

    json_object_foreach(json_object_get(metadata, "labels"), key, value)
    {
        form_check(sink, "metadata.labels", FORMAT_QUALIFIED_NAME, key);
        form_check(sink, "metadata.labels", FORMAT_LABEL_VALUE,
                   json_is_string(value) ? json_string_value(value) : "");
    }
}

static void annotations_check(const json_t *metadata, const struct api_cause_sink *sink)
{
    size_t size = 0;
    const char *key;
    json_t *value;

    json_object_foreach(json_object_get(metadata, "annotations"), key, value)
    {
        size += strlen(key) + json_slice(value).len;
        form_check(sink, "metadata.annotations", FORMAT_QUALIFIED_NAME, key);
    }
    if (size > ANNOTATIONS_SIZE_MAX)
        api_cause_tell(sink, "FieldValueTooLong", "metadata.annotations",
                       "Too long: may not be more than %d bytes", ANNOTATIONS_SIZE_MAX);
}

static void owners_check(const json_t *metadata, const struct api_cause_sink *sink)
{
    static const char *const required[] = {"apiVersion", "kind", "name", "uid"};
    size_t i;
    size_t controllers = 0;
    json_t *owner;

    json_array_foreach(json_object_get(metadata, "ownerReferences"), i, owner)
    {
        controllers += json_get_bool(owner, "controller", false);
        for (size_t n = 0; n < ARRAY_LEN(required); n++) {
            char field[96]; /* without the index, as Kubernetes has it */

            if (json_path_string_or(owner, required[n], "")[0])
                continue;
            (void)snprintf(field, sizeof field, "metadata.ownerReferences.%s", required[n]);
            api_cause_tell(sink, "FieldValueInvalid", field,
                           "Invalid value: \"\": %smust not be empty", n == 0 ? "version " : "");
        }
    }
    if (controllers > 1)
        api_cause_tell(sink, "FieldValueInvalid", "metadata.ownerReferences",
                       "Invalid value: only one reference can have Controller set to true");
}

/* A finalizer is Kubernetes' own, or has the name of its owner before a slash. */
static void finalizer_check(const char *text, size_t i, const struct api_cause_sink *sink)
{
    static const char *const own[] = {"orphan", "foregroundDeletion", "kubernetes"};
    bool known = strchr(text, '/') != NULL;
    char field[64];

    for (size_t n = 0; n < ARRAY_LEN(own); n++)
        known = known || strcmp(text, own[n]) == 0;
    (void)snprintf(field, sizeof field, "metadata.finalizers[%zu]", i);
    form_check(sink, field, FORMAT_QUALIFIED_NAME, text);
    if (!known)
        api_cause_tell(sink, "FieldValueInvalid", field,
                       "Invalid value: \"%s\": name is neither a standard finalizer name nor is it "
                       "fully qualified",
                       text);
}

static void finalizers_check(const json_t *metadata, const json_t *old_metadata,
                             const struct api_cause_sink *sink)
{
    bool is_going = json_object_get(old_metadata, "deletionTimestamp") != NULL;
    const json_t *before = json_object_get(old_metadata, "finalizers");
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(metadata, "finalizers"), i, item)
    {
        const char *text = json_is_string(item) ? json_string_value(item) : "";

        if (is_going && !json_array_has(before, text))
            api_cause_tell(sink, "FieldValueForbidden", "metadata.finalizers",
                           "Forbidden: no new finalizers can be added if the object is being "
                           "deleted, found new finalizers []string{\"%s\"}",
                           text);
        finalizer_check(text, i, sink);
    }
}

void kube_metadata_check(const json_t *object, const json_t *old, const struct api_cause_sink *sink)
{
    const json_t *metadata = metadata_of(object);

    labels_check(metadata, sink);
    annotations_check(metadata, sink);
    owners_check(metadata, sink);
    finalizers_check(metadata, metadata_of(old), sink);
}
