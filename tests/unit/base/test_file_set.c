/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of files that changes as a whole. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_set.h"
#include "base/mem.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/weft-test-file-set-%d", (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

static void content_check(const char *name, const char *text)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", folder, name);
    SCOPED(buf_deinit) struct buf got;
    struct error err = {0};

    buf_init(&got, 4096);
    if (file_read(path, &got, &err) < 0)
        fail_msg("%s: %s", name, err.reason);
    assert_slice(buf_slice(&got), text);
}

static unsigned mode_of(const char *name)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", folder, name);
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 0777;
}

/* Where ..data leads. mem_free it. */
static char *data_folder(void)
{
    SCOPED(mem_drop) char *link = mem_printf("%s/..data", folder);
    char target[64] = "";

    assert_true(readlink(link, target, sizeof target - 1) > 0);
    return mem_printf("%s/%s", folder, target);
}

static void files_change_all_at_once(void **state)
{
    const struct file_set_item first[] = {{"key", SLICE("old"), 0400},
                                          {"dir/token", SLICE("t"), 0644}};
    const struct file_set_item second[] = {{"key", SLICE("new"), 0600}};
    SCOPED(mem_drop) char *before = NULL;
    SCOPED(mem_drop) char *after = NULL;
    struct error err = {0};

    (void)state;
    if (file_set_write(folder, first, ARRAY_LEN(first), -1, &err) < 0)
        fail_msg("%s", err.reason);
    content_check("key", "old");
    content_check("dir/token", "t");
    assert_int_equal(mode_of("key"), 0400);
    before = data_folder();
    if (file_set_write(folder, second, ARRAY_LEN(second), (int64_t)getgid(), &err) < 0)
        fail_msg("%s", err.reason);
    content_check("key", "new");
    assert_int_equal(mode_of("key"), 0640); /* the group reads what the owner reads */
    after = data_folder();
    assert_string_not_equal(before, after);
    assert_false(file_exists(before));
}

static void a_failure_leaves_the_old_files(void **state)
{
    const struct file_set_item fine[] = {{"key", SLICE("kept"), 0644}};
    const struct file_set_item bad[] = {{"key", SLICE("lost"), 0644},
                                        {"key/below", SLICE(""), 0644}};
    struct error err = {0};

    (void)state;
    assert_int_equal(file_set_write(folder, fine, ARRAY_LEN(fine), -1, &err), 0);
    assert_true(file_set_write(folder, bad, ARRAY_LEN(bad), -1, &err) < 0);
    content_check("key", "kept");
}

static void a_folder_takes_what_its_files_take(void **state)
{
    static const char bytes[100000];
    const struct file_set_item items[] = {{"big", slice_make(bytes, sizeof bytes), 0644}};
    struct error err = {0};
    uint64_t before, after;

    (void)state;
    assert_int_equal(file_set_write(folder, NULL, 0, -1, &err), 0);
    assert_int_equal(file_tree_size(folder, &before, &err), 0);
    assert_int_equal(file_set_write(folder, items, ARRAY_LEN(items), -1, &err), 0);
    assert_int_equal(file_tree_size(folder, &after, &err), 0);
    assert_in_range(after - before, sizeof bytes, 2 * sizeof bytes); /* links take nothing more */
    assert_int_equal(file_tree_size("/no/such/folder", &after, &err), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_change_all_at_once),
        cmocka_unit_test(a_failure_leaves_the_old_files),
        cmocka_unit_test(a_folder_takes_what_its_files_take),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
