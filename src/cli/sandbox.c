/* SPDX-License-Identifier: Apache-2.0 */
/* weft sandbox: a mesh on this machine, without a cluster.
 */
#include "cli/cli.h"

int cli_sandbox(struct cli *cli, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_unsupported(cli, "sandbox");
}
