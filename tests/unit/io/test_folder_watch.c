/* SPDX-License-Identifier: Apache-2.0 */
/* Files that come into a folder are told, each by its name. */
#include "test.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "io/folder_watch.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MS = 20000 };

struct world {
    struct loop *loop;
    struct folder_watch watch;
    char folder[64];
    char names[256]; /* what was told: "a b " */
};

static void on_file(const char *name, void *ctx)
{
    struct world *w = ctx;
    size_t used = strlen(w->names);

    snprintf(w->names + used, sizeof w->names - used, "%s ", name ? name : "?");
}

static void begin(struct world *w)
{
    *w = (struct world){0};
    snprintf(w->folder, sizeof w->folder, "/tmp/weft-test-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(loop_new(&w->loop), 0);
}

static void end(struct world *w)
{
    folder_watch_close(&w->watch);
    folder_watch_close(&w->watch); /* twice is fine */
    loop_free(w->loop);
    assert_int_equal(file_remove_tree(w->folder, NULL), 0);
}

/* Not by file_write: that one moves a temporary file there. */
static void file_make(const struct world *w, const char *leaf)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/%s", w->folder, leaf);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void wait_for(struct world *w, const char *names)
{
    uint64_t start_ms = clock_monotonic_ms();

    while (strcmp(w->names, names) != 0) {
        if (clock_monotonic_ms() - start_ms > WAIT_MS)
            fail_msg("told: \"%s\", expected \"%s\"", w->names, names);
        loop_run_once(w->loop, 20);
    }
}

static void written_and_moved_files_are_told(void **state)
{
    struct world w;
    SCOPED(mem_drop) char *from = NULL;
    SCOPED(mem_drop) char *to = NULL;
    struct error err = {0};

    (void)state;
    begin(&w);
    file_make(&w, "before");
    assert_int_equal(folder_watch_open(&w.watch, w.loop, w.folder, on_file, &w, &err), 0);
    file_make(&w, "one");
    file_make(&w, "two");
    wait_for(&w, "one two ");
    from = mem_printf("%s/one", w.folder);
    to = mem_printf("%s/three", w.folder);
    assert_int_equal(rename(from, to), 0);
    wait_for(&w, "one two three ");
    end(&w);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct world w;
    struct error err = {0};

    (void)state;
    begin(&w);
    assert_int_equal(folder_watch_open(&w.watch, w.loop, "/tmp/weft-no-such", on_file, &w, &err),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(err.reason, "/tmp/weft-no-such"));
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_moved_files_are_told),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
