/* SPDX-License-Identifier: Apache-2.0 */
/* weft proxy-status: which proxies are connected, and whether they have what weftd sent.
 *
 * Asks weftd's /debug/syncz through the API server's pod, as no port of weftd is open outside.
 */
#include "cli/cli.h"

int cli_proxy_status(struct cli *cli, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_unsupported(cli, "proxy-status");
}
