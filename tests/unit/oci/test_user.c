/* SPDX-License-Identifier: Apache-2.0 */
/* Users of images: names through the topmost files, numbers, what overrules them. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "oci/user.h"

static char folder[64];

static void file_put(const char *layer, const char *leaf, const char *text)
{
    SCOPED(mem_drop) char *etc = mem_printf("%s/%s/etc", folder, layer);
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", etc, leaf);
    struct error err = {0};

    if (file_make_dirs(etc, 0755, &err) < 0 || file_write(path, slice_str(text), 0644, &err) < 0)
        fail_msg("%s", err.reason);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/weft-test-user-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    file_put("low", "passwd", "app:x:1:1::/:/bin/sh\n");
    file_put("low", "group", "staff:x:50:\nbroken\n");
    file_put("high", "passwd", "root:x:0:0::/:/bin/sh\n\napp:x:100:101::/:/bin/sh\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

static int resolve(const char *user, struct oci_user wish, struct oci_user *ret, struct error *err)
{
    SCOPED(mem_drop) char *low = mem_printf("%s/low", folder);
    SCOPED(mem_drop) char *high = mem_printf("%s/high", folder);
    SCOPED(json_drop) json_t *config = json_object();
    struct oci_image image = {.config = config, .layers = {low, high}, .layer_count = 2};

    if (user)
        json_object_set_new(config, "User", json_string(user));
    return oci_user_resolve(&image, wish, ret, err);
}

static void users_become_numbers(void **state)
{
    static const struct {
        const char *user; /* of the image; NULL: none */
        struct oci_user wish, expected;
    } cases[] = {
        {NULL, {-1, -1}, {0, 0}},           {"app", {-1, -1}, {100, 101}},
        {"app:staff", {-1, -1}, {100, 50}}, {"app:7", {-1, -1}, {100, 7}},
        {"100", {-1, -1}, {100, 101}},      {"4000", {-1, -1}, {4000, 0}},
        {"app", {5, -1}, {5, 0}},           {"app", {100, -1}, {100, 101}},
        {"app", {-1, 9}, {100, 9}},         {"app", {0, 0}, {0, 0}},
        {"nobody", {5, 6}, {5, 6}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct oci_user user = {-1, -1};
        struct error err = {0};

        if (resolve(cases[i].user, cases[i].wish, &user, &err) < 0)
            fail_msg("%s: %s", cases[i].user, err.reason);
        assert_int_equal(user.uid, cases[i].expected.uid);
        assert_int_equal(user.gid, cases[i].expected.gid);
    }
}

static void unknown_names_are_told(void **state)
{
    struct oci_user user = {7, 7};
    struct error err = {0};

    (void)state;
    assert_int_equal(resolve("nobody", (struct oci_user){-1, -1}, &user, &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "\"nobody\""));
    assert_int_equal(resolve("app:none", (struct oci_user){-1, -1}, &user, &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "\"none\""));
    assert_int_equal(user.uid, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_become_numbers),
        cmocka_unit_test(unknown_names_are_told),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
