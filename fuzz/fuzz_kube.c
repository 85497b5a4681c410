/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may send to an API server: protobuf bodies, selectors and
 * continue tokens, patches, field sets and server-side apply. The first byte chooses.
 */
#include "api/schema.h"
#include "kube/objects/list.h"
#include "kube/objects/managed.h"
#include "kube/objects/patch.h"
#include "kube/objects/protobuf.h"
#include "kube/objects/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a list is asked with. A token that is one of ours is the same after another round. */
static void selectors(struct slice text)
{
    struct kube_list_place place, again;
    struct kube_selector selector;
    struct arena arena;

    arena_init(&arena, 0);
    if (kube_selector_parse(text, &arena, &selector, NULL) == 0)
        (void)kube_selector_match(&selector, NULL);
    if (kube_selector_parse_fields(text, &arena, &selector, NULL) == 0)
        (void)kube_selector_match_fields(&selector, NULL);
    if (kube_list_token_parse(text, &arena, &place) == 0) {
        text = slice_str(kube_list_token_new(&place, &arena));
        ASSERT(kube_list_token_parse(text, &arena, &again) == 0);
        ASSERT(again.revision == place.revision && strcmp(again.name, place.name) == 0);
    }
    arena_deinit(&arena);
}

/* An array is a JSON patch, an object a strategic merge patch, onto a small pod. */
static void patches(struct slice text)
{
    const struct api_kind *pod = api_kind_find("", "v1", "Pod");
    json_t *target = json_pack("{s:{s:s, s:[s]}, s:{s:[{s:s}, {s:s}]}}", "metadata", "name", "p",
                               "finalizers", "f", "spec", "containers", "name", "a", "name", "b");
    json_t *patch = NULL;
    int rc = -1;

    if (json_parse(text, NULL, &patch, NULL) == 0)
        rc = json_is_array(patch) ? kube_patch_json(&target, patch, NULL)
                                  : kube_patch_strategic(target, patch, pod->schema, NULL);
    if (rc == 0 && json_is_object(patch) && json_is_object(target))
        kube_patch_merge(target, patch);
    json_decref(patch);
    json_decref(target);
}

/* {"managedFields": {...}} is read as a set, and an object of that kind is applied to a pod that
 * says so about its owners. */
static void owners(struct slice text)
{
    const struct kube_type type = {.api = api_kind_find("", "v1", "Pod")->schema};
    const struct kube_writer writer = {
        .manager = "f", .api_version = "v1", .subresource = "", .time = "", .force = true};
    struct kube_conflicts conflicts = {0};
    json_t *config = NULL;
    json_t *live = NULL;
    json_t *result = NULL;

    if (json_parse(text, NULL, &config, NULL) != 0)
        return;
    live =
        json_pack("{s:{s:s, s:[{s:s, s:s, s:s, s:O}]}, s:{s:[{s:s}, {s:s}]}}", "metadata", "name",
                  "p", "managedFields", "manager", "f", "operation", "Apply", "fieldsType",
                  "FieldsV1", "fieldsV1", config, "spec", "containers", "name", "a", "name", "b");
    if (json_is_object(config) &&
        kube_managed_apply(type, live, config, &writer, &result, &conflicts, NULL) == 0) {
        kube_managed_update(type, live, result, &writer);
        kube_managed_keep_times(live, result);
    }
    kube_conflicts_deinit(&conflicts);
    json_decref(result);
    json_decref(live);
    json_decref(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_make(data + (size > 0), size - (size > 0));
    json_t *object = NULL;

    switch (size ? data[0] % 4 : 0) {
    case 0:
        if (kube_protobuf_decode(rest, &object, NULL) == 0)
            json_decref(object);
        break;
    case 1:
        selectors(rest);
        break;
    case 2:
        patches(rest);
        break;
    default:
        owners(rest);
    }
    return 0;
}
