/* SPDX-License-Identifier: Apache-2.0 */
/* Container images: found in a local OCI layout (or pulled into it), unpacked once a layer.
 *
 *   store (OCI layout)                      cache: INSTANCE/images/
 *   index.json: ref.name -> manifest  -->   <sha256 of the layer>/   the layer's files, whiteouts
 * as manifest -> config, layers              overlayfs wants them (a container mounts them as
 * lower)
 *
 * Place   node agent, from its job threads
 * Owns    the folders of the cache
 * Threads blocking; any number at once (one file lock a layer)
 * Limits  64 layers an image; JSON files of 4 MiB
 * Spec    OCI image-spec 1.1: image-layout, manifest, config, layer
 */
#ifndef WEFT_SANDBOX_IMAGES_H
#define WEFT_SANDBOX_IMAGES_H

#include "base/err.h"
#include "base/prelude.h"
#include "sandbox/instance.h"
#include "wire/json.h"

enum { IMAGE_LAYERS_MAX = 64, IMAGE_DIGEST_SIZE = 80 };

struct image {
    char digest[IMAGE_DIGEST_SIZE]; /* of the manifest: "sha256:..." */
    json_t *config; /* the image's "config" object: Env, Entrypoint, Cmd, User ... */
    char *layers[IMAGE_LAYERS_MAX]; /* unpacked folders, lowest first */
    size_t layer_count;
};

/* Finds `name` in the store and unpacks what is missing. A name that the store lacks is pulled by
 * skopeo when `pull` allows. ERR_NOT_FOUND when there is no such image: the reason says where it
 * was looked for and why a pull failed. */
MUST_USE int image_prepare(const struct instance *instance, const char *name, bool pull,
                           struct image **ret, struct error *err);
/* NULL is fine. */
void image_free(struct image *image);
/* Whether the store has it (no pull, nothing unpacked). */
bool image_is_present(const struct instance *instance, const char *name);

#endif
