/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle tells of its run to whoever comes later. */
#include "test.h"

#include "base/file.h"
#include "base/mem.h"
#include "oci/record.h"

#include <stdio.h>
#include <stdlib.h>

struct world {
    char runs[64]; /* the folder of a container's runs */
    char bundle[96];
};

static void begin(struct world *w)
{
    snprintf(w->runs, sizeof w->runs, "/tmp/weft-test-XXXXXX");
    assert_non_null(mkdtemp(w->runs));
    snprintf(w->bundle, sizeof w->bundle, "%s/0", w->runs);
    assert_int_equal(file_make_dirs(w->bundle, 0755, NULL), 0);
}

static void end(const struct world *w)
{
    assert_int_equal(file_remove_tree(w->runs, NULL), 0);
}

static void leave(const char *bundle, const char *leaf, const char *text)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", bundle, leaf);

    assert_int_equal(file_write(path, slice_str(text), 0600, NULL), 0);
}

static void a_start_and_an_end_are_read_back(void **state)
{
    const struct oci_record start = {.image_id = "sha256:12", .started_ms = 1000};
    struct oci_record done = {.started_ms = 1000, .finished_ms = 2000, .exit_code = 3};
    struct oci_record got;
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(oci_record_read(w.bundle, &got), ERR_NOT_FOUND);
    assert_int_equal(oci_record_start(w.bundle, &start, NULL), 0);
    assert_int_equal(oci_record_read(w.bundle, &got), 0);
    assert_string_equal(got.image_id, "sha256:12");
    assert_int_equal(got.started_ms, 1000);
    assert_false(got.has_ended);
    oci_record_end(w.bundle, &done);
    assert_int_equal(oci_record_read(w.bundle, &got), 0);
    assert_true(got.has_ended);
    assert_int_equal(got.exit_code, 3);
    assert_int_equal(got.finished_ms, 2000);
    assert_false(got.out_of_memory);
    assert_string_equal(got.message, "");
    assert_string_equal(got.image_id, "sha256:12");
    end(&w);
}

static void the_end_takes_up_what_was_left(void **state)
{
    struct oci_record done = {.exit_code = 137};
    struct oci_record got;
    struct world w;
    char *longer = mem_zalloc(OCI_MESSAGE_MAX + 11);

    (void)state;
    begin(&w);
    leave(w.bundle, "oom", "");
    leave(w.bundle, "termination-log", "last words");
    oci_record_leavings(w.bundle, &done);
    oci_record_end(w.bundle, &done);
    assert_true(done.out_of_memory);
    assert_string_equal(done.message, "last words");
    assert_int_equal(oci_record_read(w.bundle, &got), 0);
    assert_true(got.out_of_memory);
    assert_string_equal(got.message, "last words");
    assert_non_null(memset(longer, 'x', OCI_MESSAGE_MAX + 10));
    leave(w.bundle, "termination-log", longer);
    oci_record_leavings(w.bundle, &done);
    assert_int_equal(strlen(done.message), OCI_MESSAGE_MAX);
    mem_free(longer);
    end(&w);
}

static void the_latest_run_is_the_one_with_the_highest_number(void **state)
{
    static const char *const leaves[] = {"2", "10", "9", "11", "x"};
    const struct oci_record start = {.started_ms = 1};
    struct world w;
    unsigned latest;

    (void)state;
    begin(&w);
    assert_int_equal(oci_record_latest(w.runs, &latest), ERR_NOT_FOUND);
    for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
        SCOPED(mem_drop) char *bundle = mem_printf("%s/%s", w.runs, leaves[i]);

        assert_int_equal(file_make_dirs(bundle, 0755, NULL), 0);
        if (strcmp(leaves[i], "11") != 0) /* it never got as far as a start */
            assert_int_equal(oci_record_start(bundle, &start, NULL), 0);
    }
    assert_int_equal(oci_record_latest(w.runs, &latest), 0);
    assert_int_equal(latest, 10);
    assert_int_equal(oci_record_latest("/tmp/weft-no-such", &latest), ERR_NOT_FOUND);
    end(&w);
}

/* A record of another hand is no reason to fail. */
static void broken_records_are_none(void **state)
{
    struct oci_record got;
    struct world w;

    (void)state;
    begin(&w);
    leave(w.bundle, "meta.json", "{");
    assert_int_equal(oci_record_read(w.bundle, &got), ERR_NOT_FOUND);
    leave(w.bundle, "meta.json", "[1]");
    assert_int_equal(oci_record_read(w.bundle, &got), 0);
    assert_int_equal(got.started_ms, 0);
    assert_string_equal(got.image_id, "");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_and_an_end_are_read_back),
        cmocka_unit_test(the_end_takes_up_what_was_left),
        cmocka_unit_test(the_latest_run_is_the_one_with_the_highest_number),
        cmocka_unit_test(broken_records_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
