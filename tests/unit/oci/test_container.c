/* SPDX-License-Identifier: Apache-2.0 */
/* From an image to a process that runs in a root file system of its own, and to its end. Needs
 * root, runc and conmon: skipped without. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "io/cgroup.h"
#include "io/mounts.h"
#include "io/process.h"
#include "oci/config.h"
#include "oci/container.h"
#include "oci/log.h"

static char root[64];
static char cgroup[64];
static struct oci_store store;
static struct oci_runtime runtime;

static void run_program(const char *const *argv)
{
    struct process_options options = {.argv = argv, .timeout_ms = 60000};
    struct error err = {0};

    if (process_run(&options, NULL, &err) != 0)
        fail_msg("%s: %s", argv[0], err.reason);
}

static int set_up(void **state)
{
    char path[256];
    const char *argv[] = {path,
                          "--store",
                          store.layout_path,
                          "--name",
                          "docker.io/library/shell:latest",
                          "--env",
                          "A=image",
                          "--",
                          "/bin/sh",
                          "-c",
                          "echo from the image",
                          NULL};
    struct error err = {0};

    (void)state;
    snprintf(root, sizeof root, "/tmp/weft-test-run-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(cgroup, sizeof cgroup, "/weft-test-oci-%d", (int)getpid());
    snprintf(store.layout_path, sizeof store.layout_path, "%s/image-store", root);
    snprintf(store.cache_path, sizeof store.cache_path, "%s/images", root);
    snprintf(runtime.state_path, sizeof runtime.state_path, "%s/runc", root);
    snprintf(runtime.exits_path, sizeof runtime.exits_path, "%s/exits", root);
    snprintf(path, sizeof path, "%s/tools/build-image", getenv("TEST_SOURCE_ROOT"));
    if (geteuid() == 0)
        run_program(argv);
    return file_make_dirs(store.cache_path, 0755, &err);
}

static int tear_down(void **state)
{
    struct error err = {0};
    int rc = geteuid() == 0 ? oci_runtime_clear(&runtime, &err) : 0;

    (void)state;
    if (rc == 0)
        rc = mounts_remove_below(root, &err);
    cgroup_remove(cgroup);
    if (rc < 0)
        print_error("%s\n", err.reason);
    return rc < 0 ? rc : file_remove_tree(root, &err);
}

static int container_run(const char *id, const char *bundle, const json_t *command, bool tty,
                         struct error *err)
{
    SCOPED(json_drop) json_t *config = NULL;
    SCOPED(mem_drop) char *group = mem_printf("%s/c", cgroup);
    const struct oci_plan plan = {
        .command = command, .hostname = "box", .cgroup_path = group, .tty = tty};
    struct oci_create create = {.id = id, .bundle = bundle};
    struct oci_image *image = NULL;
    int rc = oci_image_prepare(&store, "shell", false, &image, err);

    if (rc == 0)
        rc = oci_config_build(&plan, image, &config, err);
    if (rc == 0)
        rc = file_make_dirs(bundle, 0755, err);
    create.config = config;
    create.image = image;
    if (rc == 0)
        rc = oci_container_run(&runtime, &create, err);
    oci_image_free(image);
    return rc;
}

static void run_or_fail(const char *id, const char *bundle, const char *script, bool tty)
{
    SCOPED(json_drop) json_t *command = json_pack("[s,s,s]", "sh", "-c", script);
    struct error err = {0};

    if (container_run(id, bundle, command, tty, &err) < 0)
        fail_msg("%s", err.reason);
}

static int exit_wait(const char *id)
{
    int64_t finished_ms = 0;
    int code = -1;

    for (int waited_ms = 0; waited_ms < 10000; waited_ms += 10) {
        if (oci_container_exit_read(&runtime, id, &code, &finished_ms)) {
            assert_true(finished_ms > 0);
            return code;
        }
        clock_sleep_ms(10);
    }
    fail_msg("%s did not end", id);
    return -1;
}

static void delete_all(const char *id, const char *bundle)
{
    struct error err = {0};

    if (oci_container_delete(&runtime, id, bundle, &err) < 0 || file_remove_tree(bundle, &err) < 0)
        fail_msg("%s", err.reason);
}

static void containers_run_and_end(void **state)
{
    SCOPED(mem_drop) char *bundle = mem_printf("%s/b", root);
    struct oci_log_line line;
    struct oci_log log;
    struct error err = {0};
    int code;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(oci_runtime_init(&runtime, &err), 0);
    run_or_fail("app.0", bundle, "echo $A; hostname; exit 3", false);
    assert_int_equal(exit_wait("app.0"), 3);
    oci_log_open(&log, bundle);
    assert_true(oci_log_next(&log, &line));
    assert_slice(line.text, "image");
    assert_true(oci_log_next(&log, &line));
    assert_slice(line.text, "box");
    assert_false(oci_log_next(&log, &line));
    oci_log_close(&log);
    delete_all("app.0", bundle);
    assert_false(oci_container_exit_read(&runtime, "app.0", &code, NULL));
}

static void what_does_not_start_says_why(void **state)
{
    SCOPED(mem_drop) char *bundle = mem_printf("%s/b", root);
    SCOPED(json_drop) json_t *command = json_pack("[s]", "/no/such");
    struct error err = {0};

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(container_run("app.1", bundle, command, false, &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "/no/such"));
    delete_all("app.1", bundle);
}

static void containers_are_killed(void **state)
{
    SCOPED(mem_drop) char *bundle = mem_printf("%s/b", root);
    struct error err = {0};

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_false(oci_container_is_lost(bundle)); /* there is none yet */
    run_or_fail("app.2", bundle, "sleep 100", false);
    assert_true(oci_container_is_running(&runtime, "app.2"));
    assert_false(oci_container_is_lost(bundle));
    assert_int_equal(oci_container_kill(&runtime, "app.2", "KILL", &err), 0);
    assert_int_equal(exit_wait("app.2"), 137);
    assert_true(oci_container_is_lost(bundle));
    assert_int_equal(oci_container_kill(&runtime, "app.2", "KILL", &err), 0);
    delete_all("app.2", bundle);
    assert_int_equal(oci_container_kill(&runtime, "app.2", "KILL", &err), 0);
}

static void commands_run_inside(void **state)
{
    static const char *const command[] = {"sh", "-c", "hostname; stty size"};
    SCOPED(mem_drop) char *bundle = mem_printf("%s/b", root);
    SCOPED(mem_drop)
    const char **argv = oci_exec_argv(&runtime, "app.3", false, command, ARRAY_LEN(command));
    SCOPED(mem_drop) const char **tty = oci_exec_argv(&runtime, "app.3", true, command, 1);
    SCOPED(mem_drop) char *out = NULL;
    struct process_options options = {.argv = argv, .timeout_ms = 30000};
    struct error err = {0};

    (void)state;
    assert_string_equal(tty[4], "--tty");
    assert_string_equal(tty[6], "sh");
    assert_null(tty[7]);
    if (geteuid() != 0)
        skip();
    run_or_fail("app.3", bundle, "trap 'stty size; exit 4' WINCH; while :; do sleep 0.05; done",
                true);
    argv[7] = "hostname";
    if (process_run(&options, &out, &err) != 0)
        fail_msg("%s", err.reason);
    assert_string_equal(out, "box\n");
    oci_container_resize(bundle, 81, 25);
    assert_int_equal(exit_wait("app.3"), 4);
    delete_all("app.3", bundle);
}

static void clear_leaves_nothing_running(void **state)
{
    SCOPED(mem_drop) char *bundle = mem_printf("%s/b", root);
    struct error err = {0};

    (void)state;
    if (geteuid() != 0)
        skip();
    run_or_fail("app.4", bundle, "sleep 100", false);
    assert_int_equal(oci_runtime_clear(&runtime, &err), 0);
    assert_false(oci_container_is_running(&runtime, "app.4"));
    assert_true(oci_container_is_lost(bundle));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_run_and_end),
        cmocka_unit_test(what_does_not_start_says_why),
        cmocka_unit_test(containers_are_killed),
        cmocka_unit_test(commands_run_inside),
        cmocka_unit_test(clear_leaves_nothing_running),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
