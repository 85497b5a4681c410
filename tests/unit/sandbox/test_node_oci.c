/* SPDX-License-Identifier: Apache-2.0 */
/* What Kubernetes says of a container, in the runtime's configuration. */
#include "test.h"

#include "sandbox/node_oci.h"

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
    SCOPED(json_drop) json_t *own = parse(container);
    SCOPED(json_drop) json_t *pod = parse(pod_security);
    SCOPED(json_drop) json_t *env = parse("{\"A\": \"pod\"}");
    SCOPED(json_drop) json_t *config = parse(image_config);
    struct oci_image image = {.config = config};
    struct node_oci_plan plan = {.container = own,
                                 .pod_security = pod,
                                 .env = env,
                                 .args = json_object_get(own, "args"),
                                 .command = json_object_get(own, "command"),
                                 .hostname = "h",
                                 .netns_path = "/run/netns/x",
                                 .cgroup_path = "/c"};

    return node_oci_build(&plan, &image, ret, err);
}

static void at_path(const json_t *config, const char *path, const char *expected)
{
    SCOPED(json_drop) json_t *wanted = parse(expected);
    json_t *got = json_path_get(config, path);

    if (!json_equal(got, wanted))
        fail_msg("%s is not %s", path, expected);
}

static void spec_overrides_image(void **state)
{
    struct error err = {0};
    SCOPED(json_drop) json_t *config = NULL;

    (void)state;
    assert_int_equal(
        build("{\"args\": [\"x\"], \"securityContext\": {\"runAsUser\": 1337, \"capabilities\": "
              "{\"drop\": [\"ALL\"], \"add\": [\"NET_ADMIN\"]}, \"readOnlyRootFilesystem\": true}}",
              "{\"runAsUser\": 5, \"runAsGroup\": 7, \"fsGroup\": 9}",
              "{\"Entrypoint\": [\"/e\"], \"Cmd\": [\"c\"], \"Env\": [\"A=image\", \"B=b\"]}",
              &config, &err),
        0);
    at_path(config, "process.args", "[\"/e\", \"x\"]");
    at_path(config, "process.env", "[\"B=b\", \"A=pod\"]");
    at_path(config, "process.user", "{\"uid\": 1337, \"gid\": 7, \"additionalGids\": [9]}");
    at_path(config, "process.capabilities.bounding", "[\"CAP_NET_ADMIN\"]");
    at_path(config, "root.readonly", "true");
    at_path(config, "linux.namespaces[4].path", "\"/run/netns/x\"");
}

static void pods_fields_hold_where_the_container_is_silent(void **state)
{
    struct error err = {0};
    SCOPED(json_drop) json_t *config = NULL;

    (void)state;
    assert_int_equal(build("{\"command\": [\"a\"], \"securityContext\": {\"privileged\": true, "
                           "\"allowPrivilegeEscalation\": false}, \"workingDir\": \"/w\"}",
                           "{\"runAsUser\": 5, \"supplementalGroups\": [11, 12], \"fsGroup\": 9, "
                           "\"sysctls\": [{\"name\": \"net.a\", \"value\": \"1\"}]}",
                           "{\"User\": \"3:4\"}", &config, &err),
                     0);
    at_path(config, "process.user", "{\"uid\": 5, \"gid\": 0, \"additionalGids\": [9, 11, 12]}");
    at_path(config, "process.noNewPrivileges", "true");
    at_path(config, "process.cwd", "\"/w\"");
    at_path(config, "linux.sysctl", "{\"net.a\": \"1\"}");
    at_path(config, "linux.resources.devices[0].allow", "true");
    assert_null(json_path_get(config, "linux.maskedPaths"));
}

static void resources_are_weight_quota_and_bytes(void **state)
{
    struct error err = {0};
    SCOPED(json_drop) json_t *config = NULL;

    (void)state;
    assert_int_equal(
        build("{\"command\": [\"a\"], \"resources\": {\"requests\": {\"cpu\": \"250m\"}, "
              "\"limits\": {\"cpu\": \"1.5\", \"memory\": \"64Mi\"}}}",
              "{}", "{}", &config, &err),
        0);
    at_path(config, "linux.resources.cpu",
            "{\"shares\": 256, \"period\": 100000, \"quota\": 150000}");
    at_path(config, "linux.resources.memory", "{\"limit\": 67108864}");
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
    assert_null(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_overrides_image),
        cmocka_unit_test(pods_fields_hold_where_the_container_is_silent),
        cmocka_unit_test(resources_are_weight_quota_and_bytes),
        cmocka_unit_test(what_cannot_run_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
