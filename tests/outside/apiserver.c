/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's API server by itself: no controllers, no node, so objects stay as they were made.
 *
 *   apiserver FOLDER PORT     FOLDER/admin.conf and FOLDER/ready appear when it serves
 *
 * Place   test_analyze.py starts one for each case and ends it with SIGTERM
 */
#include <stdio.h>

#include "base/mem.h"
#include "sandbox/apiserver.h"

int main(int argc, char **argv)
{
    SCOPED(mem_drop) char *listen = NULL;
    SCOPED(mem_drop) char *ready = NULL;
    struct sandbox_apiserver_options options = {0};
    struct error err = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    if (argc != 3) {
        fputs("apiserver FOLDER PORT\n", stderr);
        return 2;
    }
    listen = mem_printf("127.0.0.1:%s", argv[2]);
    ready = mem_printf("%s/ready", argv[1]);
    options.folder = argv[1];
    options.listen = listen;
    options.ready_file = ready;
    if (sandbox_apiserver_run(&options, &err) >= 0)
        return 0;
    fprintf(stderr, "apiserver: %s\n", err_format(&err, text, sizeof text));
    return 1;
}
