/* SPDX-License-Identifier: Apache-2.0 */
/* A sample program: several services in one executable, of which its first argument names one.
 *
 * Place   the main functions of bookinfo and ratingsapp
 */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include "exchange.h"

struct program {
    const char *name;
    /* What the environment says, for exchange.conf; it and its strings live as long as `arena`. */
    const void *(*conf_read)(struct arena *arena);
    const struct service_type *const *services; /* NULL at the end */
};

/* Serves until SIGTERM; returns the process's exit code. */
int server_main(const struct program *program, int argc, char **argv);

/* An environment variable, or `otherwise` when it is missing or empty. */
const char *server_env_text(const char *name, const char *otherwise);

/* The same as a number up to `max`; text that is none counts as missing. */
unsigned server_env_number(const char *name, unsigned otherwise, unsigned max);

#endif
