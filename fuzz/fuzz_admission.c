/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as an admission review, asked of the injector and of the validator. An answer tells a
 * verdict under the review's own id, and a patch of it is one that applies.
 */
#include "base/mem.h"
#include "control/admission.h"
#include "kube/objects/patch.h"
#include "wire/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_patch(const json_t *review, const char *text)
{
    json_t *patch = NULL;
    json_t *object = json_deep_copy(json_path_get(review, "request.object"));
    struct error err = {0};
    struct buf bytes;

    buf_init(&bytes, 0);
    ASSERT(base64_decode(slice_str(text), &bytes) == 0);
    ASSERT(json_parse(buf_slice(&bytes), NULL, &patch, &err) == 0);
    ASSERT(kube_patch_json(&object, patch, &err) == 0);
    json_decref(patch);
    json_decref(object);
    buf_deinit(&bytes);
}

static void check_answer(const json_t *review, json_t *answer)
{
    const char *patch;

    if (answer == NULL)
        return;
    ASSERT(json_is_boolean(json_path_get(answer, "response.allowed")));
    patch = json_path_string(answer, "response.patch");
    if (patch != NULL)
        check_patch(review, patch);
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct inject_config config = {0};
    struct error err = {0};
    json_t *review = NULL;

    if (json_parse(slice_make(data, size), NULL, &review, &err) < 0)
        return 0;
    check_answer(review, admission_inject(&config, review, NULL));
    check_answer(review, admission_validate(review, NULL));
    json_decref(review);
    return 0;
}
