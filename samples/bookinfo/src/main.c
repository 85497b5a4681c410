/* SPDX-License-Identifier: Apache-2.0 */
/* bookinfo SERVICE [PORT]: one of the four services of BookInfo.
 *
 * Place   the program in the images examples-bookinfo-*; the image's environment says which version
 */
#include <string.h>

#include "base/rng.h"
#include "bookinfo.h"
#include "server.h"

/* NAME_HOSTNAME with SERVICES_DOMAIN behind it, for as long as the process lives. */
static const char *env_host(struct arena *arena, const char *name, const char *otherwise)
{
    const char *domain = server_env_text("SERVICES_DOMAIN", "");

    return arena_printf(arena, "%s%s%s", server_env_text(name, otherwise), *domain ? "." : "",
                        domain);
}

static const void *conf_read(struct arena *arena)
{
    struct bookinfo_conf *conf = ARENA_NEW(arena, struct bookinfo_conf);

    *conf = (struct bookinfo_conf){
        .details_host = env_host(arena, "DETAILS_HOSTNAME", "details"),
        .reviews_host = env_host(arena, "REVIEWS_HOSTNAME", "reviews"),
        .ratings_host = env_host(arena, "RATINGS_HOSTNAME", "ratings"),
        .details_port = server_env_number("DETAILS_SERVICE_PORT", BOOKINFO_PORT, UINT16_MAX),
        .reviews_port = server_env_number("REVIEWS_SERVICE_PORT", BOOKINFO_PORT, UINT16_MAX),
        .ratings_port = server_env_number("RATINGS_SERVICE_PORT", BOOKINFO_PORT, UINT16_MAX),
        .version = server_env_text("SERVICE_VERSION", "v1"),
        .seed = rng_system_u64(),
        .ratings_enabled = strcmp(server_env_text("ENABLE_RATINGS", "false"), "true") == 0,
        .star_color = server_env_text("STAR_COLOR", "black"),
        .podname = server_env_text("HOSTNAME", ""),
        .clustername = server_env_text("CLUSTER_NAME", "null"),
        .books_external =
            strcmp(server_env_text("ENABLE_EXTERNAL_BOOK_SERVICE", "false"), "true") == 0,
        .books_plain = strcmp(server_env_text("DO_NOT_ENCRYPT", "false"), "true") == 0,
        .flood_factor = server_env_number("FLOOD_FACTOR", 0, 10000),
    };
    return conf;
}

int main(int argc, char **argv)
{
    static const struct service_type *const services[] = {
        &details_service, &ratings_service, &reviews_service, &productpage_service, NULL};
    static const struct program program = {"bookinfo", conf_read, services};

    return server_main(&program, argc, argv);
}
