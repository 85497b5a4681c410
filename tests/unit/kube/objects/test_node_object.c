/* SPDX-License-Identifier: Apache-2.0 */
/* The Node that an agent makes and keeps up. */
#include "test.h"

#include "kube/objects/node_object.h"

static const struct node_facts facts = {.name = "n1",
                                        .internal_ip = "10.3.0.2",
                                        .os_image = "os",
                                        .kernel_version = "6.1",
                                        .runtime_version = "runc://1",
                                        .kubelet_version = "v1.34.0",
                                        .cpu_count = 2,
                                        .pod_max = 110,
                                        .memory_size = 4096 * 1024,
                                        .since_ms = 1000};

static void the_fields_that_people_see(void **state)
{
    static const struct {
        const char *path, *value;
    } fields[] = {
        {"kind", "Node"},
        {"metadata.name", "n1"},
        {"status.addresses[0].type", "InternalIP"},
        {"status.addresses[0].address", "10.3.0.2"},
        {"status.addresses[1].address", "n1"},
        {"status.capacity.cpu", "2"},
        {"status.capacity.memory", "4096Ki"},
        {"status.allocatable.pods", "110"},
        {"status.nodeInfo.kubeletVersion", "v1.34.0"},
        {"status.nodeInfo.containerRuntimeVersion", "runc://1"},
        {"status.nodeInfo.kernelVersion", "6.1"},
        {"status.conditions[3].type", "Ready"},
        {"status.conditions[3].status", "True"},
        {"status.conditions[3].reason", "KubeletReady"},
        {"status.conditions[3].lastHeartbeatTime", "1970-01-01T00:01:00Z"},
        {"status.conditions[3].lastTransitionTime", "1970-01-01T00:00:01Z"},
    };
    SCOPED(json_drop) json_t *node = node_object_new(&facts, 60000);
    SCOPED(json_drop) json_t *status = node_object_status(&facts, 60000);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        assert_string_equal(json_path_string_or(node, fields[i].path, fields[i].path),
                            fields[i].value);
    assert_string_equal(
        json_get_string(json_path_get(node, "metadata.labels"), "kubernetes.io/hostname"), "n1");
    assert_int_equal(json_object_size(status), 1);
    assert_true(json_equal(json_object_get(status, "status"), json_object_get(node, "status")));
}

static void no_pressure_is_told(void **state)
{
    static const char *const types[] = {"MemoryPressure", "DiskPressure", "PIDPressure"};
    SCOPED(json_drop) json_t *status = node_object_status(&facts, 0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const json_t *found =
            json_array_find(json_path_get(status, "status.conditions"), "type", types[i]);

        assert_string_equal(json_path_string_or(found, "status", ""), "False");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fields_that_people_see),
        cmocka_unit_test(no_pressure_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
