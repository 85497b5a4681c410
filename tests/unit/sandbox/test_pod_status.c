/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent tells of a pod, out of the states of its containers. */
#include "test.h"

#include "base/mem.h"
#include "sandbox/node/pod_status.h"

#include <stdio.h>

enum { CONTAINERS_MAX = 4 };

struct pod {
    json_t *object;
    struct container containers[CONTAINERS_MAX];
    struct pod_facts facts;
};

/* `spec` is JSON, `status` too (NULL: none). */
static void pod_make(struct pod *pod, const char *spec, const char *status)
{
    static const char *const lists[] = {"spec.initContainers", "spec.containers"};
    SCOPED(mem_drop)
    char *text = mem_printf("{\"metadata\": {\"name\": \"p\"}, \"spec\": %s, \"status\": %s}", spec,
                            status ? status : "{}");

    *pod = (struct pod){0};
    assert_int_equal(json_parse(slice_str(text), NULL, &pod->object, NULL), 0);
    pod->facts = (struct pod_facts){.object = pod->object,
                                    .containers = pod->containers,
                                    .runtime = "runc",
                                    .host_ip = "10.3.0.2",
                                    .ip = "",
                                    .has_network = true};
    for (size_t list = 0; list < ARRAY_LEN(lists); list++) {
        json_t *item;
        size_t i;

        json_array_foreach(json_path_get(pod->object, lists[list]), i, item)
        {
            assert_true(pod->facts.container_count < CONTAINERS_MAX);
            container_init(&pod->containers[pod->facts.container_count++], pod->object, item,
                           list == 0, NULL, NULL);
        }
        if (list == 0)
            pod->facts.init_count = pod->facts.container_count;
    }
}

static void pod_drop(struct pod *pod)
{
    for (size_t i = 0; i < pod->facts.container_count; i++)
        container_deinit(&pod->containers[i]);
    json_decref(pod->object);
}

/* One letter a container: w waiting, b waiting for a restart, s starting, r running, R running and
 * ready, 0 ended well, 1 ended badly. */
static void states_set(struct pod *pod, const char *letters)
{
    for (size_t i = 0; i < pod->facts.container_count; i++) {
        struct container *c = &pod->containers[i];
        char letter = letters[i];

        c->ready = letter == 'R';
        c->started = letter == 'r' || letter == 'R';
        c->attempt = letter == 'b';
        c->state = letter == 'w' || letter == 'b'   ? CONTAINER_WAITING
                   : letter == 's'                  ? CONTAINER_STARTING
                   : letter == 'r' || letter == 'R' ? CONTAINER_RUNNING
                                                    : CONTAINER_EXITED;
        if (letter == '0' || letter == '1')
            container_exit(c, letter - '0', 0, false, "");
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
        bool is_stopping;
    } cases[] = {
        {"{" TWO "}", "ww", "Pending", false},
        {"{" TWO "}", "Rs", "Pending", false},
        {"{" TWO "}", "rr", "Running", false},
        {"{" TWO "}", "Rb", "Running", false},
        {"{" TWO "}", "00", "Running", false}, /* they are started again */
        {"{" NEVER TWO "}", "0r", "Running", false},
        {"{" NEVER TWO "}", "00", "Succeeded", false},
        {"{" NEVER TWO "}", "01", "Failed", false},
        {"{" FAILURE TWO "}", "00", "Succeeded", false},
        {"{" FAILURE TWO "}", "01", "Running", false},
        {"{" INIT TWO "}", "rww", "Pending", false},
        {"{" INIT TWO "}", "1ww", "Pending", false},
        {"{" NEVER INIT TWO "}", "1ww", "Failed", false},
        {"{" INIT TWO "}", "0rr", "Running", false},
        {"{" SIDE TWO "}", "wrr", "Pending", false},
        {"{" SIDE TWO "}", "rrr", "Running", false},
        {"{" NEVER SIDE TWO "}", "r00", "Succeeded", false}, /* a sidecar does not count */
        {"{" TWO "}", "Rw", "Running", true},
        {"{" TWO "}", "00", "Succeeded", true}, /* nobody starts them again */
        {"{" TWO "}", "01", "Failed", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pod pod;
        const char *phase;

        pod_make(&pod, cases[i].spec, NULL);
        states_set(&pod, cases[i].letters);
        pod.facts.is_stopping = cases[i].is_stopping;
        phase = pod_status_phase(&pod.facts);
        if (strcmp(phase, cases[i].phase) != 0)
            fail_msg("%s %s: %s, not %s", cases[i].spec, cases[i].letters, phase, cases[i].phase);
        pod_drop(&pod);
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
    struct pod pod;
    json_t *status;
    char text[1024];

    (void)state;
    pod_make(&pod, "{" INIT TWO "}", NULL);
    pod.facts.ip = "10.0.0.9";
    states_set(&pod, "0Rr");
    snprintf(pod.containers[1].id, sizeof pod.containers[1].id, "u.a.0");
    status = pod_status_build(&pod.facts, 0);
    conditions_text(status, text, sizeof text);
    assert_string_equal(text,
                        "PodReadyToStartContainers=True Initialized=True "
                        "Ready=False(ContainersNotReady: containers with unready status: [b] "
                        "ContainersReady=False(ContainersNotReady: containers with unready status: "
                        "[b] PodScheduled=True ");
    assert_string_equal(json_path_string(status, "podIP"), "10.0.0.9");
    assert_string_equal(json_path_string(status, "podIPs[0].ip"), "10.0.0.9");
    assert_string_equal(json_path_string(status, "hostIP"), "10.3.0.2");
    assert_string_equal(json_path_string(status, "qosClass"), "BestEffort");
    assert_string_equal(
        json_path_string(status, "initContainerStatuses[0].state.terminated.reason"), "Completed");
    assert_true(json_path_bool(status, "initContainerStatuses[0].ready", false));
    assert_true(json_path_bool(status, "containerStatuses[0].started", false));
    assert_string_equal(json_path_string(status, "containerStatuses[0].containerID"),
                        "runc://u.a.0");
    json_decref(status);
    states_set(&pod, "0RR");
    status = pod_status_build(&pod.facts, 0);
    conditions_text(status, text, sizeof text);
    assert_non_null(strstr(text, " Ready=True "));
    json_decref(status);
    pod_drop(&pod);
}

static void a_restart_counts_once_it_runs(void **state)
{
    struct pod pod;
    json_t *status;

    (void)state;
    pod_make(&pod, "{" TWO "}", NULL);
    states_set(&pod, "Rb");
    pod.containers[1].waiting_reason = "CrashLoopBackOff";
    container_end_set(&pod.containers[1].last, 3, 0, 0, false, "");
    status = pod_status_build(&pod.facts, 0);
    assert_int_equal(json_path_int(status, "containerStatuses[1].restartCount", -1), 0);
    assert_string_equal(json_path_string(status, "containerStatuses[1].state.waiting.reason"),
                        "CrashLoopBackOff");
    assert_int_equal(json_path_int(status, "containerStatuses[1].lastState.terminated.exitCode", 0),
                     3);
    json_decref(status);
    pod_drop(&pod);
}

/* Gates are conditions of others: kept, and needed for Ready alone. */
static void readiness_gates_hold_back_ready(void **state)
{
    static const char spec[] = "{\"readinessGates\": [{\"conditionType\": \"x/y\"}], " TWO "}";
    static const struct {
        const char *status, *text;
    } cases[] = {
        {"{}", "Ready=False(ReadinessGatesNotReady ContainersReady=True PodScheduled=True "},
        {"{\"conditions\": [{\"type\": \"x/y\", \"status\": \"False\"}]}",
         "Ready=False(ReadinessGatesNotReady ContainersReady=True PodScheduled=True x/y=False "},
        {"{\"conditions\": [{\"type\": \"x/y\", \"status\": \"True\"}]}",
         "Ready=True ContainersReady=True PodScheduled=True x/y=True "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pod pod;
        json_t *status;
        char text[1024];

        pod_make(&pod, spec, cases[i].status);
        states_set(&pod, "RR");
        status = pod_status_build(&pod.facts, 0);
        conditions_text(status, text, sizeof text);
        assert_string_equal(strstr(text, "Ready="), cases[i].text);
        json_decref(status);
        pod_drop(&pod);
    }
}

static const char *since_of(const json_t *status, const char *type)
{
    return json_path_string_or(json_array_find(json_object_get(status, "conditions"), "type", type),
                               "lastTransitionTime", "");
}

static void conditions_keep_their_time_while_they_stay(void **state)
{
    struct pod pod;
    json_t *first, *second;

    (void)state;
    pod_make(&pod, "{" TWO "}", NULL);
    states_set(&pod, "Rr");
    first = pod_status_build(&pod.facts, 0);
    states_set(&pod, "RR");
    pod.facts.former = first;
    second = pod_status_build(&pod.facts, 60000);
    assert_string_equal(since_of(second, "Initialized"), "1970-01-01T00:00:00Z");
    assert_string_equal(since_of(second, "Ready"), "1970-01-01T00:01:00Z");
    json_decref(first);
    json_decref(second);
    pod_drop(&pod);
}

static void quality_of_service_follows_the_resources(void **state)
{
    static const struct {
        const char *resources, *qos;
    } cases[] = {
        {"{}", "BestEffort"},
        {"{\"requests\": {\"cpu\": \"1\"}}", "Burstable"},
        {"{\"limits\": {\"cpu\": \"1\", \"memory\": \"1Mi\"}}", "Burstable"},
        {"{\"limits\": {\"cpu\": \"1\", \"memory\": \"1Mi\"}, "
         "\"requests\": {\"cpu\": \"1\", \"memory\": \"1Mi\"}}",
         "Guaranteed"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(mem_drop)
        char *spec = mem_printf("{\"containers\": [{\"name\": \"a\", \"resources\": %s}]}",
                                cases[i].resources);
        struct pod pod;
        json_t *status;

        pod_make(&pod, spec, NULL);
        status = pod_status_build(&pod.facts, 0);
        assert_string_equal(json_path_string(status, "qosClass"), cases[i].qos);
        json_decref(status);
        pod_drop(&pod);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_follow_the_containers),
        cmocka_unit_test(conditions_and_containers),
        cmocka_unit_test(a_restart_counts_once_it_runs),
        cmocka_unit_test(readiness_gates_hold_back_ready),
        cmocka_unit_test(conditions_keep_their_time_while_they_stay),
        cmocka_unit_test(quality_of_service_follows_the_resources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
