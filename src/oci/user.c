/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the image's /etc/passwd and /etc/group, the topmost layer's.
 *
 *   passwd  name:x:UID:GID:...       group  name:x:GID:...
 */
#include "oci/user.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"

enum { FILE_MAX = 1 << 20 };

/* Looks for a line "name:x:number:second" by name, or by number when name is one. */
static bool passwd_line_find(struct slice text, struct slice wanted, int64_t *ret_first,
                             int64_t *ret_second)
{
    struct slice line;

    while (slice_split_next(&text, '\n', &line)) {
        struct slice fields[4] = {0};
        size_t count = 0;

        while (count < 4 && slice_split_next(&line, ':', &fields[count]))
            count++;
        if (count < 3 || (!slice_eq(fields[0], wanted) && !slice_eq(fields[2], wanted)))
            continue;
        if (slice_parse_i64(fields[2], ret_first) < 0)
            continue;
        if (count < 4 || slice_parse_i64(fields[3], ret_second) < 0)
            *ret_second = 0;
        return true;
    }
    return false;
}

static bool image_file_find(const struct oci_image *image, const char *path, struct slice wanted,
                            int64_t *ret_first, int64_t *ret_second)
{
    for (size_t i = image->layer_count; i-- > 0;) {
        SCOPED(mem_drop) char *full = mem_printf("%s%s", image->layers[i], path);
        SCOPED(buf_deinit) struct buf text;

        buf_init(&text, FILE_MAX);
        if (file_read(full, &text, NULL) == 0)
            return passwd_line_find(buf_slice(&text), wanted, ret_first, ret_second);
    }
    return false;
}

/* The image's "user[:group]", names or numbers. */
static int user_of_image(const struct oci_image *image, struct oci_user *ret, struct error *err)
{
    struct slice rest = slice_str(json_path_string_or(image->config, "User", ""));
    struct slice user = {0};
    struct slice group = {0};
    int64_t ignored;

    if (rest.len == 0)
        return 0;
    slice_split_next(&rest, ':', &user);
    slice_split_next(&rest, ':', &group);
    if (!image_file_find(image, "/etc/passwd", user, &ret->uid, &ret->gid) &&
        slice_parse_i64(user, &ret->uid) < 0)
        return err_set(err, ERR_INVALID, "the image's user \"%.*s\" is not in its /etc/passwd",
                       SLICE_ARG(user));
    if (group.len && !image_file_find(image, "/etc/group", group, &ret->gid, &ignored) &&
        slice_parse_i64(group, &ret->gid) < 0)
        return err_set(err, ERR_INVALID, "the image's group \"%.*s\" is not in its /etc/group",
                       SLICE_ARG(group));
    return 0;
}

int oci_user_resolve(const struct oci_image *image, struct oci_user wish, struct oci_user *ret,
                     struct error *err)
{
    struct oci_user user = {0};
    int rc = user_of_image(image, &user, err);

    if (rc < 0 && wish.uid < 0)
        return rc;
    if (wish.uid >= 0) {
        char text[24];
        int64_t ignored;

        user = (struct oci_user){.uid = wish.uid};
        snprintf(text, sizeof text, "%lld", (long long)wish.uid);
        image_file_find(image, "/etc/passwd", slice_str(text), &ignored, &user.gid);
    }
    if (wish.gid >= 0)
        user.gid = wish.gid;
    *ret = user;
    return 0;
}
