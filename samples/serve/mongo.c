/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of libmongoc, with bounded waits; see mongo.h. */
#include "mongo.h"

mongoc_client_t *mongo_open(const char *url, int32_t connect_ms, int32_t answer_ms)
{
    mongoc_client_t *client;
    mongoc_uri_t *uri;

    mongoc_init();
    mongoc_log_set_handler(NULL, NULL); /* it tells of commands that FerretDB does not have */
    uri = mongoc_uri_new(url);
    if (!uri)
        return NULL;
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, connect_ms);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, connect_ms);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, answer_ms);
    client = mongoc_client_new_from_uri(uri);
    mongoc_uri_destroy(uri);
    return client;
}

const char *mongo_database(const mongoc_client_t *client, const char *otherwise)
{
    const char *database = mongoc_uri_get_database(mongoc_client_get_uri(client));

    return database ? database : otherwise;
}
