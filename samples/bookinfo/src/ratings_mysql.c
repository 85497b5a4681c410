/* SPDX-License-Identifier: Apache-2.0 */
/* Stars out of MySQL or MariaDB: column Rating of table test.ratings, in the order of its key.
 *
 * Place   see ratings_db.h
 */
#include <mysql.h>
#include <stdlib.h>

#include "base/log.h"
#include "ratings_db.h"

static enum ratings_db_result read_all(MYSQL *connection, int ret_stars[RATINGS_COUNT])
{
    MYSQL_RES *rows;
    MYSQL_ROW row;

    if (mysql_query(connection, "SELECT Rating FROM ratings ORDER BY ReviewID"))
        return RATINGS_DB_NOT_READ;
    rows = mysql_store_result(connection);
    if (!rows)
        return RATINGS_DB_NOT_READ;
    for (size_t i = 0; i < RATINGS_COUNT && (row = mysql_fetch_row(rows)); i++)
        ret_stars[i] = row[0] ? (int)strtol(row[0], NULL, 10) : 0;
    mysql_free_result(rows);
    return RATINGS_DB_FINE;
}

enum ratings_db_result ratings_mysql_read(const struct ratings_db_conf *conf,
                                          int ret_stars[RATINGS_COUNT])
{
    const unsigned connect_s = RATINGS_CONNECT_S, answer_s = RATINGS_ANSWER_S;
    enum ratings_db_result result = RATINGS_DB_NOT_CONNECTED;
    MYSQL *connection = mysql_init(NULL);

    if (!connection)
        return result;
    mysql_options(connection, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(connection, MYSQL_OPT_READ_TIMEOUT, &answer_s);
    if (mysql_real_connect(connection, conf->mysql_host, conf->mysql_user, conf->mysql_password,
                           "test", conf->mysql_port, NULL, 0))
        result = read_all(connection, ret_stars);
    if (result != RATINGS_DB_FINE)
        log_warn(http, "MySQL: %s", mysql_error(connection));
    mysql_close(connection);
    return result;
}
