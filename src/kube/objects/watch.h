/* SPDX-License-Identifier: Apache-2.0 */
/* What a watch says: one JSON event a line.
 *
 *   {"type":"ADDED","object":{...}}
 *   {"type":"BOOKMARK","object":{"kind":...,"metadata":{"resourceVersion":"7",...}}}
 *
 * Place   a server's watches (kube/cache.h is who reads them)
 * Owns    nothing: lines are appended to the caller's buffer, which has its own maximum
 * Spec    Kubernetes API concepts, "Efficient detection of changes", "Watch bookmarks"
 */
#ifndef WEFT_KUBE_OBJECTS_WATCH_H
#define WEFT_KUBE_OBJECTS_WATCH_H

#include "base/buf.h"
#include "base/prelude.h"
#include "kube/objects/selector.h"
#include "wire/json.h"

/* What one who sees through the filter hears of a change from `old` to `now` (NULL: not there):
 * "ADDED", "MODIFIED", "DELETED" (it left the filter's sight, or is gone), NULL: nothing. */
const char *kube_watch_type(const struct kube_filter *filter, const json_t *old, const json_t *now);
/* An event about an object whose encoding is there already. */
void kube_watch_line(const char *type, struct slice object_text, struct buf *out);
void kube_watch_line_tree(const char *type, const json_t *object, struct buf *out);
/* How far the watch has come; initial_end: the objects that were there from the start are told. */
void kube_watch_bookmark(const char *api_version, const char *kind, uint64_t revision,
                         bool initial_end, struct buf *out);

#endif
