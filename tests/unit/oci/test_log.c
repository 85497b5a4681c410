/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: what is one, reading a file that grows, where its last lines begin. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "oci/log.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/weft-test-log-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return file_remove_tree(folder, NULL);
}

static void log_append(const char *text)
{
    char path[96];
    int fd;

    snprintf(path, sizeof path, "%s/log", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void log_remove(void)
{
    char path[96];

    snprintf(path, sizeof path, "%s/log", folder);
    unlink(path);
}

static void lines_are_parsed_or_refused(void **state)
{
    static const struct {
        const char *line;
        const char *text; /* NULL: refused */
        bool full;
    } cases[] = {
        {"2026-11-29T22:00:00.1+00:00 stdout F hello world", "hello world", true},
        {"t stderr P half", "half", false},
        {"t stdout F ", "", true},
        {"t stdout F", "", true},
        {"t stdout X text", NULL, false},
        {"t stdout", NULL, false},
        {"t", NULL, false},
        {"", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct oci_log_line line;
        bool is_line = oci_log_line_parse(slice_str(cases[i].line), &line);

        assert_int_equal(is_line, cases[i].text != NULL);
        if (!is_line)
            continue;
        assert_slice(line.text, cases[i].text);
        assert_int_equal(line.full, cases[i].full);
    }
}

static void next_is(struct oci_log *log, const char *text)
{
    struct oci_log_line line;

    if (!oci_log_next(log, &line))
        fail_msg("no line, expected %s", text);
    assert_slice(line.text, text);
}

static void a_growing_file_is_followed(void **state)
{
    struct oci_log_line line;
    struct oci_log log;

    (void)state;
    log_remove();
    log_append("t stdout F one\nnonsense\nt stdout F two\nt stdout F thr");
    oci_log_open(&log, folder);
    next_is(&log, "one");
    next_is(&log, "two");
    assert_false(oci_log_next(&log, &line));
    log_append("ee\nt stderr P four\n");
    next_is(&log, "three");
    next_is(&log, "four");
    assert_false(oci_log_next(&log, &line));
    oci_log_close(&log);
}

static void no_file_reads_as_empty(void **state)
{
    struct oci_log_line line;
    struct oci_log log;

    (void)state;
    log_remove();
    oci_log_open(&log, folder);
    oci_log_tail(&log, 3);
    assert_false(oci_log_next(&log, &line));
    oci_log_close(&log);
}

static void the_last_lines_are_found(void **state)
{
    static const struct {
        uint64_t count;
        const char *first; /* NULL: none */
    } cases[] = {{0, NULL}, {1, "3"}, {2, "2"}, {3, "1"}, {4, "0"}, {5, "0"}, {UINT64_MAX, "0"}};

    (void)state;
    log_remove();
    log_append("t stdout F 0\nt stdout F 1\nt stdout F 2\nt stdout F 3\n");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct oci_log_line line;
        struct oci_log log;

        oci_log_open(&log, folder);
        oci_log_tail(&log, cases[i].count);
        if (cases[i].first)
            next_is(&log, cases[i].first);
        else
            assert_false(oci_log_next(&log, &line));
        oci_log_close(&log);
    }
}

/* More than one piece of the reader, lines across its borders. */
static void long_files_keep_every_line(void **state)
{
    enum { LINES = 20000 };
    SCOPED(buf_deinit) struct buf text;
    struct oci_log_line line;
    struct oci_log log;

    (void)state;
    log_remove();
    buf_init(&text, 1 << 20);
    for (int i = 0; i < LINES; i++)
        buf_printf(&text, "t stdout F %d\n", i);
    log_append(text.data);
    oci_log_open(&log, folder);
    for (int i = 0; i < LINES; i++) {
        char number[16];

        snprintf(number, sizeof number, "%d", i);
        next_is(&log, number);
    }
    assert_false(oci_log_next(&log, &line));
    oci_log_close(&log);
}

static void a_line_beyond_the_limit_ends_the_log(void **state)
{
    static char text[200000];
    struct oci_log_line line;
    struct oci_log log;

    (void)state;
    log_remove();
    memset(text, 'x', sizeof text - 1);
    log_append("t stdout F one\n");
    log_append(text);
    log_append("\nt stdout F two\n");
    oci_log_open(&log, folder);
    next_is(&log, "one");
    assert_false(oci_log_next(&log, &line));
    assert_false(oci_log_next(&log, &line));
    oci_log_close(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_parsed_or_refused),
        cmocka_unit_test(a_growing_file_is_followed),
        cmocka_unit_test(no_file_reads_as_empty),
        cmocka_unit_test(the_last_lines_are_found),
        cmocka_unit_test(long_files_keep_every_line),
        cmocka_unit_test(a_line_beyond_the_limit_ends_the_log),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
