/* SPDX-License-Identifier: Apache-2.0 */
/* The program weftd: the control plane (image `pilot`).
 */
#include "base/log.h"
#include "control/weftd.h"

#include <signal.h>
#include <stdio.h>

static struct loop *stopped_loop; /* read by the signal handler alone; loop_stop may run there */

static void on_signal(int number)
{
    (void)number;
    loop_stop(stopped_loop);
}

static void signals_set(void)
{
    struct sigaction stop = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

int main(int argc, char **argv)
{
    struct weftd_options options;
    struct weftd *weftd = NULL;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    int rc = weftd_options_parse(argc, argv, &options);

    if (rc != 0)
        return rc < 0 ? 0 : rc;
    if (loop_new(&stopped_loop) < 0)
        return 1;
    signals_set();
    rc = weftd_new(stopped_loop, &options, &weftd, &err);
    if (rc < 0) {
        fprintf(stderr, "Error: %s\n", err_format(&err, text, sizeof text));
        loop_free(stopped_loop);
        return 1;
    }
    loop_run(stopped_loop);
    weftd_free(weftd);
    loop_free(stopped_loop);
    return 0;
}
