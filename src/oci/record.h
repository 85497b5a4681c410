/* SPDX-License-Identifier: Apache-2.0 */
/* What is on record of a run, in its bundle: for whoever looks later, even when the process that
 * started it was killed in between.
 *
 *   meta.json          written at the start: image, time
 *   termination-log    a file that is mounted into the container: its last words
 *   oom                made by conmon: memory ran out
 *   ended.json         written at the end, with what the two above said
 *
 * Runs of one container are numbered from 0, a folder each: RUNS/0, RUNS/1 ... are bundles.
 *
 * Threads blocking; any thread, one call a bundle at a time
 * Limits  last words of OCI_MESSAGE_MAX bytes, the rest is cut off
 */
#ifndef WEFT_OCI_RECORD_H
#define WEFT_OCI_RECORD_H

#include "base/err.h"
#include "base/prelude.h"
#include "oci/image.h"

enum { OCI_MESSAGE_MAX = 4096 };

struct oci_record {
    char image_id[OCI_DIGEST_SIZE]; /* "" when the start is not on record */
    int64_t started_ms;             /* wall clock */
    /* of the end */
    bool has_ended;
    int exit_code;
    int64_t finished_ms; /* wall clock */
    bool out_of_memory;
    char message[OCI_MESSAGE_MAX + 1]; /* the last words; "": none */
};

/* Notes a start: image_id and started_ms. */
MUST_USE int oci_record_start(const char *bundle, const struct oci_record *record,
                              struct error *err);
/* Fills out_of_memory and message from what the program and conmon left. Quick: two small files. */
void oci_record_leavings(const char *bundle, struct oci_record *record);
/* Notes the end, all but image_id. A record that cannot be written is as good as none. */
void oci_record_end(const char *bundle, const struct oci_record *record);
/* What is known. ERR_NOT_FOUND: neither start nor end is on record. */
MUST_USE int oci_record_read(const char *bundle, struct oci_record *ret);
/* The number of the latest run whose start is on record, below the folder of a container's runs.
 * ERR_NOT_FOUND: none. */
MUST_USE int oci_record_latest(const char *runs_path, unsigned *ret);

#endif
