/* SPDX-License-Identifier: Apache-2.0 */
/* helloworld: says which version and which pod answers.
 *
 * Place   called by server.c for the images examples-helloworld-v1 and -v2
 */
#include "base/arena.h"
#include "demo.h"

enum { PORT_HELLO = 5000 };

static void handle(struct exchange *exchange)
{
    const struct demo_conf *conf = exchange->conf;

    if (slice_eq_str(exchange->path, "/hello"))
        exchange_reply(exchange, 200, "text/html; charset=utf-8",
                       slice_str(arena_printf(exchange->arena, "Hello version: %s, instance: %s\n",
                                              conf->version, conf->podname)));
    else if (slice_eq_str(exchange->path, "/health"))
        exchange_reply(exchange, 200, "text/plain", SLICE("Helloworld is healthy"));
    else
        exchange_reply(exchange, 404, "text/plain", SLICE("no such page\n"));
}

const struct service_type helloworld_service = {
    .name = "helloworld", .port = PORT_HELLO, .handle = handle};
