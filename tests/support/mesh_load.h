/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the objects of a YAML text or file into a mesh builder, for tests of model and translate.
 *
 * Place   tests/unit/model, tests/unit/translate, tests/golden
 * Limits  kinds that the mesh does not take are passed over
 */
#ifndef WEFT_TESTS_SUPPORT_MESH_LOAD_H
#define WEFT_TESTS_SUPPORT_MESH_LOAD_H

#include "base/file.h"
#include "model/mesh.h"
#include "wire/yaml.h"

/* Objects that could not be read are counted, not fatal: the mesh has problems for them. Negative
 * when the YAML itself is broken (err says). */
static inline int mesh_load_text(struct mesh_builder *builder, struct slice text, struct error *err)
{
    json_t *documents = NULL;
    size_t failed = 0;
    int rc = yaml_parse(text, NULL, &documents, err);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < json_array_size(documents); i++) {
        json_t *object = json_array_get(documents, i);
        const char *version = json_get_string(object, "apiVersion");
        const char *kind = json_get_string(object, "kind");
        int number = version && kind ? mesh_kind_find(version, kind) : -1;
        struct error local = {0};

        if (number >= 0 && mesh_builder_put(builder, (enum mesh_kind)number, object, &local) < 0)
            failed++;
    }
    json_decref(documents);
    return (int)failed;
}

static inline int mesh_load_file(struct mesh_builder *builder, const char *path, struct error *err)
{
    struct buf text;
    int rc;

    buf_init(&text, 0);
    rc = file_read(path, &text, err);
    if (rc >= 0)
        rc = mesh_load_text(builder, buf_slice(&text), err);
    buf_deinit(&text);
    return rc;
}

#endif
