/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of this machine.
 *
 * Place   the sandbox: what is left when its containers are gone
 * Owns    nothing
 */
#ifndef WEFT_IO_MOUNTS_H
#define WEFT_IO_MOUNTS_H

#include "base/err.h"
#include "base/prelude.h"

/* Detaches all that is mounted below the folder `prefix`, the last mounted first. The error names
 * the last place that could not be. */
MUST_USE int mounts_remove_below(const char *prefix, struct error *err);

#endif
