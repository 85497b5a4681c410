/* SPDX-License-Identifier: Apache-2.0 */
/* Stars out of MongoDB: field `rating` of the first documents of collection `ratings`.
 *
 * Place   see ratings_db.h; the server may be another that speaks MongoDB's protocol (FerretDB)
 */
#include "base/log.h"
#include "mongo.h"
#include "ratings_db.h"

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
    enum ratings_db_result result;

    client = mongo_open(conf->mongo_url, RATINGS_CONNECT_S * 1000, RATINGS_ANSWER_S * 1000);
    if (!client)
        return RATINGS_DB_NOT_CONNECTED;
    ratings = mongoc_client_get_collection(client, mongo_database(client, "test"), "ratings");
    result = read_all(ratings, ret_stars);
    mongoc_collection_destroy(ratings);
    mongoc_client_destroy(client);
    return result;
}
