/* SPDX-License-Identifier: Apache-2.0 */
/* A proxy in a mesh: `weft-proxy proxy sidecar|router`, and the small commands of pilot-agent.
 *
 * Place   main.c
 */
#ifndef WEFT_PROXY_AGENT_H
#define WEFT_PROXY_AGENT_H

/* argv[0] is "proxy", argv[1] "sidecar" or "router". Returns the exit code. */
int agent_main(int argc, char **argv, char *const *environment);
/* argv[0] is "request": METHOD PATH [body]; asks the local admin interface. */
int agent_request_main(int argc, char **argv);
/* argv[0] is "wait": until the proxy is ready. --timeoutSeconds N (60), --periodMillis N (500),
 * --url U is not supported. */
int agent_wait_main(int argc, char **argv);

#endif
