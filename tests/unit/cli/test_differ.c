/* SPDX-License-Identifier: Apache-2.0 */
/* Differences of trees, as people read them.
 */
#include "capture.h"

#include "cli/differ.h"

/* argv: before, after ("" is absent). The exit code is the count. */
static int differ_main(int argc, char **argv)
{
    json_t *trees[2] = {NULL, NULL};
    size_t count;

    for (int i = 0; i < 2 && i < argc; i++)
        if (*argv[i])
            assert_int_equal(json_parse(slice_str(argv[i]), NULL, &trees[i], NULL), 0);
    count = differ_print(trees[0], trees[1], 2);
    json_decref(trees[0]);
    json_decref(trees[1]);
    return (int)count;
}

static void differences(void **state)
{
    static const struct {
        const char *before, *after, *lines;
        int count;
    } cases[] = {
        {"{\"a\":1}", "{\"a\":1}", "", 0},
        {"{\"a\":1}", "{\"a\":2}", "  a: 1 -> 2\n", 1},
        {"{\"a\":{\"b\":\"x\"}}", "{\"a\":{\"b\":\"y z\"}}", "  a.b: x -> y z\n", 1},
        {"{\"a\":1}", "{\"b\":[]}", "  a: 1 -> (absent)\n  b: (absent) -> []\n", 2},
        {"{\"a\":[1,2,3]}", "{\"a\":[1,3]}", "  a[1]: 2 -> 3\n  a[2]: 3 -> (absent)\n", 2},
        {"{\"a.b/c\":true}", "{\"a.b/c\":null}", "  [\"a.b/c\"]: true -> null\n", 1},
        {"{\"a\":{}}", "{\"a\":[]}", "  a: {} -> []\n", 1},
        {"", "{}", "  : (absent) -> {}\n", 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *argv[] = {(char *)(uintptr_t)cases[i].before, (char *)(uintptr_t)cases[i].after,
                        NULL};
        struct capture capture;

        capture_run(&capture, differ_main, 2, argv, NULL, NULL);
        assert_string_equal(capture.out.data, cases[i].lines);
        assert_int_equal(capture.code, cases[i].count);
        capture_deinit(&capture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(differences)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
