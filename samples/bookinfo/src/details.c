/* SPDX-License-Identifier: Apache-2.0 */
/* details: facts of a book. v1 knows one, for every number; v2 asks a service on the Internet.
 *
 * Place   called by server.c for the images examples-bookinfo-details-v1 and -v2
 * Spec    Istio's sample: the last segment of any path below /details must be a number. v2 asks in
 *         plain text alone ($DO_NOT_ENCRYPT, as its manifest has it): the mesh is to encrypt
 */
#include "answer.h"
#include "bookinfo.h"

enum { BOOKS_TIMEOUT_MS = 5000 };

static const char books_host[] = "www.googleapis.com";
static const char books_path[] = "/books/v1/volumes?q=isbn:0486424618";

static void book(struct exchange *exchange, int64_t id)
{
    answer_json(exchange, 200,
                json_pack("{s:I,s:s,s:i,s:s,s:i,s:s,s:s,s:s,s:s}", "id", (json_int_t)id, "author",
                          "William Shakespeare", "year", 1595, "type", "paperback", "pages", 200,
                          "publisher", "PublisherA", "language", "English", "ISBN-10", "1234567890",
                          "ISBN-13", "123-1234567890"),
                JSON_COMPACT);
}

/* An identifier of that kind out of a volume's list, or NULL. */
static json_t *identifier(const json_t *volume, const char *type)
{
    size_t i;
    json_t *entry;

    json_array_foreach(json_object_get(volume, "industryIdentifiers"), i, entry)
    {
        const char *found = json_string_value(json_object_get(entry, "type"));

        if (found && strcmp(found, type) == 0)
            return json_object_get(entry, "identifier");
    }
    return NULL;
}

/* The service's word for a thing, or ours where the sample has one. */
static json_t *word(const json_t *value, const char *theirs, const char *ours)
{
    const char *text = json_string_value(value);

    return json_string(text && strcmp(text, theirs) == 0 ? ours : text ? text : "");
}

static void on_books(struct exchange *exchange, int status, struct slice body)
{
    const int64_t *id = exchange->state;
    json_t *answered = status == 200 ? json_loadb(body.data, body.len, 0, NULL) : NULL;
    const json_t *volume =
        json_object_get(json_array_get(json_object_get(answered, "items"), 0), "volumeInfo");

    if (volume)
        answer_json(exchange, 200,
                    json_pack("{s:I,s:O?,s:O?,s:o,s:O?,s:O?,s:o,s:O?,s:O?}", "id", (json_int_t)*id,
                              "author", json_array_get(json_object_get(volume, "authors"), 0),
                              "year", json_object_get(volume, "publishedDate"), "type",
                              word(json_object_get(volume, "printType"), "BOOK", "paperback"),
                              "pages", json_object_get(volume, "pageCount"), "publisher",
                              json_object_get(volume, "publisher"), "language",
                              word(json_object_get(volume, "language"), "en", "English"), "ISBN-10",
                              identifier(volume, "ISBN_10"), "ISBN-13",
                              identifier(volume, "ISBN_13")),
                    JSON_COMPACT);
    else
        answer_error(exchange, 400, "the book service does not answer");
    json_decref(answered);
}

static void book_external(struct exchange *exchange, int64_t id)
{
    const struct bookinfo_conf *conf = exchange->conf;
    int64_t *kept;

    if (!conf->books_plain) {
        answer_error(exchange, 400, "details v2 needs DO_NOT_ENCRYPT=true");
        return;
    }
    kept = ARENA_NEW(exchange->arena, int64_t);
    *kept = id;
    exchange->state = kept;
    exchange_call(exchange,
                  &(struct exchange_call){.host = books_host,
                                          .port = 80,
                                          .path = books_path,
                                          .timeout_ms = BOOKS_TIMEOUT_MS,
                                          .forward = answer_forward_all},
                  on_books);
}

static void details(struct exchange *exchange, struct slice number)
{
    const struct bookinfo_conf *conf = exchange->conf;
    int64_t id;

    if (slice_parse_i64(number, &id) < 0)
        answer_error(exchange, 400, "please provide numeric product id");
    else if (conf->books_external)
        book_external(exchange, id);
    else
        book(exchange, id);
}

static void handle(struct exchange *exchange)
{
    struct slice rest, piece = {0};

    if (slice_eq_str(exchange->path, "/health")) {
        answer_json(exchange, 200, json_pack("{s:s}", "status", "Details is healthy"),
                    JSON_COMPACT);
    } else if (answer_path(exchange, "/details", &rest)) {
        while (slice_split_next(&rest, '/', &piece))
            continue;
        details(exchange, piece);
    } else {
        answer_error(exchange, 404, "no such page");
    }
}

const struct service_type details_service = {
    .name = "details", .port = BOOKINFO_PORT, .handle = handle};
