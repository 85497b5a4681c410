/* SPDX-License-Identifier: Apache-2.0 */
/* bookinfo-ratings-db SERVICE [PORT]: ratings v2, apart from the other services for its libraries.
 *
 * Place   the program in the image examples-bookinfo-ratings-v2
 */
#include <string.h>

#include "base/arena.h"
#include "bookinfo.h"
#include "ratings_db.h"
#include "server.h"

static const void *conf_read(struct arena *arena)
{
    struct ratings_db_conf *conf = ARENA_NEW(arena, struct ratings_db_conf);

    *conf = (struct ratings_db_conf){
        .mysql = strcmp(server_env_text("DB_TYPE", "mongodb"), "mysql") == 0,
        .mongo_url = server_env_text("MONGO_DB_URL", "mongodb://mongodb:27017/test"),
        .mysql_host = server_env_text("MYSQL_DB_HOST", "mysqldb"),
        .mysql_port = server_env_number("MYSQL_DB_PORT", 3306, UINT16_MAX),
        .mysql_user = server_env_text("MYSQL_DB_USER", "root"),
        .mysql_password = server_env_text("MYSQL_DB_PASSWORD", ""),
    };
    return conf;
}

int main(int argc, char **argv)
{
    static const struct service_type *const services[] = {&ratings_db_service, NULL};
    static const struct program program = {"bookinfo-ratings-db", conf_read, services};

    return server_main(&program, argc, argv);
}
