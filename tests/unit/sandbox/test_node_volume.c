/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes on the disk. What they hold is tests/unit/kube/test_pod.c's, how files are swapped is
 * tests/unit/base/test_file_set.c's.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "sandbox/node_volume.h"

static int write_as(const char *content_text, const char *folder, struct error *err)
{
    SCOPED(json_drop) json_t *content = NULL;

    assert_int_equal(json_parse(slice_str(content_text), NULL, &content, err), 0);
    return node_volume_write(folder, content, -1, err);
}

static void each_kind_is_written(void **state)
{
    SCOPED(mem_drop) char *folder = mem_printf("/tmp/weft-test-volume-%d", (int)getpid());
    SCOPED(mem_drop) char *files = mem_printf("%s/files", folder);
    SCOPED(mem_drop) char *key = mem_printf("%s/key", files);
    SCOPED(mem_drop) char *empty = mem_printf("%s/empty", folder);
    SCOPED(mem_drop) char *host = mem_printf("%s/host", folder);
    SCOPED(mem_drop)
    char *host_content =
        mem_printf("{\"kind\": \"host\", \"path\": \"%s\", \"create\": \"dir\"}", host);
    SCOPED(buf_deinit) struct buf got;
    struct error err = {0};
    struct stat status;

    (void)state;
    buf_init(&got, 4096);
    assert_int_equal(
        write_as("{\"kind\": \"files\", \"files\": [{\"path\": \"key\", \"mode\": 256, "
                 "\"base64\": \"aHVzaA==\"}]}",
                 files, &err),
        0);
    assert_int_equal(file_read(key, &got, &err), 0);
    assert_slice(buf_slice(&got), "hush");
    assert_int_equal(write_as("{\"kind\": \"empty\"}", empty, &err), 0);
    assert_int_equal(stat(empty, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0777);
    assert_int_equal(write_as(host_content, NULL, &err), 0);
    assert_true(file_exists(host));
    assert_int_equal(file_remove_tree(folder, &err), 0);
}

static void what_cannot_be_written_is_named(void **state)
{
    static const struct {
        const char *content;
        int code;
        const char *words;
    } cases[] = {
        {"{\"kind\": \"files\", \"files\": [{\"path\": \"key\", \"base64\": \"?\"}]}", ERR_INVALID,
         "key"},
        {"{\"kind\": \"host\", \"path\": \"/no/such/path\"}", ERR_NOT_FOUND, "/no/such/path"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        assert_int_equal(write_as(cases[i].content, "/tmp/weft-test-never", &err), cases[i].code);
        if (!strstr(err.reason, cases[i].words))
            fail_msg("%s", err.reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_written),
        cmocka_unit_test(what_cannot_be_written_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
