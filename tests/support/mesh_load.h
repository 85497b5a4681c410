/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the objects of a YAML text or file into a mesh builder, for tests of model and translate.
 *
 * Place   tests/unit/model, tests/unit/translate, tests/golden
 * Limits  kinds that the mesh does not take are passed over
 */
#ifndef WEFT_TESTS_SUPPORT_MESH_LOAD_H
#define WEFT_TESTS_SUPPORT_MESH_LOAD_H

#include "model/mesh.h"
#include "wire/yaml.h"

/* Puts one object in; `namespace` (may be NULL) is for those that name none. 1 when the mesh could
 * not read it (it has a problem for it then), else 0. */
static inline int mesh_load_object(struct mesh_builder *builder, json_t *object,
                                   const char *namespace)
{
    const char *version = json_get_string(object, "apiVersion");
    const char *kind = json_get_string(object, "kind");
    int number = version && kind ? mesh_kind_find(version, kind) : -1;
    json_t *meta = json_object_get(object, "metadata");
    struct error err = {0};

    if (number < 0)
        return 0;
    if (namespace && !json_object_get(meta, "namespace") && number != MESH_NODE &&
        number != MESH_INGRESS_CLASS)
        json_object_set_new(meta, "namespace", json_string(namespace));
    return mesh_builder_put(builder, (enum mesh_kind)number, object, &err) < 0 ? 1 : 0;
}

/* Puts all objects of a text in. The number of those that could not be read; negative when the YAML
 * itself is broken (err says). */
static inline int mesh_load_text(struct mesh_builder *builder, struct slice text, struct error *err)
{
    json_t *documents = NULL;
    int failed = 0;
    int rc = yaml_parse(text, NULL, &documents, err);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < json_array_size(documents); i++)
        failed += mesh_load_object(builder, json_array_get(documents, i), NULL);
    json_decref(documents);
    return failed;
}

#endif
