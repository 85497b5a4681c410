/* SPDX-License-Identifier: Apache-2.0 */
/* Stars out of MongoDB: field `rating` of the first documents of collection `ratings`.
 *
 * Place   see ratings_db.h; the server may be another that speaks MongoDB's protocol (FerretDB)
 */
#include <mongoc/mongoc.h>

#include "base/log.h"
#include "ratings_db.h"

static const char database_otherwise[] = "test";

static mongoc_client_t *client_open(const char *url)
{
    mongoc_uri_t *uri = mongoc_uri_new(url);
    mongoc_client_t *client;

    if (!uri)
        return NULL;
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS,
                                   RATINGS_CONNECT_S * 1000);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, RATINGS_CONNECT_S * 1000);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, RATINGS_ANSWER_S * 1000);
    client = mongoc_client_new_from_uri(uri);
    mongoc_uri_destroy(uri);
    return client;
}

static enum ratings_db_result read_all(mongoc_collection_t *ratings, int ret_stars[RATINGS_COUNT])
{
    bson_t filter = BSON_INITIALIZER;
    bson_t *options = BCON_NEW("limit", BCON_INT64(RATINGS_COUNT));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(ratings, &filter, options, NULL);
    enum ratings_db_result result = RATINGS_DB_FINE;
    const bson_t *document;
    bson_error_t why;
    bson_iter_t field;

    for (size_t i = 0; i < RATINGS_COUNT && mongoc_cursor_next(cursor, &document); i++)
        ret_stars[i] =
            bson_iter_init_find(&field, document, "rating") ? (int)bson_iter_as_int64(&field) : 0;
    if (mongoc_cursor_error(cursor, &why)) {
        log_warn(http, "MongoDB: %s", why.message);
        result = why.domain == MONGOC_ERROR_SERVER_SELECTION ? RATINGS_DB_NOT_CONNECTED
                                                             : RATINGS_DB_NOT_READ;
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(options);
    return result;
}

enum ratings_db_result ratings_mongodb_read(const struct ratings_db_conf *conf,
                                            int ret_stars[RATINGS_COUNT])
{
    mongoc_collection_t *ratings;
    mongoc_client_t *client;
    const char *database;
    enum ratings_db_result result;

    mongoc_init();
    mongoc_log_set_handler(NULL, NULL); /* it tells of commands that FerretDB does not have */
    client = client_open(conf->mongo_url);
    if (!client)
        return RATINGS_DB_NOT_CONNECTED;
    database = mongoc_uri_get_database(mongoc_client_get_uri(client));
    ratings =
        mongoc_client_get_collection(client, database ? database : database_otherwise, "ratings");
    result = read_all(ratings, ret_stars);
    mongoc_collection_destroy(ratings);
    mongoc_client_destroy(client);
    return result;
}
