/* SPDX-License-Identifier: Apache-2.0 */
/* A container's life: what each step leads to and how it is told. */
#include "test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "sandbox/node/container.h"

#include <stdio.h>

struct world {
    json_t *pod;
    struct container c;
    struct buf events; /* "W Reason: message\n"; N for one that is no warning */
};

static void on_event(bool is_warning, const char *reason, const char *message, void *ctx)
{
    struct world *w = ctx;

    buf_printf(&w->events, "%c %s: %s\n", is_warning ? 'W' : 'N', reason, message);
}

/* A container "a" of image "i"; `pod` and `more` are JSON members of the pod's and its spec. */
static void begin(struct world *w, const char *pod, const char *list, const char *more)
{
    SCOPED(mem_drop)
    char *text =
        mem_printf("{\"metadata\": {\"name\": \"p\", \"namespace\": \"n\", \"uid\": \"u\"}, "
                   "\"spec\": {%s\"%s\": [{\"name\": \"a\", \"image\": \"i\"%s}]}}",
                   pod, list, more);
    SCOPED(mem_drop) char *path = mem_printf("spec.%s[0]", list);

    *w = (struct world){0};
    buf_init(&w->events, 65536);
    assert_int_equal(json_parse(slice_str(text), NULL, &w->pod, NULL), 0);
    container_init(&w->c, w->pod, json_path_get(w->pod, path), list[0] == 'i', on_event, w);
}

static void end(struct world *w)
{
    container_deinit(&w->c);
    buf_deinit(&w->events);
    json_decref(w->pod);
}

/* What was told since the last call. */
static void assert_events(struct world *w, const char *expected)
{
    assert_slice(buf_slice(&w->events), expected);
    buf_reset(&w->events);
}

static void policies_say_what_is_started_again(void **state)
{
    static const struct {
        const char *pod, *list, *more;
        bool after_0, after_1;
    } cases[] = {
        {"", "containers", "", true, true},
        {"\"restartPolicy\": \"OnFailure\", ", "containers", "", false, true},
        {"\"restartPolicy\": \"Never\", ", "containers", "", false, false},
        {"", "initContainers", "", false, true},
        {"\"restartPolicy\": \"Never\", ", "initContainers", "", false, false},
        {"\"restartPolicy\": \"Never\", ", "initContainers", ", \"restartPolicy\": \"Always\"",
         true, true}, /* a sidecar */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;

        begin(&w, cases[i].pod, cases[i].list, cases[i].more);
        container_exit(&w.c, 0, 0, false, "");
        assert_int_equal(container_is_to_restart(&w.c), cases[i].after_0);
        container_exit(&w.c, 1, 0, false, "");
        assert_int_equal(container_is_to_restart(&w.c), cases[i].after_1);
        end(&w);
    }
}

static void a_good_start_is_told_in_three_events(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "\"initContainers\": [{}], ", "containers", "");
    assert_string_equal(w.c.waiting_reason, "PodInitializing");
    assert_int_equal(container_wait(&w.c, 1), 0);
    container_begin(&w.c);
    assert_true(container_is_active(&w.c));
    assert_string_equal(w.c.waiting_reason, "ContainerCreating");
    container_run(&w.c, "sha256:1", true, 5);
    assert_int_equal(w.c.state, CONTAINER_RUNNING);
    assert_string_equal(w.c.image_id, "sha256:1");
    assert_events(&w, "N Pulled: Container image \"i\" already present on machine\n"
                      "N Created: Created container: a\n"
                      "N Started: Started container a\n");
    container_run(&w.c, "sha256:1", false, 5);
    assert_slice(slice_head(buf_slice(&w.events), 41),
                 "N Pulled: Successfully pulled image \"i\"\nN");
    end(&w);
}

/* The first restart comes at once, the next later and later; ten good minutes reset that. */
static void restarts_back_off(void **state)
{
    static const struct {
        int64_t ran_ms;
        uint64_t delay_ms;
    } runs[] = {{5, 0}, {5, 10000}, {5, 20000}, {599999, 40000}, {600000, 0}, {5, 10000}};
    struct world w;

    (void)state;
    begin(&w, "", "containers", "");
    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        w.c.state = CONTAINER_RUNNING;
        w.c.started_ms = 1000;
        container_exit(&w.c, 1, 1000 + runs[i].ran_ms, false, "");
        container_restart(&w.c, 7);
        assert_int_equal(w.c.state, CONTAINER_WAITING);
        assert_int_equal(w.c.attempt, i + 1);
        assert_int_equal(w.c.start_at_ms, 7 + runs[i].delay_ms);
        assert_int_equal(container_wait(&w.c, 6), w.c.start_at_ms);
        assert_int_equal(container_wait(&w.c, w.c.start_at_ms), 0);
        assert_string_equal(w.c.waiting_reason,
                            runs[i].delay_ms ? "CrashLoopBackOff" : "ContainerCreating");
        assert_true(w.c.last.valid && w.c.last.exit_code == 1 && !w.c.ended.valid);
        assert_events(&w, runs[i].delay_ms
                              ? "W BackOff: Back-off restarting failed container a in pod p_n(u)\n"
                              : "");
    }
    assert_string_equal(w.c.waiting_message,
                        "back-off 10s restarting failed container=a pod=p_n(u)");
    end(&w);
}

static void a_pull_backs_off_on_its_own(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "", "containers", "");
    container_begin(&w.c);
    container_pull_failed(&w.c, "no such image", 1000);
    assert_string_equal(w.c.waiting_reason, "ErrImagePull");
    assert_events(&w, "W Failed: Failed to pull image \"i\": no such image\n"
                      "W Failed: Error: ErrImagePull\n");
    assert_int_equal(container_wait(&w.c, 2999), 3000);
    assert_int_equal(container_wait(&w.c, 3000), 11000);
    assert_string_equal(w.c.waiting_reason, "ImagePullBackOff");
    assert_string_equal(w.c.waiting_message,
                        "Back-off pulling image \"i\": ErrImagePull: no such image");
    assert_events(&w, "N BackOff: Back-off pulling image \"i\"\n");
    assert_int_equal(container_wait(&w.c, 4000), 11000);
    assert_events(&w, ""); /* told once */
    container_begin(&w.c);
    assert_string_equal(w.c.waiting_reason, "ImagePullBackOff"); /* until it is known better */
    container_pull_failed(&w.c, "no such image", 11000);
    assert_int_equal(w.c.start_at_ms, 31000);
    container_run(&w.c, "", false, 0);
    container_exit(&w.c, 1, 1, false, "");
    container_restart(&w.c, 40000);
    assert_int_equal(w.c.start_at_ms, 40000);
    end(&w);
    begin(&w, "", "containers", ", \"imagePullPolicy\": \"Never\"");
    container_pull_failed(&w.c, "unused", 1000);
    assert_string_equal(w.c.waiting_reason, "ErrImageNeverPull");
    assert_events(&w, "W ErrImageNeverPull: Container image \"i\" is not present with pull policy "
                      "of Never\n");
    end(&w);
}

static void a_start_that_fails_says_why(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "", "containers", "");
    for (int i = 0; i < 2; i++) {
        container_config_failed(&w.c, "secret \"s\" not found", 500);
        assert_string_equal(w.c.waiting_reason, "CreateContainerConfigError");
        assert_string_equal(w.c.waiting_message, "secret \"s\" not found");
        assert_int_equal(w.c.start_at_ms, 500);
        assert_events(&w, i == 0 ? "W Failed: Error: secret \"s\" not found\n" : "");
    }
    container_begin(&w.c);
    container_run_failed(&w.c, "exec: no such file", 9);
    assert_int_equal(w.c.state, CONTAINER_EXITED);
    assert_int_equal(w.c.ended.exit_code, 128);
    assert_string_equal(w.c.ended.reason, "StartError");
    assert_string_equal(w.c.ended.message, "exec: no such file");
    assert_events(&w, "W Failed: Error: exec: no such file\n");
    end(&w);
}

static void ends_have_reasons_and_last_words(void **state)
{
    static const struct {
        int exit_code;
        bool out_of_memory;
        const char *reason;
    } cases[] = {
        {0, false, "Completed"}, {0, true, "Completed"}, {1, false, "Error"},
        {1, true, "Error"},      {137, false, "Error"},  {137, true, "OOMKilled"},
    };
    struct world w;

    (void)state;
    begin(&w, "", "containers", "");
    snprintf(w.c.id, sizeof w.c.id, "run0");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        container_exit(&w.c, cases[i].exit_code, 1, cases[i].out_of_memory, "last words");
        assert_string_equal(w.c.ended.reason, cases[i].reason);
        assert_string_equal(w.c.ended.message, "last words");
        assert_string_equal(w.c.ended.id, "run0");
        assert_int_equal(container_ended_well(&w.c), cases[i].exit_code == 0);
    }
    container_exit(&w.c, 0, 1, false, "");
    assert_null(w.c.ended.message);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_say_what_is_started_again),
        cmocka_unit_test(a_good_start_is_told_in_three_events),
        cmocka_unit_test(restarts_back_off),
        cmocka_unit_test(a_pull_backs_off_on_its_own),
        cmocka_unit_test(a_start_that_fails_says_why),
        cmocka_unit_test(ends_have_reasons_and_last_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
