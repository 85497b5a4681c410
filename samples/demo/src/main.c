/* SPDX-License-Identifier: Apache-2.0 */
/* demo SERVICE [PORT]: helloworld or httpbin.
 *
 * Place   the program in the images of samples/helloworld and samples/httpbin
 */
#include "base/arena.h"
#include "demo.h"
#include "server.h"

static const void *conf_read(struct arena *arena)
{
    struct demo_conf *conf = ARENA_NEW(arena, struct demo_conf);

    *conf = (struct demo_conf){.version = server_env_text("SERVICE_VERSION", "v1"),
                               .podname = server_env_text("HOSTNAME", "")};
    return conf;
}

int main(int argc, char **argv)
{
    static const struct service_type *const services[] = {&helloworld_service, &httpbin_service,
                                                          NULL};
    static const struct program program = {"demo", conf_read, services};

    return server_main(&program, argc, argv);
}
