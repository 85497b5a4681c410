/* SPDX-License-Identifier: Apache-2.0 */
/* Who a container's program runs as: numbers, out of an image's names.
 *
 * Place   before oci_config_build, from threads that may wait (it reads the image's files)
 * Owns    nothing
 * Limits  /etc/passwd and /etc/group of 1 MiB
 * Spec    OCI image-spec 1.1, config: User is "user", "user:group", each a name or a number
 */
#ifndef WEFT_OCI_USER_H
#define WEFT_OCI_USER_H

#include "base/err.h"
#include "base/prelude.h"
#include "oci/image.h"

struct oci_user {
    int64_t uid;
    int64_t gid;
};

/* `wish` overrules the image's User where it is not negative; a wished uid without a gid gets the
 * group that the image's /etc/passwd has for it, else 0. ERR_INVALID: the image names a user or a
 * group that its files lack, and nothing overrules it. */
MUST_USE int oci_user_resolve(const struct oci_image *image, struct oci_user wish,
                              struct oci_user *ret, struct error *err);

#endif
