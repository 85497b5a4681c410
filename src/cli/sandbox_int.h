/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `weft sandbox` share. */
#ifndef WEFT_CLI_SANDBOX_INT_H
#define WEFT_CLI_SANDBOX_INT_H

#include "base/err.h"
#include "base/prelude.h"
#include "cli/cli.h"
#include "sandbox/instance.h"

enum { SANDBOX_PATH_SIZE = 512 };

/* Places beside this program: the folder that holds samples/bookinfo is the top. "" when not
 * found. */
struct sandbox_places {
    char bin[SANDBOX_PATH_SIZE];     /* weft, istioctl */
    char tools[SANDBOX_PATH_SIZE];   /* kubectl, helm */
    char samples[SANDBOX_PATH_SIZE]; /* $WEFT_SAMPLES, or TOP/samples */
    char images[SANDBOX_PATH_SIZE];  /* TOP/build/images */
    char self[SANDBOX_PATH_SIZE];    /* this program */
};
void sandbox_places_find(struct sandbox_places *ret);

/* Brings the instance up; bare: without mesh and BookInfo. Prints each step. Returns an exit
 * code. */
int sandbox_up(const char *name, bool bare);
/* Stops everything and removes every trace. */
MUST_USE int sandbox_down(const struct instance *instance, struct error *err);
/* The daemons' mains; block until SIGTERM. */
MUST_USE int sandbox_daemon_run(const struct instance *instance, const char *daemon_name,
                                struct error *err);

#endif
