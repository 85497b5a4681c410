/* SPDX-License-Identifier: Apache-2.0 */
/* A layout that the test writes: names, manifests, what is refused. Unpacking a layer makes
 * devices: only as root. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "io/process.h"
#include "oci/image.h"

#define HEX(digit) digit digit digit digit digit digit digit digit
#define DIGEST(digit)                                                                              \
    HEX(digit) HEX(digit) HEX(digit) HEX(digit) HEX(digit) HEX(digit) HEX(digit) HEX(digit)
#define REF "org.opencontainers.image.ref.name"

static char folder[64];
static struct oci_store store;

static void put(const char *leaf, const char *text)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/layout/%s", folder, leaf);
    struct error err = {0};

    if (file_write(path, slice_str(text), 0644, &err) < 0)
        fail_msg("%s", err.reason);
}

/* Makes an uncompressed layer out of what `script` leaves in its working folder. */
static void layer_put(const char *leaf, const char *script)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/layout/%s", folder, leaf);
    SCOPED(mem_drop) char *made = mem_printf("%s/made", folder);
    SCOPED(mem_drop) char *line = mem_printf("%s; tar -cf %s .", script, path);
    const char *argv[] = {"sh", "-ec", line, NULL};
    struct process_options options = {.argv = argv, .folder = made, .timeout_ms = 30000};
    struct error err = {0};

    if (file_make_dirs(made, 0755, &err) < 0 || process_run(&options, NULL, &err) != 0 ||
        file_remove_tree(made, &err) < 0)
        fail_msg("%s", err.reason);
}

static int set_up(void **state)
{
    SCOPED(mem_drop) char *blobs = NULL;
    struct error err = {0};

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/weft-test-image-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    blobs = mem_printf("%s/layout/blobs/sha256", folder);
    snprintf(store.layout_path, sizeof store.layout_path, "%s/layout", folder);
    snprintf(store.cache_path, sizeof store.cache_path, "%s/cache", folder);
    if (file_make_dirs(blobs, 0755, &err) < 0 || file_make_dirs(store.cache_path, 0755, &err) < 0)
        return -1;
    put("index.json",
        "{\"manifests\": ["
        "{\"digest\": \"sha256:" DIGEST(
            "9") "\", \"annotations\": {\"" REF "\": \"twice:1\"}},"
                 "{\"digest\": \"sha256:" DIGEST(
                     "1") "\", \"annotations\": {\"" REF "\": \"twice:1\"}},"
                          "{\"digest\": \"sha256:" DIGEST(
                              "1") "\", \"annotations\": {\"" REF
                                   "\": \"docker.io/library/plain:latest\"}},"
                                   "{\"digest\": \"sha256:" DIGEST(
                                       "2") "\", \"annotations\": {\"" REF "\": \"many:1\"}},"
                                            "{\"digest\": \"sha256:" DIGEST(
                                                "4") "\", \"annotations\": {\"" REF
                                                     "\": \"layers:1\"}},"
                                                     "{\"digest\": \"sha256:../../../etc\", "
                                                     "\"annotations\": {\"" REF
                                                     "\": \"outside:1\"}},"
                                                     "{\"digest\": \"sha256:" DIGEST(
                                                         "5") "\", \"annotations\": {\"" REF
                                                              "\": \"bad:1\"}}]}");
    put("blobs/sha256/" DIGEST("1"),
        "{\"config\": {\"digest\": \"sha256:" DIGEST("a") "\"}, \"layers\": []}");
    put("blobs/sha256/" DIGEST("2"),
        "{\"manifests\": [{\"platform\": {\"os\": \"linux\", \"architecture\": \"riscv64\"}, "
        "\"digest\": \"sha256:" DIGEST("1") "\"}]}");
    put("blobs/sha256/" DIGEST("4"),
        "{\"config\": {\"digest\": \"sha256:" DIGEST("a") "\"}, \"layers\": [{\"digest\": "
                                                          "\"sha256:" DIGEST("b") "\"}]}");
    put("blobs/sha256/" DIGEST("5"),
        "{\"config\": {\"digest\": \"sha256:" DIGEST("a") "\"}, \"layers\": [{\"digest\": "
                                                          "\"sha256:../../b\"}]}");
    put("blobs/sha256/" DIGEST("a"), "{\"config\": {\"Cmd\": [\"c\"]}}");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

static void names_are_completed(void **state)
{
    static const char *const present[] = {
        "plain",         "plain:latest", "docker.io/library/plain",
        "library/plain", "twice:1",      "any/name@sha256:" DIGEST("1"),
    };
    static const char *const absent[] = {
        "plain:2", "quay.io/plain", "localhost/plain",
        "twice",   "outside:1",     "plain@sha256:" DIGEST("3"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(present); i++)
        if (!oci_image_is_present(&store, present[i]))
            fail_msg("%s is not found", present[i]);
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        if (oci_image_is_present(&store, absent[i]))
            fail_msg("%s is found", absent[i]);
}

static void the_last_of_a_name_is_taken(void **state)
{
    struct oci_image *image = NULL;
    struct error err = {0};

    (void)state;
    if (oci_image_prepare(&store, "twice:1", false, &image, &err) < 0)
        fail_msg("%s", err.reason);
    assert_string_equal(image->digest, "sha256:" DIGEST("1"));
    assert_string_equal(json_path_string_or(image->config, "Cmd[0]", ""), "c");
    assert_int_equal(image->layer_count, 0);
    oci_image_free(image);
}

static void what_cannot_be_had_is_told(void **state)
{
    static const struct {
        const char *name;
        int rc;
        const char *reason;
    } cases[] = {
        {"no/such:1", ERR_NOT_FOUND, "\"no/such:1\" is not in the store"},
        {"many:1", ERR_NOT_FOUND, "no variant for linux/"},
        {"bad:1", ERR_INVALID, "\"sha256:../../b\" is not a sha256"},
    };
    struct oci_store nowhere = store;
    struct oci_image *image = NULL;
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(oci_image_prepare(&store, cases[i].name, false, &image, &err),
                         cases[i].rc);
        if (!strstr(err.reason, cases[i].reason))
            fail_msg("%s: %s", cases[i].name, err.reason);
    }
    snprintf(nowhere.layout_path, sizeof nowhere.layout_path, "%s/nowhere", folder);
    assert_int_equal(oci_image_prepare(&nowhere, "plain", false, &image, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.reason, nowhere.layout_path));
    assert_null(image);
}

static void layers_are_unpacked_with_whiteouts(void **state)
{
    SCOPED(mem_drop) char *gone = mem_printf("%s/" DIGEST("b") "/gone", store.cache_path);
    SCOPED(mem_drop) char *opaque = mem_printf("%s/" DIGEST("b") "/new", store.cache_path);
    struct oci_image *image = NULL;
    struct error err = {0};
    struct stat status;
    char mark[2] = "";

    (void)state;
    if (geteuid() != 0)
        skip();
    layer_put("blobs/sha256/" DIGEST("b"),
              "mkdir new; echo text > new/file; touch .wh.gone new/.wh..wh..opq");
    for (int round = 0; round < 2; round++) { /* the second finds it unpacked */
        if (oci_image_prepare(&store, "layers:1", false, &image, &err) < 0)
            fail_msg("%s", err.reason);
        assert_int_equal(image->layer_count, 1);
        assert_int_equal(lstat(gone, &status), 0);
        assert_true(S_ISCHR(status.st_mode) && status.st_rdev == 0);
        assert_int_equal(getxattr(opaque, "trusted.overlay.opaque", mark, sizeof mark), 1);
        assert_int_equal(mark[0], 'y');
        oci_image_free(image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_completed),
        cmocka_unit_test(the_last_of_a_name_is_taken),
        cmocka_unit_test(what_cannot_be_had_is_told),
        cmocka_unit_test(layers_are_unpacked_with_whiteouts),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
