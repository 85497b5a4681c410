/* SPDX-License-Identifier: Apache-2.0 */
/* Container images: found in a local OCI layout (or pulled into it), unpacked once a layer.
 *
 *   layout                              cache
 *   index.json: ref.name -> manifest    <sha256 of the layer>/  the layer's files, whiteouts as
 *   manifest -> config, layers      -->                         overlayfs wants them (a container
 *   blobs/sha256/<digest>                                       mounts them as lower)
 *
 * Place   who starts containers, from threads that may wait
 * Owns    the folders of the cache
 * Threads blocking; any number at once (one file lock a layer)
 * Limits  64 layers an image; JSON files of 4 MiB; 120 s to pull, 120 s to unpack a layer
 * Spec    OCI image-spec 1.1: image-layout, manifest, config, layer
 */
#ifndef WEFT_OCI_IMAGE_H
#define WEFT_OCI_IMAGE_H

#include "base/err.h"
#include "base/prelude.h"
#include "wire/json.h"

enum { OCI_LAYERS_MAX = 64, OCI_DIGEST_SIZE = 80, OCI_PATH_SIZE = 256 };

/* Where the images of this machine are. A plain value; both folders absolute. */
struct oci_store {
    char layout_path[OCI_PATH_SIZE]; /* the OCI layout; made by the first pull */
    char cache_path[OCI_PATH_SIZE];  /* unpacked layers; must be there */
};

struct oci_image {
    char digest[OCI_DIGEST_SIZE]; /* of the manifest: "sha256:..." */
    json_t *config; /* the image's "config" object: Env, Entrypoint, Cmd, User ...; never NULL */
    char *layers[OCI_LAYERS_MAX]; /* unpacked folders, lowest first */
    size_t layer_count;
};

/* Finds `name` in the store and unpacks what is missing. A name that the store lacks is pulled by
 * skopeo when `may_pull`. ERR_NOT_FOUND when there is no such image: the reason says where it was
 * looked for and why a pull failed. oci_image_free what comes. */
MUST_USE int oci_image_prepare(const struct oci_store *store, const char *name, bool may_pull,
                               struct oci_image **ret, struct error *err);
/* NULL is fine. */
void oci_image_free(struct oci_image *image);
/* Whether the store has it (no pull, nothing unpacked). */
bool oci_image_is_present(const struct oci_store *store, const char *name);

#endif
