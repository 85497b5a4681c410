/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a mesh as users write them: checks, the model, and translation for a sidecar and a
 * gateway. Whatever the objects say, translation succeeds and its output can be read back.
 *
 * Place   fuzz/meson.build
 */
#include <stdlib.h>

#include "api/check.h"
#include "translate/translate.h"
#include "wire/json.h"
#include "wire/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct mesh *mesh, enum translate_role role)
{
    static const char *const addresses[] = {"10.0.0.1", "fd00::1"};
    static const struct mesh_label labels[] = {{"app", "web"}};
    const struct translate_scope scope = {.role = role,
                                          .namespace = "shop",
                                          .addresses = addresses,
                                          .address_count = 2,
                                          .labels = {labels, 1},
                                          .node = "n1"};
    struct translate_output *output = NULL;
    struct error err = {0};

    ASSERT(translate_run(mesh, &scope, NULL, &output, &err) == 0);
    translate_output_unref(output);
}

static void put(struct mesh_builder *builder, json_t *object)
{
    const char *version = json_get_string(object, "apiVersion");
    const char *name = json_get_string(object, "kind");
    const struct api_kind *kind = version && name ? api_kind_find_object(version, name) : NULL;
    int number = version && name ? mesh_kind_find(version, name) : -1;
    struct error err = {0};

    if (kind) {
        (void)!api_validate(kind, object, NULL, NULL, &err);
        api_default(kind->schema, object);
    }
    if (number >= 0)
        (void)mesh_builder_put(builder, (enum mesh_kind)number, object, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mesh_builder *builder = mesh_builder_new(NULL);
    struct error err = {0};
    json_t *documents = NULL;
    struct mesh *mesh;

    if (yaml_parse(slice_make(data, size), NULL, &documents, &err) == 0)
        for (size_t i = 0; i < json_array_size(documents); i++)
            put(builder, json_array_get(documents, i));
    mesh = mesh_builder_snapshot(builder);
    run(mesh, TRANSLATE_SIDECAR);
    run(mesh, TRANSLATE_ROUTER);
    mesh_unref(mesh);
    mesh_builder_free(builder);
    json_decref(documents);
    return 0;
}
