/* SPDX-License-Identifier: Apache-2.0 */
/* The program weftd: the control plane (image `pilot`).
 */
#include "base/log.h"
#include "control/weftd.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct weftd_options options;
    struct weftd *weftd = NULL;
    struct loop *loop = NULL;
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];
    int rc = weftd_options_parse(argc, argv, &options);

    if (rc != 0)
        return rc < 0 ? 0 : rc;
    if (loop_new(&loop) < 0)
        return 1;
    rc = weftd_new(loop, &options, &weftd, &err);
    if (rc >= 0) { /* only now: a weftd that still waits for an API server is just ended */
        rc = loop_signals_stop(loop);
        if (rc < 0)
            rc = err_set(&err, rc, "cannot take signals: %s", err_text(rc));
    }
    if (rc < 0) {
        fprintf(stderr, "Error: %s\n", err_format(&err, text, sizeof text));
        weftd_free(weftd);
        loop_free(loop);
        return 1;
    }
    loop_run(loop);
    weftd_free(weftd);
    loop_free(loop);
    return 0;
}
