/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP/1 codec: what well-formed messages become, what is refused, for every cutting of the
 * input, and that what the serialiser writes the parser reads. */
#include "test.h"

#include "base/mem.h"
#include "h1_trace.h"

#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

struct message_case {
    const char *input;
    const char *expected; /* h1_trace's text */
};

static const struct message_case requests[] = {
    {GET HOST "\r\n", "[GET ://a / 0 v1 keep cl-1|]$"},
    {"\r\n" GET HOST "\r\n", "[GET ://a / 0 v1 keep cl-1|]$"},
    {GET "HoSt: a:80\r\nX-Y:  b c\t \r\nEmpty:\r\n\r\n",
     "[GET ://a:80 / 0 v1 keep cl-1|x-y=b c;empty=;]$"},
    {"GET /a?b=c%20d HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
     "[GET ://a /a?b=c%20d 0 v1 close cl-1|]$"},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "[OPTIONS ://a * 0 v1 keep cl-1|]$"},
    {"GET http://b:81/p?q HTTP/1.1\r\n" HOST "\r\n", "[GET http://b:81 /p?q 0 v1 keep cl-1|]$"},
    {"GET HTTPS://b?q HTTP/1.1\r\n" HOST "\r\n", "[GET https://b /?q 0 v1 keep cl-1|]$"},
    {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "[CONNECT ://a:443  0 v1 keep cl-1|]$"},
    {GET "Host: [::1]:80\r\n\r\n", "[GET ://[::1]:80 / 0 v1 keep cl-1|]$"},
    {"GET / HTTP/1.0\r\n\r\n", "[GET :// / 0 v0 close cl-1|]$"},
    {"GET / HTTP/1.0\r\n" HOST "Connection: Keep-Alive\r\n\r\n", "[GET ://a / 0 v0 keep cl-1|]$"},
    {POST "Content-Length: 3\r\n\r\nabc" GET HOST "\r\n",
     "[POST ://a / 0 v1 keep cl3|content-length=3;]abc$[GET ://a / 0 v1 keep cl-1|]$"},
    {POST "Content-Length: 0\r\n\r\n", "[POST ://a / 0 v1 keep cl0|content-length=0;]$"},
    {POST CHUNKED "3\r\nabc\r\nA;x=\"y z\"\r\n0123456789\r\n0\r\n\r\n" GET HOST "\r\n",
     "[POST ://a / 0 v1 keep cl-1|]abc0123456789$[GET ://a / 0 v1 keep cl-1|]$"},
    {POST CHUNKED "0003 \r\n", "[POST ://a / 0 v1 keep cl-1|]!malformed chunk size"},
    {POST CHUNKED "1\r\nx\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\nHost: b\r\n\r\n",
     "[POST ://a / 0 v1 keep cl-1|]x<x-t=1;>$"},
    {POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
     "[POST ://a / 0 v1 keep expect cl1|expect=100-continue;content-length=1;]x$"},
    {GET HOST "Connection: Upgrade, x-drop\r\nUpgrade: websocket\r\nX-Drop: 1\r\nX-Keep: 1\r\n\r\n",
     "[GET ://a / upgrade websocket 0 v1 keep cl-1|x-keep=1;]$"},
    {GET HOST "Upgrade: websocket\r\n\r\n", "[GET ://a / 0 v1 keep cl-1|]$"},
    {GET HOST "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
     "[GET ://a / 0 v1 keep cl-1|]$"},
    {GET HOST "TE: trailers\r\nConnection: TE\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\n\r\n",
     "[GET ://a / 0 v1 keep cl-1|te=trailers;]$"},
    {GET HOST "TE: gzip, trailers\r\n\r\n", "[GET ://a / 0 v1 keep cl-1|]$"},
    {GET HOST "X: \x80\xff\r\n\r\n", "[GET ://a / 0 v1 keep cl-1|x=\x80\xff;]$"},
};

static const struct message_case responses[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     "[ ://  200 v1 keep cl2|content-length=2;]ok$"},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "[ ://  200 v1 keep cl0|content-length=0;]$"},
    {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "[ ://  200 v1 keep cl0|content-length=0;]$"},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "[ ://  200 v1 close cl-1|]until the end$"},
    {"HTTP/1.0 200 OK\r\n\r\nx", "[ ://  200 v0 close cl-1|]x$"},
    {"HTTP/1.1 204 No Content\r\n\r\n", "[ ://  204 v1 keep cl-1|]$"},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
     "[ ://  304 v1 keep cl9|content-length=9;]$"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "[ ://  100 v1 keep cl-1|]$[ ://  200 v1 keep cl-1|]$"},
    {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
     "[ ://  upgrade websocket 101 v1 keep cl-1|]$"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
     "[ ://  200 v1 keep cl5|content-length=5;]ok!input ended within a message"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     "!content-length beside transfer-encoding"},
    {"HTTP/1.1 099 X\r\n\r\n", "!malformed status code"},
    {"HTTP/1.1 20 X\r\n\r\n", "!malformed status code"},
    {"HTTP/1.1 2000 X\r\n\r\n", "!malformed status code"},
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", "!malformed request or status line"},
    {"HTTP/2.0 200 OK\r\n\r\n", "!HTTP version not supported"},
    {"ICY 200 OK\r\n\r\n", "!malformed request or status line"},
};

/* Requests that some server somewhere reads differently than another. Each must be refused. */
static const struct message_case smuggling[] = {
    {POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
     "!malformed or repeated content-length"},
    {POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "!content-length beside transfer-encoding"},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
     "!content-length beside transfer-encoding"},
    {POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
     "!malformed or repeated content-length"},
    {POST "Content-Length: 4, 4\r\n\r\n", "!malformed or repeated content-length"},
    {POST "Content-Length:\r\n\r\n", "!malformed or repeated content-length"},
    {POST "Content-Length: +4\r\n\r\n", "!malformed or repeated content-length"},
    {POST "Content-Length: -1\r\n\r\n", "!malformed or repeated content-length"},
    {POST "Content-Length: 0x4\r\n\r\n", "!malformed or repeated content-length"},
    {POST "Content-Length: 4 4\r\n\r\n", "!malformed or repeated content-length"},
    {POST "Content-Length: 99999999999999999999\r\n\r\n", "!malformed or repeated content-length"},
    {POST "Transfer-Encoding: xchunked\r\n\r\n", "!transfer-encoding other than chunked"},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "!transfer-encoding other than chunked"},
    {POST "Transfer-Encoding: identity\r\n\r\n", "!transfer-encoding other than chunked"},
    {POST "Transfer-Encoding: \"chunked\"\r\n\r\n", "!transfer-encoding other than chunked"},
    {POST "Transfer-Encoding:\r\n\r\n", "!transfer-encoding other than chunked"},
    {POST "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n",
     "!control character in head"},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
     "!repeated transfer-encoding"},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     "!repeated transfer-encoding"},
    {POST "Transfer-Encoding : chunked\r\n\r\n", "!malformed header name"},
    {POST "Transfer Encoding: chunked\r\n\r\n", "!malformed header name"},
    {POST " Transfer-Encoding: chunked\r\n\r\n", "!malformed header name"},
    {POST "X: a\r\n Content-Length: 4\r\n\r\n", "!malformed header name"},
    {POST "X: a\r\n\tb\r\n\r\n", "!malformed header name"},
    {POST ": empty\r\n\r\n", "!malformed header name"},
    {POST "no colon\r\n\r\n", "!malformed header name"},
    {POST "X\x80: a\r\n\r\n", "!malformed header name"},
    {"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "!transfer-encoding in HTTP/1.0"},
    {GET HOST "X: a\nY: b\r\n\r\n", "!line feed without carriage return"},
    {"GET / HTTP/1.1\nHost: a\n\n", "!line feed without carriage return"},
    {GET HOST "X: a\rY: b\r\n\r\n", "!carriage return without line feed"},
    {GET HOST "\rX\r\n\r\n", "!carriage return without line feed"},
    {GET HOST "X: a\x01\r\n\r\n", "!control character in head"},
    {GET HOST "X: \x7f\r\n\r\n", "!control character in head"},
    {GET "\r\n", "!missing, repeated or malformed host"},
    {GET HOST HOST "\r\n", "!missing, repeated or malformed host"},
    {GET "Host: a b\r\n\r\n", "!missing, repeated or malformed host"},
    {GET "Host: u@a\r\n\r\n", "!missing, repeated or malformed host"},
    {GET "Host: a/b\r\n\r\n", "!missing, repeated or malformed host"},
    {GET "Host: a:b\r\n\r\n", "!missing, repeated or malformed host"},
    {GET "Host: a:99999\r\n\r\n", "!missing, repeated or malformed host"},
    {GET "Host: [::1\r\n\r\n", "!missing, repeated or malformed host"},
    {GET "Host:\r\n\r\n", "!missing, repeated or malformed host"},
    {GET HOST "Connection: host\r\n\r\n", "!connection names a header that must not be dropped"},
    {GET HOST "Connection: X-Forwarded-For\r\n\r\n",
     "!connection names a header that must not be dropped"},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", "!malformed request or status line"},
    {"GET /  HTTP/1.1\r\n" HOST "\r\n", "!malformed request or status line"},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", "!malformed request or status line"},
    {" GET / HTTP/1.1\r\n" HOST "\r\n", "!method is not a token"},
    {"GET /a b HTTP/1.1\r\n" HOST "\r\n", "!malformed request or status line"},
    {"GET /a\tb HTTP/1.1\r\n" HOST "\r\n", "!malformed request target"},
    {"GET /\r\n" HOST "\r\n", "!malformed request or status line"},
    {"G(T / HTTP/1.1\r\n" HOST "\r\n", "!method is not a token"},
    {"GET a HTTP/1.1\r\n" HOST "\r\n", "!malformed request target"},
    {"GET * HTTP/1.1\r\n" HOST "\r\n", "!malformed request target"},
    {"GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", "!malformed request target"},
    {"GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n", "!malformed request target"},
    {"GET http:/// HTTP/1.1\r\n" HOST "\r\n", "!malformed request target"},
    {"CONNECT / HTTP/1.1\r\n" HOST "\r\n", "!malformed request target"},
    {"CONNECT a HTTP/1.1\r\n" HOST "\r\n", "!malformed request target"},
    {"GET / HTTP/1.2\r\n" HOST "\r\n", "!HTTP version not supported"},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", "!HTTP version not supported"},
    {"GET / http/1.1\r\n" HOST "\r\n", "!malformed request or status line"},
    {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "!malformed request or status line"},
};

/* Bodies whose chunks are wrong, behind a well-formed head. */
static const struct message_case chunks[] = {
    {"\r\n", "!malformed chunk size"},
    {"x\r\n", "!malformed chunk size"},
    {"-1\r\n", "!malformed chunk size"},
    {"0x1\r\n", "!malformed chunk size"},
    {" 1\r\n", "!malformed chunk size"},
    {"1 \r\n", "!malformed chunk size"},
    {"1\n", "!malformed chunk size"},
    {"1\rx", "!malformed chunk size"},
    {"1234567890123456\r\n", "!malformed chunk size"},
    {"0000000000000000000001\r\n", "!malformed chunk size"},
    {"1;a\nb\r\n", "!malformed or too long chunk extension"},
    {"1;a\x01\r\n", "!malformed or too long chunk extension"},
    {"1\r\nab\r\n", "a!chunk data without line end"},
    {"1\r\na\n", "a!chunk data without line end"},
    {"1\r\na\rb", "a!chunk data without line end"},
    {"0\r\nX : 1\r\n\r\n", "!malformed header name"},
    {"0\r\nX: 1\n\r\n", "!line feed without carriage return"},
    {"0\r\n", "!input ended within a message"},
};

static void check_cuts(enum h1_role role, const char *input, const char *expected)
{
    size_t len = strlen(input);

    /* first: whole, then every cut in two, and last one byte at a time (cut == len + 1) */
    for (size_t cut = 0; cut <= len + 1; cut++) {
        struct h1_trace trace;

        h1_trace_init(&trace, role, 4096);
        if (cut <= len) {
            h1_trace_feed(&trace, slice_make(input, cut));
            h1_trace_feed(&trace, slice_make(input + cut, len - cut));
        } else {
            for (size_t i = 0; i < len; i++)
                h1_trace_feed(&trace, slice_make(input + i, 1));
        }
        h1_trace_eof(&trace);
        if (!slice_eq_str(buf_slice(&trace.text), expected))
            fail_msg("cut %zu of \"%s\": got \"%s\", expected \"%s\"", cut, input, trace.text.data,
                     expected);
        h1_trace_deinit(&trace);
    }
}

static void requests_are_read_for_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        check_cuts(H1_REQUEST, requests[i].input, requests[i].expected);
}

static void responses_are_read_for_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(responses); i++)
        check_cuts(H1_RESPONSE, responses[i].input, responses[i].expected);
}

static void smuggling_is_refused_for_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(smuggling); i++)
        check_cuts(H1_REQUEST, smuggling[i].input, smuggling[i].expected);
}

static void bad_chunks_are_refused_for_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        SCOPED(mem_drop) char *input = mem_printf("%s%s%s", POST, CHUNKED, chunks[i].input);
        SCOPED(mem_drop)
        char *expected = mem_printf("[POST ://a / 0 v1 keep cl-1|]%s", chunks[i].expected);

        check_cuts(H1_REQUEST, input, expected);
    }
}

static void nul_is_refused(void **state)
{
    static const char input[] = GET HOST "X: a\0b\r\n\r\n";
    struct h1_trace trace;

    (void)state;
    h1_trace_init(&trace, H1_REQUEST, 4096);
    h1_trace_feed(&trace, slice_make(input, sizeof input - 1));
    assert_slice(buf_slice(&trace.text), "!control character in head");
    assert_int_equal(h1_fault_status(trace.parser.fault), 400);
    h1_trace_deinit(&trace);
}

static void heads_have_limits(void **state)
{
    struct buf input;

    (void)state;
    buf_init(&input, 0);
    assert_int_equal(buf_append_str(&input, GET HOST "X: "), 0);
    while (input.len < 5000)
        assert_int_equal(buf_append_char(&input, 'x'), 0);
    check_cuts(H1_REQUEST, input.data, "!head too large");
    buf_reset(&input);
    assert_int_equal(buf_append_str(&input, GET HOST), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(buf_append_str(&input, "X: y\r\n"), 0);
    assert_int_equal(buf_append_str(&input, "\r\n"), 0);
    check_cuts(H1_REQUEST, input.data, "!too many headers");
    buf_deinit(&input);
}

static void answers_to_head_have_no_body(void **state)
{
    struct h1_trace trace;

    (void)state;
    h1_trace_init(&trace, H1_RESPONSE, 4096);
    trace.head_request = true;
    h1_trace_begin(&trace);
    h1_trace_feed(&trace, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"));
    assert_slice(buf_slice(&trace.text), "[ ://  200 v1 keep cl9|content-length=9;]$");
    h1_trace_deinit(&trace);
}

static struct http_head sample_head(struct http_header *headers, size_t count)
{
    return (struct http_head){.method = SLICE("POST"),
                              .path = SLICE("/p"),
                              .authority = SLICE("h"),
                              .status = 200,
                              .content_length = 7,
                              .headers = {headers, count, count}};
}

static void heads_are_written(void **state)
{
    struct http_header headers[] = {{SLICE("a"), SLICE("1")},
                                    {SLICE("connection"), SLICE("x")},
                                    {SLICE("transfer-encoding"), SLICE("gzip")},
                                    {SLICE("content-length"), SLICE("7")},
                                    {SLICE("host"), SLICE("evil")}};
    struct http_head head = sample_head(headers, ARRAY_LEN(headers));
    struct h1_framing framing = {.body = H1_BODY_LENGTH, .length = 7};
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    assert_int_equal(h1_request_format(&out, &head, &framing), 0);
    assert_slice(buf_slice(&out),
                 "POST /p HTTP/1.1\r\nhost: h\r\na: 1\r\ncontent-length: 7\r\n\r\n");
    buf_reset(&out);
    framing = (struct h1_framing){.body = H1_BODY_CHUNKED, .close = true};
    assert_int_equal(h1_response_format(&out, &head, &framing), 0);
    assert_slice(buf_slice(&out), "HTTP/1.1 200 OK\r\na: 1\r\ntransfer-encoding: chunked\r\n"
                                  "connection: close\r\n\r\n");
    buf_reset(&out);
    head.headers.count = 1;
    framing = (struct h1_framing){.body = H1_BODY_LENGTH, .length = 7};
    assert_int_equal(h1_response_format(&out, &head, &framing), 0);
    assert_slice(buf_slice(&out), "HTTP/1.1 200 OK\r\na: 1\r\ncontent-length: 7\r\n\r\n");
    buf_reset(&out);
    head.status = 101;
    framing = (struct h1_framing){.upgrade = SLICE("websocket"), .length_forbidden = true};
    assert_int_equal(h1_response_format(&out, &head, &framing), 0);
    assert_slice(buf_slice(&out), "HTTP/1.1 101 Switching Protocols\r\na: 1\r\n"
                                  "connection: upgrade\r\nupgrade: websocket\r\n\r\n");
    buf_reset(&out);
    assert_int_equal(h1_trailers_format(&out, &head.headers), 0);
    assert_slice(buf_slice(&out), "0\r\na: 1\r\n\r\n");
    buf_deinit(&out);
}

static void injection_is_refused(void **state)
{
    static const struct http_header bad[] = {
        {SLICE("a"), SLICE("1\r\nb: 2")}, {SLICE("a"), SLICE("1\n")}, {SLICE("a b"), SLICE("1")},
        {SLICE("a:"), SLICE("1")},        {SLICE(""), SLICE("1")},    {SLICE("a"), SLICE("\0")},
    };
    struct h1_framing framing = {.body = H1_BODY_NONE};
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_header header = bad[i];
        struct http_head head = sample_head(&header, 1);

        assert_int_equal(h1_request_format(&out, &head, &framing), ERR_INVALID);
        assert_int_equal(h1_response_format(&out, &head, &framing), ERR_INVALID);
        assert_int_equal(h1_trailers_format(&out, &head.headers), ERR_INVALID);
    }
    for (int i = 0; i < 3; i++) {
        struct http_head head = sample_head(NULL, 0);
        struct slice *place = i == 0 ? &head.path : i == 1 ? &head.method : &head.authority;

        *place = SLICE("/ HTTP/1.1\r\nx: y");
        assert_int_equal(h1_request_format(&out, &head, &framing), ERR_INVALID);
    }
    assert_int_equal(out.len, 0);
    buf_deinit(&out);
}

static void chunk_heads_are_hexadecimal(void **state)
{
    static const struct {
        size_t size;
        const char *text;
    } cases[] = {{0, "0\r\n"}, {15, "f\r\n"}, {16, "10\r\n"}, {0x1a2b, "1a2b\r\n"}};
    char out[H1_CHUNK_HEAD_SIZE];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_slice(slice_make(out, h1_chunk_head_format(out, cases[i].size)), cases[i].text);
    assert_int_equal(h1_chunk_head_format(out, SIZE_MAX), 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_for_every_cut),
        cmocka_unit_test(responses_are_read_for_every_cut),
        cmocka_unit_test(smuggling_is_refused_for_every_cut),
        cmocka_unit_test(bad_chunks_are_refused_for_every_cut),
        cmocka_unit_test(nul_is_refused),
        cmocka_unit_test(heads_have_limits),
        cmocka_unit_test(answers_to_head_have_no_body),
        cmocka_unit_test(heads_are_written),
        cmocka_unit_test(injection_is_refused),
        cmocka_unit_test(chunk_heads_are_hexadecimal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
