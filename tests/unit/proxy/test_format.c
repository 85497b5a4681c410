/* SPDX-License-Identifier: Apache-2.0 */
/* Format strings, access-log lines, flags, header operations, paths.
 */
#include "test.h"

#include "proxy/flags.h"
#include "proxy/format.h"
#include "proxy/header_ops.h"
#include "proxy/path.h"

static void print(const char *text, const struct info *info, const char *expected)
{
    struct arena arena;
    struct format *format;
    struct error err = {0};
    struct buf out;

    arena_init(&arena, 0);
    buf_init(&out, 0);
    if (format_parse(&arena, slice_str(text), &format, &err) < 0)
        fail_msg("%s: %s", text, err.reason);
    format_print(format, info, &out);
    assert_slice(buf_slice(&out), expected);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void fill(struct info *info, struct http_head *request, struct http_head *response,
                 struct arena *arena)
{
    *request = (struct http_head){
        .method = SLICE("GET"), .path = SLICE("/new?x=1"), .authority = SLICE("reviews:9080")};
    http_headers_add(&request->headers, arena, SLICE("x-envoy-original-path"), SLICE("/old"));
    http_headers_add(&request->headers, arena, SLICE("user-agent"), SLICE("curl\tx"));
    http_headers_add(&request->headers, arena, SLICE("x-request-id"), SLICE("id-1"));
    *response = (struct http_head){.status = 503};
    http_headers_add(&response->headers, arena, SLICE("x-envoy-upstream-service-time"), SLICE("5"));
    *info = (struct info){.start_ms = 1700000000123,
                          .begin_ms = 100,
                          .end_ms = 112,
                          .request = request,
                          .response = response,
                          .protocol = SLICE("HTTP/1.1"),
                          .status = 503,
                          .flags = FLAG_UPSTREAM_CONNECTION_FAILURE | FLAG_RETRY_LIMIT_EXCEEDED,
                          .details = SLICE("via_upstream"),
                          .bytes_received = 3,
                          .bytes_sent = 95,
                          .upstream_cluster_raw = SLICE("outbound|9080||reviews"),
                          .route_name = SLICE("default")};
    assert_int_equal(addr_parse_ip(SLICE("10.1.2.3"), 9080, &info->upstream_host), 0);
    assert_int_equal(addr_parse_ip(SLICE("10.1.2.9"), 4000, &info->downstream_remote), 0);
}

static void istio_line(void **state)
{
    struct http_head request;
    struct http_head response;
    struct info info;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    fill(&info, &request, &response, &arena);
    print(
        format_istio_default, &info,
        "[2023-11-14T22:13:20.123Z] \"GET /old HTTP/1.1\" 503 UF,URX via_upstream - \"-\" 3 95 12 "
        "5 \"-\" \"curl_x\" \"id-1\" \"reviews:9080\" \"10.1.2.3:9080\" outbound|9080||reviews - - "
        "10.1.2.9:4000 - default\n");
    arena_deinit(&arena);
}

static void operators(void **state)
{
    struct http_head request;
    struct http_head response;
    struct info info;
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    fill(&info, &request, &response, &arena);
    print("100%% %REQ(:METHOD)%", &info, "100% GET");
    print("%REQ(X-REQUEST-ID):2%", &info, "id");
    print("%REQ(nope?:path)%", &info, "/new?x=1");
    print("%RESPONSE_FLAGS_LONG%", &info, "UpstreamConnectionFailure,UpstreamRetryLimitExceeded");
    print("%START_TIME(%Y/%m/%d %H:%M:%S.%3f)%", &info, "2023/11/14 22:13:20.123");
    print("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", &info, "10.1.2.9");
    print("%UPSTREAM_TRANSPORT_FAILURE_REASON%", &info, "-");
    arena_deinit(&arena);
}

static void bad_formats_are_refused(void **state)
{
    static const char *const cases[] = {"%NOPE%", "%REQ%", "%REQ(a", "100% of", "%REQ(a):x%"};
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct format *format;
        struct error err = {0};

        assert_true(format_parse(&arena, slice_str(cases[i]), &format, &err) < 0);
        assert_true(err.reason[0] != '\0');
    }
    assert_true(format_parse(&arena, slice_make("a\0b", 3), &(struct format *){NULL}, NULL) < 0);
    arena_deinit(&arena);
}

/* Whatever a peer sends, a line is JSON: escapes, bytes that are no UTF-8, digits that are no
 * number. */
static void json_lines(void **state)
{
    static const struct {
        const char *value;
        const char *line;
    } cases[] = {
        {"plain", "{\"k\\\"\":\"plain\"}\n"},
        {"42", "{\"k\\\"\":42}\n"},
        {"0", "{\"k\\\"\":0}\n"},
        {"007", "{\"k\\\"\":\"007\"}\n"},
        {"-", "{\"k\\\"\":null}\n"},
        {"a\"b\\c\td", "{\"k\\\"\":\"a\\\"b\\\\c_d\"}\n"},
        {"\xc3\xa4 \xff \xed\xa0\x80", "{\"k\\\"\":\"\xc3\xa4 \xef\xbf\xbd "
                                       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}\n"},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_header header = {SLICE("x-v"), slice_str(cases[i].value)};
        struct http_head request = {.headers = {.items = &header, .count = 1}};
        struct info info = {.request = &request};
        struct format_json_field field = {.key = SLICE("k\"")};
        struct format *format;
        struct buf line;

        assert_int_equal(format_parse(&arena, SLICE("%REQ(X-V)%"), &format, NULL), 0);
        field.value = format;
        buf_init(&line, 0);
        format_print_json(&field, 1, &info, &line);
        assert_slice(buf_slice(&line), cases[i].line);
        buf_deinit(&line);
    }
    arena_deinit(&arena);
}

static void header_operations(void **state)
{
    struct slice removes[] = {SLICE("gone")};
    struct header_op adds[] = {
        {.name = SLICE("a"), .action = HEADER_OP_APPEND, .constant = true, .text = SLICE("2")},
        {.name = SLICE("b"), .action = HEADER_OP_OVERWRITE, .constant = true, .text = SLICE("3")},
        {.name = SLICE("c"),
         .action = HEADER_OP_ADD_IF_ABSENT,
         .constant = true,
         .text = SLICE("4")},
        {.name = SLICE("d"),
         .action = HEADER_OP_OVERWRITE_IF_EXISTS,
         .constant = true,
         .text = SLICE("5")},
        {.name = SLICE("e"), .action = HEADER_OP_APPEND, .constant = true, .text = SLICE("")},
    };
    struct header_ops ops = {removes, 1, adds, ARRAY_LEN(adds)};
    struct http_headers headers = {0};
    struct info info = {0};
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    http_headers_add(&headers, &arena, SLICE("gone"), SLICE("x"));
    http_headers_add(&headers, &arena, SLICE("a"), SLICE("1"));
    http_headers_add(&headers, &arena, SLICE("b"), SLICE("1"));
    http_headers_add(&headers, &arena, SLICE("c"), SLICE("1"));
    header_ops_apply(&ops, &headers, &arena, &info);
    assert_null(http_headers_get(&headers, SLICE("gone")));
    assert_slice(http_headers_joined(&headers, &arena, SLICE("a")), "1,2");
    assert_slice(http_headers_value(&headers, SLICE("b")), "3");
    assert_slice(http_headers_joined(&headers, &arena, SLICE("c")), "1");
    assert_null(http_headers_get(&headers, SLICE("d")));
    assert_null(http_headers_get(&headers, SLICE("e")));
    arena_deinit(&arena);
}

static void paths(void **state)
{
    static const struct {
        struct path_options options;
        const char *in;
        const char *out; /* NULL: refused */
    } cases[] = {
        {{true, false, PATH_ESCAPED_DEFAULT}, "/a/./b/../c?q=/../x", "/a/c?q=/../x"},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/a/..", "/"},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/../../x", "/x"},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/%7eu/%41", "/~u/A"},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/a%2fb", "/a%2Fb"},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/a\\b", "/a/b"},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/%zz", NULL},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/%00", NULL},
        {{true, true, PATH_ESCAPED_DEFAULT}, "//a///b", "/a/b"},
        {{true, true, PATH_ESCAPED_FORWARD}, "/a%2F..%2Fb", "/b"},
        {{true, false, PATH_ESCAPED_REJECT}, "/a%5cb", NULL},
        {{false, false, PATH_ESCAPED_DEFAULT}, "/a/../b", "/a/../b"},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/a#frag", "/a"},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/.well-known/x", "/.well-known/x"},
        {{true, false, PATH_ESCAPED_DEFAULT}, "/a/.", "/a/"},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice out = SLICE("");
        bool redirect;
        int rc = path_normalize(slice_str(cases[i].in), &cases[i].options, &arena, &out, &redirect);

        assert_int_equal(rc, cases[i].out ? 0 : ERR_INVALID);
        if (cases[i].out)
            assert_slice(out, cases[i].out);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(istio_line),
        cmocka_unit_test(operators),
        cmocka_unit_test(bad_formats_are_refused),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(header_operations),
        cmocka_unit_test(paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
