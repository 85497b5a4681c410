/* SPDX-License-Identifier: Apache-2.0 */
/* The document store of ratings-api: MongoDB's wire protocol through libmongoc.
 *
 * Place   see store.h; the server may be MongoDB or another that speaks its protocol (FerretDB)
 * Owns    one client with one connection
 * Limits  every call blocks the caller, at most for the time-outs below
 */
#include "store.h"

#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "mongo.h"

enum { CONNECT_MS = 1500, ANSWER_MS = 5000 };

struct store {
    mongoc_client_t *client;
    mongoc_database_t *database;
};

/* What an empty database is filled with; the keys say which document is which. */
static const struct seed {
    const char *collection, *key, *document;
} seeds[] = {
    {"items", "{\"uid\":1}", "{\"name\":\"Banana\",\"img\":\"/static/img/fruits/banana.jpeg\"}"},
    {"items", "{\"uid\":2}", "{\"name\":\"Coconut\",\"img\":\"/static/img/fruits/coconut.jpeg\"}"},
    {"items", "{\"uid\":3}", "{\"name\":\"Oranges\",\"img\":\"/static/img/fruits/oranges.jpeg\"}"},
    {"items", "{\"uid\":4}",
     "{\"name\":\"Pineapple\",\"img\":\"/static/img/fruits/pineapple.jpeg\"}"},
    {"sites", "{\"shortCode\":\"FR\"}",
     "{\"name\":\"Fruit Smoothies\",\"pages\":{"
     "\"Home\":{\"title\":\"Fruit Smoothies\",\"headerImage\":\"/static/img/fruits/oranges.jpeg\","
     "\"subtitle\":\"Fresh ratings of fresh fruit\"},"
     "\"Rating\":{\"title\":\"Rate the smoothies\","
     "\"headerImage\":\"/static/img/fruits/banana.jpeg\",\"subtitle\":\"Which one is best?\"},"
     "\"Leaderboard\":{\"title\":\"Leaderboard\","
     "\"headerImage\":\"/static/img/fruits/pineapple.jpeg\","
     "\"subtitle\":\"Current Leaderboard - Orange smoothie? Yuck.\"}}}"},
};

static mongoc_collection_t *collection_open(struct store *store, const char *name)
{
    return mongoc_database_get_collection(store->database, name);
}

struct store *store_open(const char *uri)
{
    mongoc_client_t *client = mongo_open(uri, CONNECT_MS, ANSWER_MS);
    struct store *store;

    if (!client)
        return NULL;
    store = MEM_NEW(struct store);
    store->client = client;
    store->database = mongoc_client_get_database(client, mongo_database(client, "ratingsdb"));
    return store;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    mongoc_database_destroy(store->database);
    mongoc_client_destroy(store->client);
    mem_free(store);
    mongoc_cleanup();
}

/* Makes the document unless one with its key is there, so that two replicas may try at once. */
static bool seed_put(struct store *store, const struct seed *seed)
{
    mongoc_collection_t *collection = collection_open(store, seed->collection);
    bson_t *key = bson_new_from_json((const uint8_t *)seed->key, -1, NULL);
    bson_t *document = bson_new_from_json((const uint8_t *)seed->document, -1, NULL);
    bson_t *update = BCON_NEW("$setOnInsert", BCON_DOCUMENT(document));
    bson_t *options = BCON_NEW("upsert", BCON_BOOL(true));
    bson_error_t why;
    bool fine = mongoc_collection_update_one(collection, key, update, options, NULL, &why);

    if (!fine)
        log_warn(http, "the store takes no seed for %s: %s", seed->collection, why.message);
    bson_destroy(options);
    bson_destroy(update);
    bson_destroy(document);
    bson_destroy(key);
    mongoc_collection_destroy(collection);
    return fine;
}

/* A document as JSON, with its _id as text in place of {"$oid": text}. */
static json_t *to_json(const bson_t *document)
{
    char *text = bson_as_relaxed_extended_json(document, NULL);
    json_t *value = text ? json_loads(text, 0, NULL) : NULL;
    json_t *id = json_object_get(json_object_get(value, "_id"), "$oid");

    if (id)
        json_object_set(value, "_id", id);
    bson_free(text);
    return value;
}

/* Every document of `cursor`, which it frees; NULL when the store failed on the way. */
static json_t *rows(mongoc_cursor_t *cursor)
{
    json_t *all = json_array();
    const bson_t *document;
    bson_error_t why;

    while (json_array_size(all) < STORE_ROWS_MAX && mongoc_cursor_next(cursor, &document))
        json_array_append_new(all, to_json(document));
    if (mongoc_cursor_error(cursor, &why)) {
        log_warn(http, "the store does not answer: %s", why.message);
        json_decref(all);
        all = NULL;
    }
    mongoc_cursor_destroy(cursor);
    return all;
}

static json_t *find(struct store *store, const char *name, bson_t *filter, bson_t *options)
{
    mongoc_collection_t *collection = collection_open(store, name);
    json_t *found = rows(mongoc_collection_find_with_opts(collection, filter, options, NULL));

    mongoc_collection_destroy(collection);
    bson_destroy(filter);
    bson_destroy(options);
    return found;
}

static json_t *items_find(struct store *store)
{
    return find(store, "items", bson_new(),
                BCON_NEW("sort", "{", "uid", BCON_INT32(1), "}", "projection", "{", "_id",
                         BCON_BOOL(true), "uid", BCON_BOOL(true), "name", BCON_BOOL(true), "img",
                         BCON_BOOL(true), "}"));
}

/* Fills a store that holds nothing whenever it is met: it may have lost all since the last time. */
json_t *store_items(struct store *store)
{
    json_t *items = items_find(store);
    bool filled = items && json_array_size(items) == 0;

    if (!filled)
        return items;
    for (size_t i = 0; filled && i < ARRAY_LEN(seeds); i++)
        filled = seed_put(store, &seeds[i]);
    json_decref(items);
    return items_find(store);
}

bool store_ping(struct store *store)
{
    json_t *items = store_items(store);

    json_decref(items);
    return items != NULL;
}

json_t *store_site(struct store *store, const char *code)
{
    return find(store, "sites", BCON_NEW("shortCode", BCON_UTF8(code)),
                BCON_NEW("limit", BCON_INT64(1)));
}

/* Adds one document of `ratings` to the sums of its items. */
static void sum_add(json_t *sums, const bson_t *document)
{
    json_t *row = to_json(document);
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(row, "itemRated"), i, item)
    {
        const char *id = json_string_value(json_object_get(item, "$oid"));
        json_t *sum = json_object_get(sums, id);
        double stars = json_number_value(json_object_get(row, "rating"));

        if (sum) {
            stars += json_number_value(json_object_get(sum, "stars"));
            json_object_set_new(sum, "stars", json_real(stars));
            json_object_set_new(
                sum, "votes", json_integer(json_integer_value(json_object_get(sum, "votes")) + 1));
        } else if (id) {
            json_object_set_new(sums, id, json_pack("{s:f,s:i}", "stars", stars, "votes", 1));
        }
    }
    json_decref(row);
}

/* Adds up here and not by an aggregation: in FerretDB 1.24 only the first sum of a $group is
 * right. */
json_t *store_sums(struct store *store)
{
    bson_t *options =
        BCON_NEW("sort", "{", "_id", BCON_INT32(-1), "}", "limit", BCON_INT64(STORE_RATINGS_MAX));
    mongoc_collection_t *ratings = collection_open(store, "ratings");
    bson_t *filter = bson_new();
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(ratings, filter, options, NULL);
    json_t *sums = json_object();
    const bson_t *document;
    bson_error_t why;

    while (mongoc_cursor_next(cursor, &document))
        sum_add(sums, document);
    if (mongoc_cursor_error(cursor, &why)) {
        log_warn(http, "the store does not answer: %s", why.message);
        json_decref(sums);
        sums = NULL;
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    mongoc_collection_destroy(ratings);
    bson_destroy(options);
    return sums;
}

static bool insert(struct store *store, const char *name, bson_t *document)
{
    mongoc_collection_t *collection = collection_open(store, name);
    bson_error_t why;
    bool fine = document && mongoc_collection_insert_one(collection, document, NULL, NULL, &why);

    if (document && !fine)
        log_warn(http, "the store takes nothing into %s: %s", name, why.message);
    bson_destroy(document);
    mongoc_collection_destroy(collection);
    return fine;
}

bool store_rate(struct store *store, const char *item_id, double rating, const char *rater_ip)
{
    bson_oid_t id;

    if (!bson_oid_is_valid(item_id, strlen(item_id)))
        return false;
    bson_oid_init_from_string(&id, item_id);
    return insert(store, "ratings",
                  BCON_NEW("rating", BCON_DOUBLE(rating), "timestamp",
                           BCON_DATE_TIME((int64_t)time(NULL) * 1000), "raterIp",
                           BCON_UTF8(rater_ip), "itemRated", "[", BCON_OID(&id), "]"));
}

bool store_item_add(struct store *store, const json_t *item)
{
    char *text = json_dumps(item, 0);
    bson_t *document = text ? bson_new_from_json((const uint8_t *)text, -1, NULL) : NULL;

    free(text);
    return insert(store, "items", document);
}
