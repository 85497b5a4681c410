/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of weft-proxy.
 *
 * Place   bin/weft_proxy.c
 */
#ifndef WEFT_PROXY_MAIN_H
#define WEFT_PROXY_MAIN_H

/* Returns the process's exit code: 0, 1 for failures, 64 for a wrong command line. */
int proxy_main(int argc, char **argv);

#endif
