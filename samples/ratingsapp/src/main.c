/* SPDX-License-Identifier: Apache-2.0 */
/* ratingsapp SERVICE [PORT]: ratings-api or ratings-web.
 *
 * Place   the program in the images ratings-api and ratings-web
 * Limits  $API is http://HOST or http://HOST:PORT; a path behind it is left out
 */
#include "base/arena.h"
#include "ratingsapp.h"
#include "server.h"

static void api_read(struct ratingsapp_conf *conf, struct arena *arena)
{
    struct slice rest = slice_str(server_env_text("API", "http://localhost:3000"));
    struct slice host;
    ptrdiff_t colon;
    uint64_t port = 80;

    if (slice_starts_with(rest, SLICE("http://")))
        rest = slice_from(rest, strlen("http://"));
    if (!slice_split_next(&rest, '/', &host))
        host = rest;
    colon = slice_find_char(host, ':');
    if (colon >= 0 && slice_parse_u64(slice_from(host, (size_t)colon + 1), UINT16_MAX, &port) < 0)
        port = 80;
    if (colon >= 0)
        host = slice_head(host, (size_t)colon);
    conf->api_host = arena_printf(arena, "%.*s", (int)host.len, host.data);
    conf->api_port = (unsigned)port;
}

static const void *conf_read(struct arena *arena)
{
    struct ratingsapp_conf *conf = ARENA_NEW(arena, struct ratingsapp_conf);

    *conf = (struct ratingsapp_conf){
        .mongodb_uri = server_env_text("MONGODB_URI", "mongodb://localhost:27017/ratingsdb"),
        .site_code = server_env_text("SITE_CODE", "FR"),
        .web_root = server_env_text("WEB_ROOT", "/srv/ratings-web"),
    };
    api_read(conf, arena);
    return conf;
}

int main(int argc, char **argv)
{
    static const struct service_type *const services[] = {&api_service, &web_service, NULL};
    static const struct program program = {"ratingsapp", conf_read, services};

    return server_main(&program, argc, argv);
}
