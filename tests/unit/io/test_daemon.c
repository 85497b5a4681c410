/* SPDX-License-Identifier: Apache-2.0 */
/* Background programs: this test is the daemon too, when its first argument says so.
 *
 *   test_io_daemon run FOLDER     takes the lock and waits for SIGTERM
 *   test_io_daemon deaf FOLDER    the same, and does not hear SIGTERM
 *   test_io_daemon fail FOLDER    says why on its log and ends
 */
#include "test.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "io/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct daemon daemon_in(const char *folder, const char *verb)
{
    struct daemon daemon = {.name = "worker", .argv = {"test_io_daemon", verb, folder}};

    snprintf(daemon.pid_path, sizeof daemon.pid_path, "%s/worker.pid", folder);
    snprintf(daemon.log_path, sizeof daemon.log_path, "%s/worker.log", folder);
    return daemon;
}

static int be_daemon(const char *verb, const char *folder)
{
    struct daemon daemon = daemon_in(folder, verb);

    if (strcmp(verb, "fail") == 0) {
        fprintf(stderr, "no such luck\n");
        return 1;
    }
    if (strcmp(verb, "deaf") == 0)
        signal(SIGTERM, SIG_IGN);
    if (daemon_enter(&daemon, NULL) != 0)
        return 1;
    alarm(60); /* should the test die first */
    for (;;)
        pause();
}

static int folder_make(void **state)
{
    static char folder[64];

    snprintf(folder, sizeof folder, "/tmp/weft-test-daemon-XXXXXX");
    *state = mkdtemp(folder);
    return *state == NULL;
}

static int folder_remove(void **state)
{
    return file_remove_tree(*state, NULL);
}

static void one_runs_until_it_is_stopped(void **state)
{
    struct daemon daemon = daemon_in(*state, "run");
    struct error err = {0};
    pid_t pid;

    assert_int_equal(daemon_pid(&daemon), 0);
    assert_int_equal(daemon_stop(&daemon, &err), 0);
    assert_int_equal(daemon_start(&daemon, &err), 0);
    pid = daemon_pid(&daemon);
    assert_true(pid > 0);
    assert_int_equal(getsid(pid), pid); /* of its own: our terminal's end is not its end */
    assert_int_equal(daemon_start(&daemon, &err), 0);
    assert_int_equal(daemon_pid(&daemon), pid);
    assert_int_equal(daemon_enter(&daemon, &err), ERR_BUSY);
    assert_non_null(strstr(err.reason, "worker runs already"));
    assert_int_equal(daemon_stop(&daemon, &err), 0);
    assert_int_equal(daemon_pid(&daemon), 0);
    assert_int_equal(kill(pid, 0), -1);
}

static void a_number_without_a_lock_is_nobody(void **state)
{
    struct daemon daemon = daemon_in(*state, "run");

    assert_int_equal(file_write(daemon.pid_path, SLICE("1\n"), 0644, NULL), 0);
    assert_int_equal(daemon_pid(&daemon), 0);
    assert_int_equal(daemon_stop(&daemon, NULL), 0);
}

static void who_does_not_hear_is_killed(void **state)
{
    struct daemon daemon = daemon_in(*state, "deaf");

    assert_int_equal(daemon_start(&daemon, NULL), 0);
    assert_int_equal(daemon_stop(&daemon, NULL), 0);
    assert_int_equal(daemon_pid(&daemon), 0);
}

static void a_failed_start_points_to_the_log(void **state)
{
    struct daemon daemon = daemon_in(*state, "fail");
    SCOPED(buf_deinit) struct buf text;
    struct error err = {0};

    buf_init(&text, 4096);
    assert_int_equal(daemon_start(&daemon, &err), ERR_INTERNAL);
    assert_non_null(strstr(err.reason, "worker did not start: see /tmp/weft-test-daemon-"));
    assert_int_equal(file_read(daemon.log_path, &text, NULL), 0);
    assert_true(slice_eq_str(buf_slice(&text), "no such luck\n"));
}

static void end(const struct daemon *daemon)
{
    pid_t pid = daemon_pid(daemon);

    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void who_ends_soon_is_started_later_and_later(void **state)
{
    struct daemon daemon = daemon_in(*state, "run");
    struct daemon_watch watch = {0};
    uint64_t now_ms = 1000000;

    assert_int_equal(daemon_watch_look(&daemon, &watch, now_ms, NULL), DAEMON_STARTED);
    assert_int_equal(daemon_watch_look(&daemon, &watch, now_ms + 100, NULL), DAEMON_RUNS);
    for (uint64_t wait_ms = 1000; wait_ms <= 32000; wait_ms *= 2) { /* 1, 2, 4, 8, 16, 30 s */
        end(&daemon);
        assert_int_equal(daemon_watch_look(&daemon, &watch, now_ms, NULL), DAEMON_WAITS);
        now_ms += MIN(wait_ms, (uint64_t)30000);
        assert_int_equal(daemon_watch_look(&daemon, &watch, now_ms - 1, NULL), DAEMON_WAITS);
        assert_int_equal(daemon_watch_look(&daemon, &watch, now_ms, NULL), DAEMON_STARTED);
    }
    now_ms += 10001; /* it lived long: at once, as at first */
    assert_int_equal(daemon_watch_look(&daemon, &watch, now_ms, NULL), DAEMON_RUNS);
    end(&daemon);
    assert_int_equal(daemon_watch_look(&daemon, &watch, now_ms, NULL), DAEMON_STARTED);
    assert_int_equal(daemon_stop(&daemon, NULL), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_runs_until_it_is_stopped, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_number_without_a_lock_is_nobody, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(who_does_not_hear_is_killed, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_failed_start_points_to_the_log, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(who_ends_soon_is_started_later_and_later, folder_make,
                                        folder_remove),
    };

    if (argc > 2)
        return be_daemon(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
