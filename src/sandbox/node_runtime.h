/* SPDX-License-Identifier: Apache-2.0 */
/* Containers on this machine: conmon as parent, runc as runtime, overlayfs as root.
 *
 *   bundle/            config.json  rootfs (mounted)  upper  work  log  attach (conmon's socket)
 *   INSTANCE/run/exits/<id>    conmon writes the exit code there when the container has ended
 *   INSTANCE/run/runc          runc's own state
 *
 * Place   node agent, from its job threads
 * Owns    what lies in the two run/ folders, mounts and cgroups of its containers
 * Threads blocking; any thread, one call a container at a time
 */
#ifndef WEFT_SANDBOX_NODE_RUNTIME_H
#define WEFT_SANDBOX_NODE_RUNTIME_H

#include "base/err.h"
#include "base/prelude.h"
#include "sandbox/images.h"
#include "sandbox/instance.h"

enum { RUNTIME_ID_SIZE = 160 };

/* Id of a container: pod uid, container name, attempt. */
void runtime_id(const char *pod_uid, const char *name, unsigned attempt, char out[RUNTIME_ID_SIZE]);

/* Folders that all containers share. */
MUST_USE int runtime_init(const struct instance *instance, struct error *err);
/* Folder with exit files: one named by the container's id appears when it ended. */
const char *runtime_exits_path(const struct instance *instance, char out[INSTANCE_PATH_SIZE]);

/* Mounts the image's layers with a fresh upper layer at bundle/rootfs (0755 folders are made). */
MUST_USE int runtime_rootfs_mount(const char *bundle, const struct image *image, struct error *err);

struct runtime_create {
    const char *id;
    const char *bundle; /* holds config.json and rootfs */
    bool tty;
    bool stdin_open;
    bool stdin_once; /* stdin ends with the first that attached */
};

/* Creates and starts; returns when the program runs. A failure of runc (program not found ...) is
 * ERR_INVALID with its message; nothing is left behind but the rootfs mount. */
MUST_USE int runtime_run(const struct instance *instance, const struct runtime_create *create,
                         struct error *err);
/* Sends a signal ("TERM") to the first process; a container that is gone is fine. */
MUST_USE int runtime_kill(const struct instance *instance, const char *id, const char *signal,
                          struct error *err);
/* Kills what is left, forgets the container, its exit file and its rootfs mount. */
MUST_USE int runtime_delete(const struct instance *instance, const char *id, const char *bundle,
                            struct error *err);
/* Whether runc knows it as running. */
bool runtime_is_running(const struct instance *instance, const char *id);
/* The exit code and time, when it has ended: true. */
bool runtime_exit_read(const struct instance *instance, const char *id, int *ret_code,
                       int64_t *ret_finished_ms);
/* Removes empty cgroups below the instance's `path` ("" for all of it). */
void runtime_cgroup_remove(const struct instance *instance, const char *path);
/* Kills all containers of the instance, unmounts everything below its state folder. For `down`. */
MUST_USE int runtime_remove_all(const struct instance *instance, struct error *err);

const char *runtime_root_path(const struct instance *instance, char out[INSTANCE_PATH_SIZE]);

#endif
