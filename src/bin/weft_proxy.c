/* SPDX-License-Identifier: Apache-2.0 */
/* weft-proxy: the data plane of weft. Called as pilot-agent it takes that program's arguments.
 */
#include "proxy/main.h"

int main(int argc, char **argv)
{
    return proxy_main(argc, argv);
}
