/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's processes: apiserver, controllers, node, and the supervisor that starts them again
 * when they end before their time. Each holds a lock on its pid file while it
 * lives, so "runs" is a fact and not a guess about a number; each writes to its log file.
 *
 *   INSTANCE/run/NAME.pid     INSTANCE/logs/NAME.log
 *
 * Place   `weft sandbox`: up starts them as `weft sandbox run-NAME --name INSTANCE`
 */
#ifndef WEFT_SANDBOX_DAEMON_H
#define WEFT_SANDBOX_DAEMON_H

#include "base/err.h"
#include "base/prelude.h"
#include "sandbox/instance.h"

#include <sys/types.h>

/* In the order of starting; the supervisor last, so that it is the first to be stopped. */
enum { DAEMON_SUPERVISED = 3, DAEMON_COUNT = 4 };
extern const char *const daemon_names[DAEMON_COUNT];

/* Starts this program again as that daemon, in a session of its own; returns when it holds its
 * lock. Running already is fine. */
MUST_USE int daemon_start(const struct instance *instance, const char *name, struct error *err);
/* In the daemon: takes the lock for the life of the process. ERR_BUSY: another one runs. */
MUST_USE int daemon_enter(const struct instance *instance, const char *name, struct error *err);
/* 0: does not run. */
pid_t daemon_pid(const struct instance *instance, const char *name);
/* SIGTERM, SIGKILL after five seconds; returns when it is gone. */
MUST_USE int daemon_stop(const struct instance *instance, const char *name, struct error *err);
/* The supervisor: looks five times a second, starts again what is not there (at once, or after 1 to
 * 30 s when it lived for less than ten). Ends by a signal only. */
MUST_USE int daemon_supervise(const struct instance *instance, struct error *err);
const char *daemon_log_path(const struct instance *instance, const char *name,
                            char out[INSTANCE_PATH_SIZE]);

#endif
