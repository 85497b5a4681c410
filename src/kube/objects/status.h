/* SPDX-License-Identifier: Apache-2.0 */
/* Status objects: what a server of the Kubernetes API says of a request that failed, or that leaves
 * no object to show; and what a client makes of one.
 *
 * Resources and kinds are named with their group behind them, "pods", "deployments.apps",
 * "Scale.autoscaling": so they stand in the sentences, and details take them apart.
 *
 * Place   a server's answers; client.c
 * Owns    nothing; returns new trees, the caller's
 * Spec    meta/v1 Status, StatusDetails, StatusCause; sentences of apimachinery's api/errors
 */
#ifndef WEFT_KUBE_OBJECTS_STATUS_H
#define WEFT_KUBE_OBJECTS_STATUS_H

#include "base/buf.h"
#include "base/prelude.h"
#include "wire/json.h"

/* Success below 400, else Failure. reason "" is left out; details (taken) may be NULL. */
json_t *kube_status_new(unsigned code, const char *reason, const char *message, json_t *details);
/* {name, group, kind}; what is "" is left out. */
json_t *kube_status_details(const char *what, const char *name);

/* 404, `pods "a" not found`. */
json_t *kube_status_not_found(const char *what, const char *name);
/* 409, `pods "a" already exists`. */
json_t *kube_status_exists(const char *what, const char *name);
/* 409, `Operation cannot be fulfilled on pods "a": WHY`. */
json_t *kube_status_conflict(const char *what, const char *name, const char *why);
/* 422 with `causes` sorted by field, each once: [{reason, message, field}]. `what` is a kind, or ""
 * for none. */
json_t *kube_status_invalid(const char *what, const char *name, const json_t *causes);
/* Success of a delete whose object is gone: its name and uid are in the details. */
json_t *kube_status_deleted(const char *what, const json_t *object);

/* 0 below 400, else an answer as a code of base/err.h: see struct kube_result. `status` may be
 * NULL. */
int kube_status_error(unsigned code, const json_t *status);

/* Appends the value of a Warning header: `299 - "TEXT"`. */
void kube_warning_append(struct buf *out, const char *text);

#endif
