/* SPDX-License-Identifier: Apache-2.0 */
/* From a container's spec to a process that runs in a root file system of its own, and to its end.
 * Running needs root, runc and conmon: skipped without. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "io/process.h"
#include "api/quantity.h"
#include "oci/container.h"
#include "sandbox/instance.h"
#include "sandbox/node_oci.h"

static char root[64];
static struct instance instance;

static void run_program(const char *const *argv)
{
    struct process_options options = {.argv = argv, .timeout_ms = 60000};
    struct error err = {0};

    if (process_run(&options, NULL, &err) != 0)
        fail_msg("%s: %s", argv[0], err.reason);
}

static int set_up(void **state)
{
    char store[96], path[256];
    const char *argv[] = {path,
                          "--store",
                          store,
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
    snprintf(root, sizeof root, "/tmp/weft-test-run-%d", (int)getpid());
    snprintf(store, sizeof store, "%s/image-store", root);
    snprintf(path, sizeof path, "%s/tools/build-image", getenv("TEST_SOURCE_ROOT"));
    setenv("WEFT_STATE", root, 1);
    unsetenv("WEFT_IMAGES");
    if (geteuid() == 0)
        run_program(argv);
    return instance_open("t", true, &instance, &err);
}

static int tear_down(void **state)
{
    struct error err = {0};
    int rc = geteuid() == 0 ? oci_runtime_clear(&instance.runtime, &err) : 0;

    (void)state;
    if (rc < 0)
        print_error("%s\n", err.reason);
    return rc < 0 ? rc : file_remove_tree(root, &err);
}

static void quantities_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t milli;
    } cases[] = {{"100m", 100},    {"2", 2000}, {"1.5", 1500},     {"1Ki", 1024000},
                 {"1e3", 1000000}, {"1n", 1},   {"-1", -1},        {"1x", -1},
                 {"", -1},         {"Mi", -1},  {"1M", 1000000000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *text = json_string(cases[i].text);
        int64_t milli = -1;

        if ((quantity_parse(text, &milli) < 0 ? -1 : milli) != cases[i].milli)
            fail_msg("%s gave %lld", cases[i].text, (long long)milli);
        json_decref(text);
    }
}

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *out = NULL;

    if (json_parse(slice_str(text), NULL, &out, &err) < 0)
        fail_msg("%s", err.reason);
    return out;
}

/* Builds the configuration of a container spec for an image without layers. */
static int build(const char *container, const char *pod_security, const char *image_config,
                 json_t **ret, struct error *err)
{
    struct oci_image image = {.config = parse(image_config)};
    json_t *own = parse(container);
    json_t *pod = parse(pod_security);
    json_t *env = parse("{\"A\": \"pod\"}");
    struct node_oci_plan plan = {.container = own,
                                 .pod_security = pod,
                                 .env = env,
                                 .args = json_object_get(own, "args"),
                                 .command = json_object_get(own, "command"),
                                 .hostname = "h",
                                 .netns_path = "/run/netns/x",
                                 .cgroup_path = "/c",
                                 .rootfs_path = "rootfs"};
    int rc = node_oci_build(&plan, &image, ret, err);

    json_decref(image.config);
    json_decref(own);
    json_decref(pod);
    json_decref(env);
    return rc;
}

static void spec_overrides_image(void **state)
{
    struct error err = {0};
    json_t *config = NULL;
    json_t *expected;

    (void)state;
    assert_int_equal(
        build("{\"args\": [\"x\"], \"securityContext\": {\"runAsUser\": 1337, \"capabilities\": "
              "{\"drop\": [\"ALL\"], \"add\": [\"NET_ADMIN\"]}, \"readOnlyRootFilesystem\": true}}",
              "{\"runAsUser\": 5, \"runAsGroup\": 7, \"fsGroup\": 9}",
              "{\"Entrypoint\": [\"/e\"], \"Cmd\": [\"c\"], \"Env\": [\"A=image\", \"B=b\"]}",
              &config, &err),
        0);
    expected = parse("[\"/e\", \"x\"]");
    assert_true(json_equal(json_path_get(config, "process.args"), expected));
    json_decref(expected);
    expected = parse("[\"B=b\", \"A=pod\"]");
    assert_true(json_equal(json_path_get(config, "process.env"), expected));
    json_decref(expected);
    expected = parse("{\"uid\": 1337, \"gid\": 7, \"additionalGids\": [9]}");
    assert_true(json_equal(json_path_get(config, "process.user"), expected));
    json_decref(expected);
    expected = parse("[\"CAP_NET_ADMIN\"]");
    assert_true(json_equal(json_path_get(config, "process.capabilities.bounding"), expected));
    json_decref(expected);
    assert_true(json_path_bool(config, "root.readonly", false));
    json_decref(config);
}

static void what_cannot_run_is_refused(void **state)
{
    struct error err = {0};
    json_t *config = NULL;

    (void)state;
    assert_int_equal(build("{}", "{}", "{}", &config, &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "no command"));
    assert_int_equal(
        build("{\"command\": [\"a\"]}", "{\"runAsNonRoot\": true}", "{}", &config, &err),
        ERR_INVALID);
    assert_non_null(strstr(err.reason, "runAsNonRoot"));
    assert_int_equal(build("{}", "{}", "{\"Cmd\": [\"a\"], \"User\": \"nobody\"}", &config, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.reason, "\"nobody\""));
}

static int container_run(const char *id, const char *bundle, const char *command, struct error *err)
{
    SCOPED(mem_drop) char *path = mem_printf("%s/config.json", bundle);
    SCOPED(mem_drop) char *text = NULL;
    SCOPED(json_drop) json_t *container = parse(command);
    SCOPED(json_drop) json_t *config = NULL;
    SCOPED(json_drop) json_t *env = json_object();
    struct oci_create create = {.id = id, .bundle = bundle};
    struct node_oci_plan plan = {.container = container,
                                 .env = env,
                                 .command = json_object_get(container, "command"),
                                 .hostname = "box",
                                 .cgroup_path = "/weft-t/pod/c",
                                 .rootfs_path = "rootfs"};
    struct oci_image *image = NULL;
    int rc = oci_image_prepare(&instance.images, "shell", false, &image, err);

    if (rc == 0)
        rc = oci_rootfs_mount(bundle, image, err);
    if (rc == 0)
        rc = node_oci_build(&plan, image, &config, err);
    oci_image_free(image);
    if (rc < 0)
        return rc;
    text = json_format_str(config, JSON_FORMAT_COMPACT);
    rc = file_write(path, slice_str(text), 0600, err);
    return rc < 0 ? rc : oci_container_run(&instance.runtime, &create, err);
}

static int exit_wait(const char *id)
{
    int code = -1;

    for (int waited_ms = 0; waited_ms < 10000; waited_ms += 10) {
        if (oci_container_exit_read(&instance.runtime, id, &code, NULL))
            return code;
        clock_sleep_ms(10);
    }
    fail_msg("%s did not end", id);
    return -1;
}

static void containers_run_and_end(void **state)
{
    SCOPED(mem_drop) char *bundle = mem_printf("%s/b", instance.pods_path);
    SCOPED(mem_drop) char *log = mem_printf("%s/b/log", instance.pods_path);
    struct error err = {0};
    const char *id = "11111111-aaaa-4000-8000-000000000001.app.0";
    struct buf text;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(oci_runtime_init(&instance.runtime, &err), 0);
    if (container_run(id, bundle, "{\"command\": [\"sh\", \"-c\", \"echo $A; hostname; exit 3\"]}",
                      &err) < 0)
        fail_msg("%s", err.reason);
    assert_int_equal(exit_wait(id), 3);
    buf_init(&text, 65536);
    assert_int_equal(file_read(log, &text, &err), 0);
    assert_true(slice_find(buf_slice(&text), SLICE("stdout F image\n")) > 0);
    assert_true(slice_find(buf_slice(&text), SLICE("stdout F box\n")) > 0);
    buf_deinit(&text);
    assert_int_equal(oci_container_delete(&instance.runtime, id, bundle, &err), 0);
    assert_int_equal(file_remove_tree(bundle, &err), 0);

    id = "11111111-aaaa-4000-8000-000000000001.app.1";
    assert_int_equal(container_run(id, bundle, "{\"command\": [\"/no/such\"]}", &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "/no/such"));
    assert_int_equal(oci_container_delete(&instance.runtime, id, bundle, &err), 0);
    assert_int_equal(file_remove_tree(bundle, &err), 0);

    id = "11111111-aaaa-4000-8000-000000000001.app.2";
    assert_int_equal(container_run(id, bundle, "{\"command\": [\"sleep\", \"100\"]}", &err), 0);
    assert_true(oci_container_is_running(&instance.runtime, id));
    assert_int_equal(oci_container_kill(&instance.runtime, id, "KILL", &err), 0);
    assert_int_equal(exit_wait(id), 137);
    assert_int_equal(oci_container_delete(&instance.runtime, id, bundle, &err), 0);
}

static void a_missing_image_says_where_it_was_sought(void **state)
{
    struct error err = {0};
    struct oci_image *image = NULL;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(oci_image_prepare(&instance.images, "no/such:1", false, &image, &err),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(err.reason, "\"no/such:1\""));
    assert_non_null(strstr(err.reason, instance.images.layout_path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_read),
        cmocka_unit_test(spec_overrides_image),
        cmocka_unit_test(what_cannot_run_is_refused),
        cmocka_unit_test(containers_run_and_end),
        cmocka_unit_test(a_missing_image_says_where_it_was_sought),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
