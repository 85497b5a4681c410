/* SPDX-License-Identifier: Apache-2.0 */
/* See record.h. */
#include "oci/record.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/json.h"

#include <dirent.h>
#include <stdio.h>

static int file_put(const char *bundle, const char *leaf, const json_t *value, struct error *err)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", bundle, leaf);
    SCOPED(mem_drop) char *text = json_format_str(value, JSON_FORMAT_COMPACT);

    return file_write(path, slice_str(text), 0600, err);
}

/* NULL: absent, or no JSON. A new reference. */
static json_t *file_get(const char *bundle, const char *leaf)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", bundle, leaf);
    SCOPED(buf_deinit) struct buf text;
    json_t *out = NULL;

    buf_init(&text, 65536);
    if (file_read(path, &text, NULL) < 0 || json_parse(buf_slice(&text), NULL, &out, NULL) < 0)
        return NULL;
    return out;
}

int oci_record_start(const char *bundle, const struct oci_record *record, struct error *err)
{
    SCOPED(json_drop)
    json_t *meta = json_pack("{s:I,s:s}", "startedMs", (json_int_t)record->started_ms, "imageId",
                             record->image_id);

    return file_put(bundle, "meta.json", meta, err);
}

void oci_record_leavings(const char *bundle, struct oci_record *record)
{
    SCOPED(mem_drop) char *message = mem_printf("%s/termination-log", bundle);
    SCOPED(mem_drop) char *oom = mem_printf("%s/oom", bundle);
    SCOPED(buf_deinit) struct buf text;

    buf_init(&text, 1 << 20);
    record->message[0] = '\0';
    if (file_read(message, &text, NULL) == 0)
        snprintf(record->message, sizeof record->message, "%.*s",
                 SLICE_ARG(slice_head(buf_slice(&text), OCI_MESSAGE_MAX)));
    record->out_of_memory = file_exists(oom);
}

void oci_record_end(const char *bundle, const struct oci_record *record)
{
    SCOPED(json_drop)
    json_t *ended = json_pack("{s:i,s:I,s:I,s:b,s:o}", "exitCode", record->exit_code, "startedMs",
                              (json_int_t)record->started_ms, "finishedMs",
                              (json_int_t)record->finished_ms, "oom", (int)record->out_of_memory,
                              "message", json_string_slice(slice_str(record->message)));
    struct error err = {0};

    if (file_put(bundle, "ended.json", ended, &err) < 0)
        log_debug(node, "%s", err.reason);
}

int oci_record_read(const char *bundle, struct oci_record *ret)
{
    SCOPED(json_drop) json_t *meta = file_get(bundle, "meta.json");
    SCOPED(json_drop) json_t *ended = file_get(bundle, "ended.json");

    if (!meta && !ended)
        return ERR_NOT_FOUND;
    *ret = (struct oci_record){
        .has_ended = ended != NULL,
        .started_ms = json_get_int(ended ? ended : meta, "startedMs", 0),
        .exit_code = (int)json_get_int(ended, "exitCode", 255),
        .finished_ms = json_get_int(ended, "finishedMs", 0),
        .out_of_memory = json_get_bool(ended, "oom", false),
    };
    snprintf(ret->image_id, sizeof ret->image_id, "%s", json_path_string_or(meta, "imageId", ""));
    snprintf(ret->message, sizeof ret->message, "%s", json_path_string_or(ended, "message", ""));
    return 0;
}

int oci_record_latest(const char *runs_path, unsigned *ret)
{
    DIR *folder = opendir(runs_path);
    int rc = ERR_NOT_FOUND;

    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        SCOPED(mem_drop) char *meta = mem_printf("%s/%s/meta.json", runs_path, entry->d_name);
        uint64_t number;

        if (slice_parse_u64(slice_str(entry->d_name), UINT32_MAX, &number) < 0 ||
            !file_exists(meta) || (rc == 0 && number < *ret))
            continue;
        rc = 0;
        *ret = (unsigned)number;
    }
    if (folder)
        closedir(folder);
    return rc;
}
