/* SPDX-License-Identifier: Apache-2.0 */
/* mongodb-fill URL: puts the two ratings of the sample into a MongoDB server that is starting up.
 *
 * Place   the start script of the image examples-bookinfo-mongodb
 * Limits  gives up after TRIES_MAX tries, one each TRY_MS
 */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <unistd.h>

enum { TRIES_MAX = 150, TRY_MS = 200 };

static bool put(mongoc_collection_t *ratings, int id, int stars, bson_error_t *why)
{
    bson_t *key = BCON_NEW("_id", BCON_INT32(id));
    bson_t *update = BCON_NEW("$set", "{", "rating", BCON_INT32(stars), "}");
    bson_t *options = BCON_NEW("upsert", BCON_BOOL(true));
    bool fine = mongoc_collection_update_one(ratings, key, update, options, NULL, why);

    bson_destroy(options);
    bson_destroy(update);
    bson_destroy(key);
    return fine;
}

int main(int argc, char **argv)
{
    mongoc_client_t *client;
    mongoc_collection_t *ratings;
    bson_error_t why = {0};
    bool fine = false;

    if (argc != 2) {
        fprintf(stderr, "usage: mongodb-fill URL\n");
        return 2;
    }
    mongoc_init();
    client = mongoc_client_new(argv[1]);
    if (!client) {
        fprintf(stderr, "mongodb-fill: %s: not a MongoDB address\n", argv[1]);
        return 2;
    }
    ratings = mongoc_client_get_collection(client, "test", "ratings");
    for (int i = 0; i < TRIES_MAX && !fine; i++) {
        fine = put(ratings, 1, 5, &why) && put(ratings, 2, 4, &why);
        if (!fine)
            usleep(TRY_MS * 1000);
    }
    if (!fine)
        fprintf(stderr, "mongodb-fill: %s: %s\n", argv[1], why.message);
    mongoc_collection_destroy(ratings);
    mongoc_client_destroy(client);
    mongoc_cleanup();
    return fine ? 0 : 1;
}
