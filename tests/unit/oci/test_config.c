/* SPDX-License-Identifier: Apache-2.0 */
/* A plan and an image's wishes to config.json: defaults, what overrules what, what is refused. */
#include "test.h"

#include "oci/config.h"

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *out = NULL;

    if (json_parse(slice_str(text), NULL, &out, &err) < 0)
        fail_msg("%s", err.reason);
    return out;
}

static json_t *build(const struct oci_plan *plan, const char *image_config)
{
    SCOPED(json_drop) json_t *config = parse(image_config);
    const struct oci_image image = {.config = config};
    struct error err = {0};
    json_t *out = NULL;

    if (oci_config_build(plan, &image, &out, &err) < 0)
        fail_msg("%s", err.reason);
    return out;
}

static void at_path(const json_t *config, const char *path, const char *expected)
{
    SCOPED(json_drop) json_t *wanted = parse(expected);

    if (!json_equal(json_path_get(config, path), wanted))
        fail_msg("%s is not %s", path, expected);
}

static void an_empty_plan_is_what_the_image_wants(void **state)
{
    const struct oci_plan plan = {0};
    SCOPED(json_drop)
    json_t *config = build(&plan, "{\"Entrypoint\": [\"/e\"], \"Cmd\": [\"c\"], \"Env\": [\"A=1\"],"
                                  "\"WorkingDir\": \"/srv\"}");

    (void)state;
    at_path(config, "process.args", "[\"/e\", \"c\"]");
    at_path(config, "process.env", "[\"A=1\"]");
    at_path(config, "process.cwd", "\"/srv\"");
    at_path(config, "process.terminal", "false");
    at_path(config, "process.user", "{\"uid\": 0, \"gid\": 0, \"additionalGids\": []}");
    at_path(config, "root", "{\"path\": \"rootfs\", \"readonly\": false}");
    at_path(config, "linux.resources.cpu", "{\"shares\": 2}");
    at_path(config, "linux.namespaces[4]", "{\"type\": \"network\"}");
    assert_int_equal(json_array_size(json_path_get(config, "process.capabilities.bounding")), 14);
    assert_int_equal(json_array_size(json_path_get(config, "linux.maskedPaths")), 7);
    assert_null(json_path_get(config, "linux.resources.memory"));
    assert_null(json_path_get(config, "linux.cgroupsPath"));
    assert_null(json_path_get(config, "hostname"));
}

static void a_command_drops_the_images_arguments(void **state)
{
    SCOPED(json_drop) json_t *command = parse("[\"mine\"]");
    SCOPED(json_drop) json_t *args = parse("[\"x\"]");
    const char *image = "{\"Entrypoint\": [\"/e\"], \"Cmd\": [\"c\"]}";
    struct oci_plan plan = {.command = command};
    SCOPED(json_drop) json_t *with_command = build(&plan, image);
    SCOPED(json_drop) json_t *with_args = NULL;

    (void)state;
    at_path(with_command, "process.args", "[\"mine\"]");
    plan = (struct oci_plan){.args = args};
    with_args = build(&plan, image);
    at_path(with_args, "process.args", "[\"/e\", \"x\"]");
}

static void capabilities_are_dropped_then_added(void **state)
{
    static const struct {
        const char *add, *drop;
        bool privileged;
        size_t count;
    } cases[] = {
        {"[]", "[\"all\"]", false, 0},
        {"[\"cap_net_admin\"]", "[\"ALL\"]", false, 1},
        {"[\"SYS_TIME\"]", "[\"CHOWN\", \"KILL\"]", false, 13},
        {"[\"CHOWN\"]", "[\"CHOWN\"]", false, 14},
        {"[\"ALL\"]", "[]", false, 38},
        {"[]", "[\"ALL\"]", true, 38},
        {"[1]", "[null]", false, 14},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *add = parse(cases[i].add);
        SCOPED(json_drop) json_t *drop = parse(cases[i].drop);
        const struct oci_plan plan = {
            .capability_add = add, .capability_drop = drop, .privileged = cases[i].privileged};
        SCOPED(json_drop) json_t *config = build(&plan, "{\"Cmd\": [\"c\"]}");

        for (const char *const *set =
                 (const char *const[]){"bounding", "effective", "permitted", NULL};
             *set; set++) {
            json_t *sets = json_path_get(config, "process.capabilities");

            assert_int_equal(json_array_size(json_object_get(sets, *set)), cases[i].count);
        }
    }
}

static void a_plan_says_where_and_how_much(void **state)
{
    SCOPED(json_drop)
    json_t *mounts = parse("[{\"source\": \"/a\", \"path\": \"/b\", \"readOnly\": true}]");
    SCOPED(json_drop) json_t *env = parse("{\"A\": \"mine\"}");
    SCOPED(json_drop) json_t *groups = parse("[9]");
    const struct oci_plan plan = {.mounts = mounts,
                                  .env = env,
                                  .groups = groups,
                                  .user = {.uid = 1, .gid = 2},
                                  .tty = true,
                                  .hostname = "h",
                                  .cgroup_path = "/c",
                                  .netns_path = "/n",
                                  .cpu_shares = 512,
                                  .cpu_quota_us = 5000,
                                  .memory_size = 4096};
    SCOPED(json_drop)
    json_t *config = build(&plan, "{\"Cmd\": [\"c\"], \"Env\": [\"A=image\", \"B=\"]}");

    (void)state;
    at_path(config, "mounts[7]",
            "{\"destination\": \"/b\", \"type\": \"bind\", \"source\": \"/a\","
            "\"options\": [\"rbind\", \"rprivate\", \"ro\"]}");
    at_path(config, "process.env", "[\"B=\", \"A=mine\"]");
    at_path(config, "process.user", "{\"uid\": 1, \"gid\": 2, \"additionalGids\": [9]}");
    at_path(config, "process.terminal", "true");
    at_path(config, "linux.cgroupsPath", "\"/c\"");
    at_path(config, "linux.namespaces[4].path", "\"/n\"");
    at_path(config, "linux.resources",
            "{\"devices\": [{\"allow\": false, \"access\": \"rwm\"}],"
            "\"cpu\": {\"shares\": 512, \"period\": 100000, \"quota\": 5000},"
            "\"memory\": {\"limit\": 4096}}");
}

static void without_a_command_nothing_is_built(void **state)
{
    SCOPED(json_drop) json_t *empty = json_object();
    const struct oci_image image = {.config = empty};
    const struct oci_plan plan = {0};
    struct error err = {0};
    json_t *out = NULL;

    (void)state;
    assert_int_equal(oci_config_build(&plan, &image, &out, &err), ERR_INVALID);
    assert_non_null(strstr(err.reason, "no command"));
    assert_null(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_plan_is_what_the_image_wants),
        cmocka_unit_test(a_command_drops_the_images_arguments),
        cmocka_unit_test(capabilities_are_dropped_then_added),
        cmocka_unit_test(a_plan_says_where_and_how_much),
        cmocka_unit_test(without_a_command_nothing_is_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
