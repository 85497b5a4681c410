/* SPDX-License-Identifier: Apache-2.0 */
/* Names and status of CustomResourceDefinitions. See definition.h. */
#include "kube/objects/definition.h"

#include <ctype.h>
#include <stdio.h>

#include "wire/json.h"

static void names_default(json_t *object)
{
    json_t *names = json_path_get(object, "spec.names");
    const char *kind = json_path_string_or(names, "kind", "");
    char text[160];

    if (!json_is_object(names))
        return;
    if (json_get_string(names, "listKind") == NULL) {
        (void)snprintf(text, sizeof(text), "%sList", kind);
        json_set_string(names, "listKind", text);
    }
    if (json_get_string(names, "singular") == NULL) {
        size_t i;

        for (i = 0; kind[i] && i < sizeof(text) - 1; i++)
            text[i] = (char)tolower((unsigned char)kind[i]);
        text[i] = '\0';
        json_set_string(names, "singular", text);
    }
}

static json_t *condition_new(const char *type, const char *reason, const char *message,
                             const char *now)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", type, "status", "True",
                     "lastTransitionTime", now, "reason", reason, "message", message);
}

static const char *storage_version(const json_t *object)
{
    size_t i;
    json_t *version;

    json_array_foreach(json_path_get(object, "spec.versions"), i, version)
    {
        if (json_get_bool(version, "storage", false))
            return json_path_string_or(version, "name", "");
    }
    return "";
}

/* Every version that objects were ever stored in. */
static void stored_versions_add(json_t *status, const char *version)
{
    json_t *stored = json_member_array(status, "storedVersions");

    if (!json_array_has(stored, version))
        json_array_append_new(stored, json_string(version));
}

void kube_definition_complete(json_t *object, const char *now)
{
    json_t *status;

    names_default(object);
    if (json_path_get(object, "spec.conversion") == NULL)
        json_path_set(object, "spec.conversion.strategy", json_string("None"));
    status = json_object_get(object, "status");
    if (!json_is_object(status)) {
        status = json_object();
        json_object_set_new(object, "status", status);
    }
    if (json_array_size(json_object_get(status, "conditions")) == 0)
        json_object_set_new(
            status, "conditions",
            json_pack("[o, o]",
                      condition_new("NamesAccepted", "NoConflicts", "no conflicts found", now),
                      condition_new("Established", "InitialNamesAccepted",
                                    "the initial names have been accepted", now)));
    json_object_set_new(status, "acceptedNames",
                        json_deep_copy(json_path_get(object, "spec.names")));
    stored_versions_add(status, storage_version(object));
}
