/* SPDX-License-Identifier: Apache-2.0 */
/* The behaviours of base/ that every other folder leans on. */
#include "test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/regex.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void slices_split_and_parse(void **state)
{
    struct slice rest = SLICE("a,,b");
    struct slice piece;
    uint64_t number = 7;
    int64_t negative;

    (void)state;
    assert_true(slice_split_next(&rest, ',', &piece));
    assert_slice(piece, "a");
    assert_true(slice_split_next(&rest, ',', &piece));
    assert_slice(piece, "");
    assert_true(slice_split_next(&rest, ',', &piece));
    assert_slice(piece, "b");
    assert_false(slice_split_next(&rest, ',', &piece));
    assert_int_equal(slice_parse_u64(SLICE("18446744073709551615"), UINT64_MAX, &number), 0);
    assert_true(number == UINT64_MAX);
    assert_int_equal(slice_parse_u64(SLICE("18446744073709551616"), UINT64_MAX, &number),
                     ERR_LIMIT);
    assert_int_equal(slice_parse_u64(SLICE("1x"), 10, &number), ERR_INVALID);
    assert_int_equal(slice_parse_u64(SLICE("+1"), 10, &number), ERR_INVALID);
    assert_int_equal(slice_parse_i64(SLICE("-42"), &negative), 0);
    assert_int_equal(negative, -42);
    assert_int_equal(slice_parse_i64(SLICE("-9223372036854775808"), &negative), 0);
    assert_true(negative == INT64_MIN);
    assert_int_equal(slice_parse_i64(SLICE("-9223372036854775809"), &negative), ERR_LIMIT);
    assert_slice(slice_trim(SLICE(" \t x y\r\n")), "x y");
    assert_true(slice_eq_nocase(SLICE("Content-Length"), SLICE("content-length")));
    assert_int_equal(slice_find(SLICE("abcabc"), SLICE("ca")), 2);
}

static void numbers_and_case_are_written(void **state)
{
    static const struct {
        uint64_t number;
        const char *digits;
    } rows[] = {{0, "0"}, {7, "7"}, {10, "10"}, {UINT64_MAX, "18446744073709551615"}};
    SCOPED(arena_deinit) struct arena arena;
    struct slice lower;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[SLICE_U64_SIZE];

        assert_slice(slice_format_u64(rows[i].number, out), rows[i].digits);
    }
    arena_init(&arena, 0);
    lower = arena_slice_lower(&arena, SLICE("AbZ-[@`{\xc3\x84"));
    assert_slice(lower, "abz-[@`{\xc3\x84");
    assert_int_equal(lower.data[lower.len], '\0');
    assert_int_equal(arena_slice_lower(&arena, slice_str(NULL)).len, 0);
}

static void arena_keeps_its_bound(void **state)
{
    struct arena arena;
    char *big;

    (void)state;
    arena_init(&arena, 256);
    for (int i = 0; i < 100; i++)
        assert_string_equal(arena_printf(&arena, "n%d", 12345), "n12345");
    big = arena_alloc(&arena, 100000);
    big[99999] = 1;
    arena_reset(&arena);
    arena_limit_set(&arena, 1000);
    assert_non_null(arena_try_alloc(&arena, 900));
    assert_null(arena_try_alloc(&arena, 200));
    assert_int_equal((uintptr_t)arena_alloc(&arena, 1) % 16, 0);
    arena_deinit(&arena);
}

static void buffer_refuses_past_its_maximum(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 10);
    assert_int_equal(buf_append_str(&buf, "12345"), 0);
    assert_int_equal(buf_printf(&buf, "%d", 678901), ERR_LIMIT);
    assert_true(buf.failed);
    assert_string_equal(buf.data, "12345");
    assert_int_equal(buf_append_str(&buf, "67890"), 0);
    buf_consume(&buf, 3);
    assert_string_equal(buf.data, "4567890");
    buf_deinit(&buf);
}

static void map_survives_churn(void **state)
{
    struct map map;
    char key[32];
    static char values[1000];
    size_t seen = 0;

    (void)state;
    map_init(&map, 1000);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            int len = snprintf(key, sizeof key, "key-%d", i);
            assert_int_equal(map_put(&map, slice_make(key, (size_t)len), &values[i], NULL), 0);
        }
        assert_int_equal(map_put(&map, SLICE("one more"), values, NULL), ERR_LIMIT);
        for (int i = 0; i < 1000; i += 2) {
            int len = snprintf(key, sizeof key, "key-%d", i);
            assert_ptr_equal(map_remove(&map, slice_make(key, (size_t)len)), &values[i]);
        }
        assert_int_equal(map.count, 500);
    }
    MAP_EACH (entry, &map)
        seen++;
    assert_int_equal(seen, 500);
    assert_null(map_get_str(&map, "key-2"));
    assert_ptr_equal(map_get_str(&map, "key-3"), &values[3]);
    map_deinit(&map);
}

static void errors_name_path_and_reason(void **state)
{
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    (void)state;
    assert_int_equal(err_set_path(&err, ERR_INVALID, "[1].weight", "must be at most %d", 100),
                     ERR_INVALID);
    err_prefix(&err, "route");
    err_prefix(&err, "http[%d]", 0);
    err_prefix(&err, "spec");
    assert_string_equal(err_format(&err, text, sizeof text),
                        "spec.http[0].route[1].weight: must be at most 100");
}

static void times_parse_and_format(void **state)
{
    char text[CLOCK_RFC3339_SIZE];
    int64_t ms;

    (void)state;
    assert_int_equal(clock_parse_rfc3339(SLICE("2026-11-25T09:53:52.250Z"), &ms), 0);
    assert_string_equal(clock_format_rfc3339(ms, true, text), "2026-11-25T09:53:52.250Z");
    assert_int_equal(clock_parse_rfc3339(SLICE("2026-11-25T11:53:52+02:00"), &ms), 0);
    assert_string_equal(clock_format_rfc3339(ms, false, text), "2026-11-25T09:53:52Z");
    assert_int_equal(clock_parse_rfc3339(slice_str(clock_format_now(text)), &ms), 0);
    assert_true(ms % 1000 == 0 && clock_realtime_ms() - ms < 3600 * 1000);
    assert_int_equal(clock_parse_rfc3339(SLICE("2026-11-25 09:53:52 etc"), &ms), ERR_INVALID);
}

static void random_choice_is_uniform(void **state)
{
    struct rng rng;
    int hits[7] = {0};

    (void)state;
    rng_init(&rng, 42);
    for (int i = 0; i < 70000; i++)
        hits[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(hits[i], 10000 - 600, 10000 + 600); /* above 6 sigma */
}

static void uuids_are_of_version_4(void **state)
{
    const uint64_t ones[2] = {UINT64_MAX, UINT64_MAX};
    char text[RNG_UUID_SIZE], other[RNG_UUID_SIZE];

    (void)state;
    assert_string_equal(rng_uuid_format(ones, text), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_string_not_equal(rng_system_uuid(text), rng_system_uuid(other));
    assert_int_equal(strlen(text), RNG_UUID_SIZE - 1);
}

static void regex_matches_whole_text(void **state)
{
    struct regex *regex = NULL;
    struct error err = {0};

    (void)state;
    assert_int_equal(regex_new(SLICE("/v[0-9]+/.*"), &regex, &err), 0);
    assert_true(regex_match_full(regex, SLICE("/v12/x")));
    assert_false(regex_match_full(regex, SLICE("a/v12/x")));
    regex_free(regex);
    assert_int_equal(regex_new(SLICE("("), &regex, &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "missing )"));
}

static void files_are_replaced_whole(void **state)
{
    char folder[] = "/tmp/weft-test-XXXXXX";
    struct buf bytes;
    struct error err = {0};
    SCOPED(mem_drop) char *path = NULL;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = mem_printf("%s/a/b/file", folder);
    buf_init(&bytes, 16);
    assert_int_equal(file_read(path, &bytes, &err), ERR_NOT_FOUND);
    assert_string_equal(err.path, path);
    *strrchr(path, '/') = '\0';
    assert_int_equal(file_make_dirs(path, 0755, &err), 0);
    path[strlen(path)] = '/';
    assert_int_equal(file_write(path, SLICE("one"), 0600, &err), 0);
    assert_int_equal(file_write(path, SLICE("two"), 0600, &err), 0);
    assert_int_equal(file_read(path, &bytes, &err), 0);
    assert_slice(buf_slice(&bytes), "two");
    buf_deinit(&bytes);
    assert_int_equal(file_remove_tree(folder, &err), 0);
    assert_false(file_exists(folder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_split_and_parse),
        cmocka_unit_test(numbers_and_case_are_written),
        cmocka_unit_test(arena_keeps_its_bound),
        cmocka_unit_test(buffer_refuses_past_its_maximum),
        cmocka_unit_test(map_survives_churn),
        cmocka_unit_test(errors_name_path_and_reason),
        cmocka_unit_test(times_parse_and_format),
        cmocka_unit_test(random_choice_is_uniform),
        cmocka_unit_test(uuids_are_of_version_4),
        cmocka_unit_test(regex_matches_whole_text),
        cmocka_unit_test(files_are_replaced_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
