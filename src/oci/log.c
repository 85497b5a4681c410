/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a container's log, see log.h. The file is read in pieces; a line is handed out when all
 * of it is in the buffer.
 */
#include "oci/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { PIECE = 65536, TAIL_PIECE = 8192 };

bool oci_log_line_parse(struct slice line, struct oci_log_line *ret)
{
    struct slice time, stream, tag;
    struct slice rest = line;

    if (!slice_split_next(&rest, ' ', &time) || !slice_split_next(&rest, ' ', &stream) ||
        rest.data == NULL)
        return false;
    tag = slice_head(rest, 1);
    if (!slice_eq_str(tag, "F") && !slice_eq_str(tag, "P"))
        return false;
    *ret = (struct oci_log_line){
        .time = time, .text = slice_from(rest, 2), .full = slice_eq_str(tag, "F")};
    return true;
}

void oci_log_open(struct oci_log *log, const char *bundle)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/log", bundle);

    *log = (struct oci_log){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    buf_init(&log->rest, 2 * PIECE);
}

void oci_log_close(struct oci_log *log)
{
    fd_drop(&log->fd);
    buf_deinit(&log->rest);
}

/* A ring of the places where the last lines began: one more than wanted, as the place after the
 * last line is among them. */
void oci_log_tail(struct oci_log *log, uint64_t count)
{
    uint64_t size = MIN(count, (uint64_t)OCI_LOG_TAIL_MAX) + 1;
    SCOPED(mem_drop) off_t *starts = mem_calloc(size, sizeof *starts);
    char piece[TAIL_PIECE];
    uint64_t lines = 0;
    off_t at = 0;
    ssize_t got;

    while ((got = pread(log->fd, piece, sizeof piece, at)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            if (piece[i] == '\n')
                starts[++lines % size] = at + i + 1;
        at += got;
    }
    log->at = lines < size ? 0 : starts[(lines + 1) % size];
}

/* False at the end of the file, and when a line fills the buffer. */
static bool piece_read(struct oci_log *log)
{
    ssize_t got;
    char *into;

    buf_consume(&log->rest, log->taken);
    log->taken = 0;
    into = buf_reserve(&log->rest, PIECE);
    got = into ? pread(log->fd, into, PIECE, log->at) : 0;
    if (got <= 0)
        return false;
    log->at += got;
    buf_commit(&log->rest, (size_t)got);
    return true;
}

bool oci_log_next(struct oci_log *log, struct oci_log_line *ret)
{
    for (;;) {
        struct slice rest = slice_from(buf_slice(&log->rest), log->taken);
        ptrdiff_t end = slice_find_char(rest, '\n');

        if (end < 0 && !piece_read(log))
            return false;
        if (end < 0)
            continue;
        log->taken += (size_t)end + 1;
        if (oci_log_line_parse(slice_head(rest, (size_t)end), ret))
            return true;
    }
}
