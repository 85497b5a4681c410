/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what `kubectl describe` tells of an object's life.
 *
 * Place   controllers and the node agent
 * Owns    nothing
 * Limits  an Event is sent once and not tried again: nothing depends on it. A repeated one is
 *         written anew; the API server may fold them
 * Spec    Kubernetes API, Event v1 (core)
 */
#ifndef WEFT_KUBE_EVENT_H
#define WEFT_KUBE_EVENT_H

#include "base/prelude.h"
#include "kube/client.h"

/* Borrowed until return. Zero-initialise. */
struct kube_event {
    const json_t *object;   /* that it is about, with apiVersion and kind; required */
    const char *field_path; /* within it: "spec.containers{web}"; NULL: the whole object */
    bool warning;
    const char *reason;    /* "Scheduled" */
    const char *message;   /* a sentence; bytes that are not UTF-8 are replaced */
    const char *component; /* who tells it: "kubelet" */
    const char *host;      /* where that runs; NULL: nowhere in particular */
};

/* The Event's JSON, with a name of its own, in the object's namespace ("default" for an object
 * without one). New reference. */
json_t *kube_event_new(const struct kube_event *event, int64_t now_ms);
/* Writes it and forgets it: a failure is only seen in the log, at debug. */
void kube_event_record(struct kube_client *client, const struct kube_event *event);

#endif
