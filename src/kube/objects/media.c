/* SPDX-License-Identifier: Apache-2.0 */
/* Content types and Accept. See media.h. */
#include "kube/objects/media.h"

#include "kube/objects/protobuf.h"
#include "wire/yaml.h"

static const struct body_type {
    const char *name;
    enum kube_format format;
    bool is_patch;
} body_types[] = {
    {"application/json", KUBE_FORMAT_JSON, false},
    {"application/yaml", KUBE_FORMAT_YAML, false},
    {"application/vnd.kubernetes.protobuf", KUBE_FORMAT_PROTOBUF, false},
    {"application/json-patch+json", KUBE_FORMAT_JSON, true},
    {"application/merge-patch+json", KUBE_FORMAT_JSON, true},
    {"application/strategic-merge-patch+json", KUBE_FORMAT_JSON, true},
    {KUBE_MEDIA_APPLY, KUBE_FORMAT_YAML, true},
};

struct slice kube_media_type(struct slice content_type)
{
    ptrdiff_t end = slice_find_char(content_type, ';');
    struct slice type = end < 0 ? content_type : slice_head(content_type, (size_t)end);

    type = slice_trim(type);
    return type.len ? type : SLICE("application/json");
}

enum kube_format kube_media_format(struct slice type, bool is_patch)
{
    for (size_t i = 0; i < ARRAY_LEN(body_types); i++) {
        if (slice_eq_str(type, body_types[i].name) && body_types[i].is_patch == is_patch)
            return body_types[i].format;
    }
    return KUBE_FORMAT_UNKNOWN;
}

int kube_media_decode(enum kube_format format, struct slice body, json_t **ret, struct error *err)
{
    const struct json_limits limits = {.size_max = body.len, .depth_max = KUBE_BODY_DEPTH_MAX};

    switch (format) {
    case KUBE_FORMAT_JSON:
        return json_parse(body, &limits, ret, err);
    case KUBE_FORMAT_YAML:
        return yaml_parse_one(body, NULL, ret, err);
    case KUBE_FORMAT_PROTOBUF:
        return kube_protobuf_decode(body, ret, err);
    case KUBE_FORMAT_UNKNOWN:
        break;
    }
    return err_set(err, ERR_UNSUPPORTED, "a body of an unknown media type");
}

enum kube_accept kube_media_accept(struct slice accept)
{
    static const char *const types[] = {"*/*", "application/*", "application/json",
                                        "application/yaml", "application/vnd.kubernetes.protobuf"};
    bool is_served = accept.len == 0;

    for (size_t i = 0; i < ARRAY_LEN(types) && !is_served; i++)
        is_served = slice_find(accept, slice_str(types[i])) >= 0;
    if (!is_served)
        return KUBE_ACCEPT_NONE;
    if (slice_find(accept, SLICE("as=Table")) >= 0)
        return KUBE_ACCEPT_TABLE;
    if (slice_find(accept, SLICE("as=PartialObjectMetadata")) >= 0)
        return KUBE_ACCEPT_PARTIAL;
    return slice_starts_with(accept, SLICE("application/yaml")) ? KUBE_ACCEPT_YAML
                                                                : KUBE_ACCEPT_JSON;
}
