/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as an access-log format, printed for a request and for a TCP connection. As a field of
 * JSON it makes one line of JSON.
 */
#include "proxy/format.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct format *format, const struct info *info)
{
    struct format_json_field field = {SLICE("key"), format};
    struct error err = {0};
    json_t *value = NULL;
    struct buf text;

    buf_init(&text, 1 << 20);
    format_print(format, info, &text);
    buf_reset(&text);
    format_print_json(&field, 1, info, &text);
    if (text.len < 1 << 19) /* else it may have been cut */
        ASSERT(json_parse(buf_slice(&text), NULL, &value, &err) == 0);
    json_decref(value);
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header headers[] = {{SLICE("x-user"), SLICE("a \"b\"\n\xc3\xa4")},
                                    {SLICE("user-agent"), SLICE("curl/8")}};
    struct http_head request = {.method = SLICE("GET"),
                                .path = SLICE("/a?b"),
                                .authority = SLICE("h"),
                                .scheme = SLICE("http"),
                                .headers = {.items = headers, .count = 2}};
    struct http_head response = {.status = 200, .headers = {.items = headers, .count = 2}};
    struct info info = {.start_ms = 1700000000123,
                        .begin_ms = 5,
                        .request_end_ms = 6,
                        .response_begin_ms = 7,
                        .end_ms = 9,
                        .request = &request,
                        .response = &response,
                        .status = 200,
                        .flags = UINT32_MAX,
                        .details = SLICE("via_upstream")};
    const struct info connection = {.begin_ms = 1, .end_ms = 2};
    struct format *format;
    struct arena arena;
    struct error err = {0};

    arena_init(&arena, 0);
    arena_limit_set(&arena, 1 << 22);
    if (size < 4096 && format_parse(&arena, slice_make(data, size), &format, &err) == 0) {
        print(format, &info);
        print(format, &connection);
    }
    arena_deinit(&arena);
    return 0;
}
