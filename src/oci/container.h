/* SPDX-License-Identifier: Apache-2.0 */
/* Containers on this machine: conmon as parent, runc as runtime, overlayfs as root.
 *
 *   bundle/         config.json  rootfs (mounted)  upper  work  log  pid
 *                   attach (conmon's socket)  ctl (conmon's fifo)
 *   EXITS/<id>      conmon writes the exit code there when the container has ended
 *   STATE/<id>/     runc's own state
 *
 * conmon outlives who started it, so a container does too: whoever comes next finds it by its id.
 *
 * Place   who starts containers, from threads that may wait
 * Owns    what lies in the two folders of struct oci_runtime, and the mounts of its containers
 * Threads blocking; any thread, one call a container at a time
 * Limits  30 s for a call of runc, 60 s for a start; a log of 64 MiB
 * Spec    OCI runtime-spec 1.0.2; conmon's API version 1
 */
#ifndef WEFT_OCI_CONTAINER_H
#define WEFT_OCI_CONTAINER_H

#include "base/err.h"
#include "base/prelude.h"
#include "oci/image.h"
#include "wire/json.h"

enum { OCI_ID_SIZE = 160 };

/* Where containers are noted. A plain value; both folders absolute. */
struct oci_runtime {
    char state_path[OCI_PATH_SIZE]; /* runc's --root */
    char exits_path[OCI_PATH_SIZE]; /* a file named by the id appears when a container ended */
};

/* Makes both folders. */
MUST_USE int oci_runtime_init(const struct oci_runtime *runtime, struct error *err);
/* Kills and forgets all containers, and waits until nothing of them runs. Their root file systems
 * stay mounted. */
MUST_USE int oci_runtime_clear(const struct oci_runtime *runtime, struct error *err);

/* A container to be. All borrowed. */
struct oci_create {
    const char *id;     /* unique on the machine; letters, digits, '.', '_', '-' */
    const char *bundle; /* its folder, which must be there; config.json and rootfs are made in it */
    const json_t *config; /* of oci_config_build */
    const struct oci_image *image;
    bool stdin_open;
    bool stdin_once; /* stdin ends with the first that attached */
};

/* Mounts the image's layers with a fresh upper layer as root file system, creates and starts;
 * returns when the program runs. A failure of runc (program not found ...) is ERR_INVALID with its
 * message; nothing is left behind but what oci_container_delete takes away. */
MUST_USE int oci_container_run(const struct oci_runtime *runtime, const struct oci_create *create,
                               struct error *err);
/* Sends a signal ("TERM") to the first process; a container that is gone is fine. */
MUST_USE int oci_container_kill(const struct oci_runtime *runtime, const char *id,
                                const char *signal_name, struct error *err);
/* Kills what is left, forgets the container, its exit file and its rootfs mount. */
MUST_USE int oci_container_delete(const struct oci_runtime *runtime, const char *id,
                                  const char *bundle, struct error *err);
/* Whether runc knows it as running. */
bool oci_container_is_running(const struct oci_runtime *runtime, const char *id);
/* True when it has ended: the exit code and (may be NULL) the time, wall clock in ms. */
bool oci_container_exit_read(const struct oci_runtime *runtime, const char *id, int *ret_code,
                             int64_t *ret_finished_ms);
/* Whether its first process is gone: with no exit file, somebody killed its conmon. */
bool oci_container_is_lost(const char *bundle);

/* Tells a container with a terminal its new size; one without takes no notice. */
void oci_container_resize(const char *bundle, unsigned columns, unsigned rows);
/* The command line that runs `command` inside a container that runs; with `tty` on the terminal
 * that it is started on. The words are borrowed; mem_free the NULL-terminated array. */
const char **oci_exec_argv(const struct oci_runtime *runtime, const char *id, bool tty,
                           const char *const *command, size_t count);

#endif
