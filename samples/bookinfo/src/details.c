/* SPDX-License-Identifier: Apache-2.0 */
/* details v1: facts of a book, the same for every number.
 *
 * Place   called by server.c for the image examples-bookinfo-details-v1
 * Spec    Istio's sample: the last segment of any path below /details must be a number
 */
#include "answer.h"
#include "bookinfo.h"

static void book(struct exchange *exchange, struct slice number)
{
    int64_t id;

    if (slice_parse_i64(number, &id) < 0) {
        answer_error(exchange, 400, "please provide numeric product id");
        return;
    }
    answer_json(exchange, 200,
                json_pack("{s:I,s:s,s:i,s:s,s:i,s:s,s:s,s:s,s:s}", "id", (json_int_t)id, "author",
                          "William Shakespeare", "year", 1595, "type", "paperback", "pages", 200,
                          "publisher", "PublisherA", "language", "English", "ISBN-10", "1234567890",
                          "ISBN-13", "123-1234567890"),
                JSON_COMPACT);
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
        book(exchange, piece);
    } else {
        answer_error(exchange, 404, "no such page");
    }
}

const struct service_type details_service = {
    .name = "details", .port = BOOKINFO_PORT, .handle = handle};
