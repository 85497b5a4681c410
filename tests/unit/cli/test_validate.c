/* SPDX-License-Identifier: Apache-2.0 */
/* weft validate on files, good and bad: what is said on standard error, and the exit code.
 */
#include "capture.h"

#include "base/mem.h"
#include "cli/cli.h"

struct folder {
    char path[64];
};

static int set_up(void **state)
{
    struct folder *folder = MEM_NEW(struct folder);

    snprintf(folder->path, sizeof folder->path, "/tmp/weft-test-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    struct folder *folder = *state;

    rmdir(folder->path);
    mem_free(folder);
    return 0;
}

#define ROUTE(extra)                                                                               \
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\n"              \
    "spec: {hosts: [a], http: [{route: [{destination: {host: b}" extra "}]}]}\n"

static void files(void **state)
{
    static const struct {
        const char *text;
        const char *err; /* with FILE for the file's name; a part of what is said */
        int code;
    } cases[] = {
        {ROUTE(""), "\"FILE\" is valid\n", 0},
        {"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: x}]}\n",
         "\"FILE\" is valid\n", 0},
        {"apiVersion: example.org/v1\nkind: Unknown\nspec: 1\n", "\"FILE\" is valid\n", 0},
        {"", "\"FILE\" is valid\n", 0},
        {ROUTE(", weight: -5"),
         "Error: 1 error occurred:\n\t* VirtualService/default/r: spec.http[0].route[0].weight", 1},
        {ROUTE("") "---\n" ROUTE(", weigth: 5") "---\n" ROUTE(", weight: x"),
         "Error: 2 errors occurred:\n\t* VirtualService/default/r: ", 1},
        {"a: [1", "Error: 1 error occurred:\n\t* FILE", 1},
    };
    const struct folder *folder = *state;
    SCOPED(mem_drop) char *path = mem_printf("%s/x.yaml", folder->path);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *argv[] = {(char *)(uintptr_t) "istioctl", (char *)(uintptr_t) "validate",
                        (char *)(uintptr_t) "-f", path, NULL};
        const char *mark = strstr(cases[i].err, "FILE");
        SCOPED(mem_drop)
        char *wanted =
            mark ? mem_printf("%.*s%s%s", (int)(mark - cases[i].err), cases[i].err, path, mark + 4)
                 : mem_strdup(cases[i].err);
        struct capture capture;

        assert_int_equal(file_write(path, slice_str(cases[i].text), 0600, NULL), 0);
        capture_run(&capture, cli_main, 4, argv, NULL, NULL);
        if (capture.code != cases[i].code || !strstr(capture.err.data, wanted) || *capture.out.data)
            fail_msg("case %zu: exit %d, err \"%s\"", i, capture.code, capture.err.data);
        capture_deinit(&capture);
    }
    unlink(path);
}

/* Every file has its say, and a file that is not there is a fault like others. */
static void several(void **state)
{
    const struct folder *folder = *state;
    SCOPED(mem_drop) char *path = mem_printf("%s/x.yaml", folder->path);
    char *argv[] = {(char *)(uintptr_t) "istioctl",
                    (char *)(uintptr_t) "validate",
                    (char *)(uintptr_t) "-f",
                    (char *)(uintptr_t) "/nosuch.yaml",
                    (char *)(uintptr_t) "-f",
                    path,
                    NULL};
    SCOPED(mem_drop) char *valid = mem_printf("\"%s\" is valid\n", path);
    struct capture capture;

    assert_int_equal(file_write(path, SLICE(ROUTE("")), 0600, NULL), 0);
    capture_run(&capture, cli_main, 6, argv, NULL, NULL);
    assert_int_equal(capture.code, 1);
    assert_non_null(strstr(capture.err.data, valid));
    assert_non_null(strstr(capture.err.data, "Error: 1 error occurred:\n\t* /nosuch.yaml"));
    capture_deinit(&capture);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
