/* SPDX-License-Identifier: Apache-2.0 */
/* Where ratings v2 reads its stars from.
 *
 * Place   called by ratings_db.c; ratings_mongodb.c and ratings_mysql.c ask a server, tests do not
 * Owns    nothing: each question opens a connection and closes it, so that it is routed anew
 * Limits  blocks the caller for at most RATINGS_CONNECT_S and RATINGS_ANSWER_S
 */
#ifndef BOOKINFO_RATINGS_DB_H
#define BOOKINFO_RATINGS_DB_H

#include "exchange.h"

enum { RATINGS_COUNT = 2, RATINGS_CONNECT_S = 2, RATINGS_ANSWER_S = 5 };

enum ratings_db_result { RATINGS_DB_FINE, RATINGS_DB_NOT_CONNECTED, RATINGS_DB_NOT_READ };

struct ratings_db_conf {
    bool mysql;             /* $DB_TYPE is mysql; otherwise MongoDB */
    const char *mongo_url;  /* $MONGO_DB_URL */
    const char *mysql_host; /* $MYSQL_DB_HOST and so on */
    unsigned mysql_port;
    const char *mysql_user, *mysql_password;
};

/* Fills ret_stars, with 0 for a rating that is not there. */
enum ratings_db_result ratings_mongodb_read(const struct ratings_db_conf *conf,
                                            int ret_stars[RATINGS_COUNT]);
enum ratings_db_result ratings_mysql_read(const struct ratings_db_conf *conf,
                                          int ret_stars[RATINGS_COUNT]);

extern const struct service_type ratings_db_service;

#endif
