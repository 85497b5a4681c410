/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts, see mounts.h. */
#include "io/mounts.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/mount.h>

int mounts_remove_below(const char *prefix, struct error *err)
{
    SCOPED(buf_deinit) struct buf text;
    SCOPED(mem_drop) char *inside = mem_printf("%s/", prefix);
    const char **places = NULL;
    size_t count = 0;
    struct slice rest, line;
    int rc;

    buf_init(&text, 16 << 20);
    rc = file_read("/proc/self/mounts", &text, err);
    if (rc < 0)
        return rc;
    rest = buf_slice(&text);
    places = mem_calloc(text.len / 8 + 1, sizeof *places);
    while (slice_split_next(&rest, '\n', &line)) {
        struct slice source, place;

        if (!slice_split_next(&line, ' ', &source) || !slice_split_next(&line, ' ', &place) ||
            !slice_starts_with(place, slice_str(inside)))
            continue;
        text.data[place.data + place.len - text.data] = '\0';
        places[count++] = place.data;
    }
    while (count-- > 0)
        if (umount2(places[count], MNT_DETACH) < 0 && errno != EINVAL)
            rc = err_set(err, err_from_errno(errno), "cannot unmount %s: %s", places[count],
                         strerror(errno));
    mem_free(places);
    return rc;
}
