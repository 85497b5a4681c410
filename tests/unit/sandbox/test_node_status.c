/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent tells of a pod, out of the states of its containers; and rates out of looks. */
#include "test.h"

#include "sandbox/node_int.h"

#include <stdio.h>

static struct instance instance = {.pods_path = "/nowhere", .sandbox_ip = "10.3.0.2"};

/* A pod of an agent that does nothing. `spec` is JSON. */
static struct node_pod *pod_make(struct node *node, const char *spec)
{
    SCOPED(json_drop) json_t *object = NULL;
    char text[2048];

    snprintf(
        text, sizeof text,
        "{\"metadata\": {\"name\": \"p\", \"namespace\": \"n\", \"uid\": \"u\"}, \"spec\": %s}",
        spec);
    *node = (struct node){.instance = &instance};
    assert_int_equal(loop_new(&node->loop), 0);
    assert_int_equal(json_parse(slice_str(text), NULL, &object, NULL), 0);
    return node_pod_new(node, object);
}

static void pod_drop(struct node_pod *pod)
{
    struct loop *loop = pod->node->loop;

    node_pod_free(pod);
    loop_free(loop);
}

/* One letter a container: w waiting, b waiting for a restart, s starting, r running, R running and
 * ready, 0 ended well, 1 ended badly. */
static void states_set(struct node_pod *pod, const char *letters)
{
    for (size_t i = 0; i < pod->container_count; i++) {
        struct node_container *c = &pod->containers[i];
        char letter = letters[i];

        c->ready = letter == 'R';
        c->started = letter == 'r' || letter == 'R';
        c->attempt = letter == 'b';
        c->state = letter == 'w' || letter == 'b'   ? CONTAINER_WAITING
                   : letter == 's'                  ? CONTAINER_STARTING
                   : letter == 'r' || letter == 'R' ? CONTAINER_RUNNING
                                                    : CONTAINER_EXITED;
        c->ended = (struct node_ended){.valid = letter == '0' || letter == '1',
                                       .exit_code = letter == '1',
                                       .reason = letter == '1' ? "Error" : "Completed"};
    }
}

#define TWO "\"containers\": [{\"name\": \"a\"}, {\"name\": \"b\"}]"
#define INIT "\"initContainers\": [{\"name\": \"i\"}], "
#define SIDE "\"initContainers\": [{\"name\": \"s\", \"restartPolicy\": \"Always\"}], "
#define NEVER "\"restartPolicy\": \"Never\", "
#define FAILURE "\"restartPolicy\": \"OnFailure\", "

static void phases_follow_the_containers(void **state)
{
    static const struct {
        const char *spec, *letters, *phase;
    } cases[] = {
        {"{" TWO "}", "ww", "Pending"},
        {"{" TWO "}", "Rs", "Pending"},
        {"{" TWO "}", "rr", "Running"},
        {"{" TWO "}", "Rb", "Running"},
        {"{" TWO "}", "00", "Running"}, /* they are started again */
        {"{" NEVER TWO "}", "0r", "Running"},
        {"{" NEVER TWO "}", "00", "Succeeded"},
        {"{" NEVER TWO "}", "01", "Failed"},
        {"{" FAILURE TWO "}", "00", "Succeeded"},
        {"{" FAILURE TWO "}", "01", "Running"},
        {"{" INIT TWO "}", "rww", "Pending"},
        {"{" INIT TWO "}", "1ww", "Pending"},
        {"{" NEVER INIT TWO "}", "1ww", "Failed"},
        {"{" INIT TWO "}", "0rr", "Running"},
        {"{" SIDE TWO "}", "wrr", "Pending"},
        {"{" SIDE TWO "}", "rrr", "Running"},
        {"{" NEVER SIDE TWO "}", "r00", "Succeeded"}, /* a sidecar does not count */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct node node;
        struct node_pod *pod = pod_make(&node, cases[i].spec);

        states_set(pod, cases[i].letters);
        if (strcmp(node_status_phase(pod), cases[i].phase) != 0)
            fail_msg("%s %s: %s, not %s", cases[i].spec, cases[i].letters, node_status_phase(pod),
                     cases[i].phase);
        pod_drop(pod);
    }
}

/* "Type=Status(reason: message)" of each condition. */
static void conditions_text(const json_t *status, char *out, size_t size)
{
    json_t *condition;
    size_t used = 0;
    size_t i;

    json_array_foreach(json_object_get(status, "conditions"), i, condition)
    {
        const char *reason = json_get_string(condition, "reason");
        const char *message = json_get_string(condition, "message");

        used += (size_t)snprintf(out + used, size - used, "%s=%s%s%s%s%s ",
                                 json_path_string_or(condition, "type", ""),
                                 json_path_string_or(condition, "status", ""), reason ? "(" : "",
                                 reason ? reason : "", message ? ": " : "", message ? message : "");
    }
}

static void conditions_and_containers(void **state)
{
    struct node node;
    struct node_pod *pod = pod_make(&node, "{" INIT TWO "}");
    json_t *status;
    char text[1024];

    (void)state;
    pod->ready = true;
    snprintf(pod->ip, sizeof pod->ip, "10.0.0.9");
    states_set(pod, "0Rr");
    status = node_status_build(pod, 0);
    conditions_text(status, text, sizeof text);
    assert_string_equal(text,
                        "PodReadyToStartContainers=True Initialized=True "
                        "Ready=False(ContainersNotReady: containers with unready status: [b] "
                        "ContainersReady=False(ContainersNotReady: containers with unready status: "
                        "[b] PodScheduled=True ");
    assert_string_equal(json_path_string(status, "podIP"), "10.0.0.9");
    assert_string_equal(json_path_string(status, "hostIP"), "10.3.0.2");
    assert_string_equal(json_path_string(status, "qosClass"), "BestEffort");
    assert_string_equal(
        json_path_string(status, "initContainerStatuses[0].state.terminated.reason"), "Completed");
    assert_true(json_path_bool(status, "initContainerStatuses[0].ready", false));
    assert_true(json_path_bool(status, "containerStatuses[0].started", false));
    json_decref(status);
    states_set(pod, "0RR");
    status = node_status_build(pod, 0);
    conditions_text(status, text, sizeof text);
    assert_non_null(strstr(text, " Ready=True "));
    json_decref(status);
    pod_drop(pod);
}

static void a_restart_counts_once_it_runs(void **state)
{
    struct node node;
    struct node_pod *pod = pod_make(&node, "{" TWO "}");
    json_t *status;

    (void)state;
    states_set(pod, "Rb");
    pod->containers[1].waiting_reason = "CrashLoopBackOff";
    pod->containers[1].last = (struct node_ended){.valid = true, .exit_code = 3, .reason = "Error"};
    status = node_status_build(pod, 0);
    assert_int_equal(json_path_int(status, "containerStatuses[1].restartCount", -1), 0);
    assert_string_equal(json_path_string(status, "containerStatuses[1].state.waiting.reason"),
                        "CrashLoopBackOff");
    assert_int_equal(json_path_int(status, "containerStatuses[1].lastState.terminated.exitCode", 0),
                     3);
    json_decref(status);
    pod_drop(pod);
}

static void rates_come_from_two_looks(void **state)
{
    struct node_usage usage = {0};

    (void)state;
    node_usage_add(&usage, &(struct cgroup_usage){.cpu_ns = 5000000, .memory_size = 10}, 1000);
    assert_int_equal(usage.window_ms, 0);
    node_usage_add(&usage, &(struct cgroup_usage){.cpu_ns = 255000000, .memory_size = 20}, 2000);
    assert_int_equal(usage.window_ms, 1000);
    assert_int_equal(usage.cpu_nano, 250000000); /* a quarter of a core */
    assert_int_equal(usage.memory_size, 20);
    node_usage_add(&usage, &(struct cgroup_usage){.cpu_ns = 1}, 3000); /* a new group */
    assert_int_equal(usage.cpu_nano, 250000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_follow_the_containers),
        cmocka_unit_test(conditions_and_containers),
        cmocka_unit_test(a_restart_counts_once_it_runs),
        cmocka_unit_test(rates_come_from_two_looks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
