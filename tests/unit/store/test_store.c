/* SPDX-License-Identifier: Apache-2.0 */
/* The store: revisions, conflicts, order, watches with history, and life across a restart. */
#include "test.h"

#include "base/file.h"
#include "base/mem.h"
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct seen {
    char text[4096];
    size_t behind;
};

static void on_event(const struct store_event *event, void *ctx)
{
    static const char marks[] = "+~-";
    struct seen *seen = ctx;
    size_t used = strlen(seen->text);

    snprintf(seen->text + used, sizeof seen->text - used, "%c%s ", marks[event->change],
             event->object->name);
}

static void on_behind(void *ctx)
{
    ((struct seen *)ctx)->behind++;
}

static json_t *object(const char *ns, const char *name, int value)
{
    return json_pack("{s:s, s:{s:s, s:s}, s:i}", "kind", "Thing", "metadata", "namespace", ns,
                     "name", name, "value", value);
}

static void revisions_and_conflicts(void **state)
{
    struct loop *loop;
    struct store *store;
    struct store_bucket *bucket;
    struct store_object *first;
    struct store_object *second;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(store_open(loop, NULL, &store, NULL), 0);
    bucket = store_bucket_get(store, "/things");
    assert_int_equal(store_put(bucket, object("b", "x", 1), NULL, &first), 0);
    assert_int_equal(store_put(bucket, object("b", "x", 2), NULL, NULL), ERR_EXISTS);
    first = store_object_ref(first);
    assert_int_equal(store_put(bucket, object("b", "x", 2), first, &second), 0);
    assert_true(second->revision == first->revision + 1);
    assert_int_equal(store_put(bucket, object("b", "x", 3), first, NULL), ERR_CONFLICT);
    assert_int_equal(store_remove(bucket, first), ERR_CONFLICT);
    assert_int_equal(json_get_int(first->tree, "value", 0), 1); /* an old state stays as it was */
    assert_int_equal(store_put(bucket, object("a", "z", 1), NULL, NULL), 0);
    assert_int_equal(store_put(bucket, object("b", "a", 1), NULL, NULL), 0);
    assert_string_equal(store_bucket_at(bucket, 0)->name, "z");
    assert_string_equal(store_bucket_at(bucket, 1)->name, "a");
    assert_string_equal(store_bucket_at(bucket, 2)->name, "x");
    assert_int_equal(store_put(bucket, json_pack("{s:{}}", "metadata"), NULL, NULL), ERR_LIMIT);
    store_object_unref(first);
    store_close(store);
    loop_free(loop);
}

static void watches_tell_history_and_expire(void **state)
{
    struct loop *loop;
    struct store *store;
    struct store_bucket *bucket;
    struct store_watch watch = {0};
    struct store_watch late = {0};
    struct seen seen = {0};
    struct seen late_seen = {0};
    uint64_t start;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(store_open(loop, NULL, &store, NULL), 0);
    bucket = store_bucket_get(store, "/things");
    start = store_revision(store);
    assert_int_equal(store_put(bucket, object("n", "a", 1), NULL, NULL), 0);
    assert_int_equal(store_put(store_bucket_get(store, "/others"), object("n", "o", 1), NULL, NULL),
                     0);
    assert_int_equal(store_watch_add(store, bucket, start, &watch, on_event, on_behind, &seen), 0);
    assert_string_equal(seen.text, ""); /* never within the call */
    assert_int_equal(store_put(bucket, object("n", "a", 2), store_get(bucket, "n", "a"), NULL), 0);
    assert_int_equal(store_remove(bucket, store_get(bucket, "n", "a")), 0);
    loop_run_once(loop, 0);
    assert_string_equal(seen.text, "+a ~a -a ");

    store_watch_pause(&watch);
    for (int i = 0; i <= STORE_RING_SIZE; i++) {
        char name[16];

        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(store_put(bucket, object("n", name, i), NULL, NULL), 0);
    }
    loop_run_once(loop, 0);
    assert_int_equal(seen.behind, 0);
    store_watch_resume(&watch);
    loop_run_once(loop, 0);
    assert_int_equal(seen.behind, 1);
    assert_int_equal(store_watch_add(store, bucket, start, &late, on_event, on_behind, &late_seen),
                     ERR_EXPIRED);
    store_close(store);
    loop_free(loop);
}

static void objects_outlive_the_process(void **state)
{
    char folder[] = "/tmp/weft-test-store-XXXXXX";
    char *path;
    struct loop *loop;
    struct store *store;
    struct store_bucket *bucket;
    uint64_t revision;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = mem_printf("%s/store.db", folder);
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(store_open(loop, path, &store, NULL), 0);
    bucket = store_bucket_get(store, "/things");
    assert_int_equal(store_put(bucket, object("n", "kept", 7), NULL, NULL), 0);
    assert_int_equal(store_put(bucket, object("n", "gone", 1), NULL, NULL), 0);
    loop_run_once(loop, 0);
    assert_int_equal(store_remove(bucket, store_get(bucket, "n", "gone")), 0);
    revision = store_revision(store);
    store_close(store);

    assert_int_equal(store_open(loop, path, &store, NULL), 0);
    bucket = store_bucket_get(store, "/things");
    assert_true(store_revision(store) == revision); /* deletions count too */
    assert_int_equal(store_bucket_count(bucket), 1);
    assert_int_equal(json_get_int(store_get(bucket, "n", "kept")->tree, "value", 0), 7);
    store_close(store);
    loop_free(loop);
    assert_int_equal(file_remove_tree(folder, NULL), 0);
    mem_free(path);
}

static json_t *large(const char *name, size_t size, char filler)
{
    char *text = mem_calloc(size + 1, 1);
    json_t *out = object("n", name, 1);

    memset(text, filler, size);
    json_set_string(out, "text", text);
    mem_free(text);
    return out;
}

static void on_refused(const char *problem, void *ctx)
{
    assert_true(problem[0] != '\0');
    ++*(size_t *)ctx;
}

/* A file that may not grow stands for a full disk: a refused change changes nothing. */
static void a_full_disk_refuses_and_loses_nothing(void **state)
{
    char folder[] = "/tmp/weft-test-store-XXXXXX";
    struct rlimit before, tight;
    char *path;
    struct loop *loop;
    struct store *store;
    struct store_bucket *bucket;
    struct store_object *kept;
    uint64_t revision;
    size_t refusals = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = mem_printf("%s/store.db", folder);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(store_open(loop, path, &store, NULL), 0);
    store_on_refused_set(store, on_refused, &refusals);
    bucket = store_bucket_get(store, "/things");
    assert_int_equal(store_put(bucket, object("n", "kept", 7), NULL, &kept), 0);
    kept = store_object_ref(kept);
    revision = store_revision(store);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 65536;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    assert_int_equal(store_put(bucket, large("big", 1 << 20, 'x'), NULL, NULL), ERR_IO);
    assert_true(store_problem(store)[0] != '\0');
    assert_int_equal(store_put(bucket, large("kept", 1 << 20, 'x'), kept, NULL), ERR_IO);
    assert_int_equal(refusals, 1); /* told once, until a change can be written */
    assert_true(store_revision(store) == revision);
    assert_ptr_equal(store_get(bucket, "n", "kept"), kept);
    assert_null(store_get(bucket, "n", "big"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(store_put(bucket, large("big", 1 << 20, 'x'), NULL, NULL), 0);
    store_object_unref(kept);
    store_close(store);

    assert_int_equal(store_open(loop, path, &store, NULL), 0);
    assert_int_equal(store_bucket_count(store_bucket_get(store, "/things")), 2);
    store_close(store);
    loop_free(loop);
    assert_int_equal(file_remove_tree(folder, NULL), 0);
    mem_free(path);
}

static void the_ring_is_bounded_by_bytes(void **state)
{
    struct seen seen = {0};
    struct store_watch watch = {0};
    struct loop *loop;
    struct store *store;
    struct store_bucket *bucket;
    struct store_object *last;
    uint64_t early;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(store_open(loop, NULL, &store, NULL), 0);
    bucket = store_bucket_get(store, "/things");
    assert_int_equal(store_put(bucket, large("x", 1 << 20, 'a'), NULL, &last), 0);
    early = store_revision(store);
    for (int i = 0; i < 20; i++) /* each keeps the 1 MiB before it */
        assert_int_equal(store_put(bucket, large("x", 1 << 20, (char)('b' + i)), last, &last), 0);
    assert_int_equal(store_watch_add(store, bucket, early, &watch, on_event, on_behind, &seen),
                     ERR_EXPIRED);
    assert_int_equal(store_watch_add(store, bucket, store_revision(store) - 5, &watch, on_event,
                                     on_behind, &seen),
                     0);
    loop_run_once(loop, 0);
    assert_string_equal(seen.text, "~x ~x ~x ~x ~x ");
    store_watch_remove(&watch);
    store_close(store);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revisions_and_conflicts),
        cmocka_unit_test(watches_tell_history_and_expire),
        cmocka_unit_test(objects_outlive_the_process),
        cmocka_unit_test(a_full_disk_refuses_and_loses_nothing),
        cmocka_unit_test(the_ring_is_bounded_by_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
