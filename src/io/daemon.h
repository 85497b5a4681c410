/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that run in the background: started in a session of their own, known by a lock, stopped
 * with a grace, started again when they end before their time.
 *
 *   daemon_start --spawns--> the program: daemon_enter --locks--> pid file, for life
 *        ^                                                             ^
 *   daemon_watch_look <--- no lock any more ---------------------- daemon_pid
 *
 * While it lives a daemon holds a lock on its pid file, so "runs" is a fact and not a guess about
 * a number; its output is appended to its log file.
 *
 * Place   programs that manage others without a loop (`weft sandbox`: up, down, its supervisor)
 * Owns    nothing in memory; the lock is the process's
 * Limits  all calls block: starting for 10 s, stopping for 10 s at most
 */
#ifndef WEFT_IO_DAEMON_H
#define WEFT_IO_DAEMON_H

#include "base/backoff.h"
#include "base/err.h"
#include "base/prelude.h"

#include <sys/types.h>

enum { DAEMON_NAME_SIZE = 40, DAEMON_PATH_SIZE = 256, DAEMON_ARGS_MAX = 8 };

/* A plain value. */
struct daemon {
    char name[DAEMON_NAME_SIZE];           /* for messages */
    char pid_path[DAEMON_PATH_SIZE];       /* made when missing; its folder must be there */
    char log_path[DAEMON_PATH_SIZE];       /* the same */
    const char *argv[DAEMON_ARGS_MAX + 1]; /* borrowed; the file that runs is this program's own */
};

/* Starts this program again with the daemon's argv; returns when that holds its lock. Running
 * already is fine. ERR_INTERNAL: it ended, or took no lock within 10 s. */
MUST_USE int daemon_start(const struct daemon *daemon, struct error *err);
/* In the daemon: takes the lock for the life of the process. ERR_BUSY: another one runs. */
MUST_USE int daemon_enter(const struct daemon *daemon, struct error *err);
/* 0: does not run. */
pid_t daemon_pid(const struct daemon *daemon);
/* SIGTERM, SIGKILL after five seconds; returns when it is gone. Not running is fine. ERR_TIMEOUT */
MUST_USE int daemon_stop(const struct daemon *daemon, struct error *err);

/* --- supervision --- */

/* One daemon under supervision; zero-initialise. */
struct daemon_watch {
    /* private, monotonic milliseconds */
    uint64_t since_ms;    /* seen running, or started */
    uint64_t start_at_ms; /* when it is down */
    struct backoff backoff;
    bool down;
};

enum daemon_look { DAEMON_RUNS, DAEMON_WAITS, DAEMON_STARTED };

/* Looks once, to be repeated; starts again what is not there: at once, or after 1 to 30 s when it
 * lived for less than ten. Returns an enum daemon_look, or daemon_start's error. Children that were
 * started so are the caller's to reap. */
MUST_USE int daemon_watch_look(const struct daemon *daemon, struct daemon_watch *watch,
                               uint64_t now_ms, struct error *err);

#endif
