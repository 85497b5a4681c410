/* SPDX-License-Identifier: Apache-2.0 */
/* First bytes and filter chains: which connection goes where, and what is refused.
 */
#include "rig.h"

#include "hello.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define INSPECTOR(name)                                                                            \
    "{name: envoy.filters.listener." name "_inspector, typed_config: {\"@type\": "                 \
    "type.googleapis.com/envoy.extensions.filters.listener." name "_inspector.v3."
#define TLS_INSPECTOR "listener_filters: [" INSPECTOR("tls") "TlsInspector}}], "
#define BOTH_INSPECTORS                                                                            \
    "listener_filters: [" INSPECTOR("tls") "TlsInspector}}, " INSPECTOR("http") "HttpInspector}}]" \
                                                                                ", "

struct inbound {
    struct rig rig;
    int one;
    int two;
    int down;
};

static void start(struct inbound *inbound, const char *fields)
{
    rig_init(&inbound->rig);
    inbound->one = rig_raw_upstream(&inbound->rig, "one");
    inbound->two = rig_raw_upstream(&inbound->rig, "two");
    rig_chains(&inbound->rig, fields);
    rig_apply(&inbound->rig);
    inbound->down = rig_connect(&inbound->rig);
}

static void stop(struct inbound *inbound)
{
    close(inbound->down);
    close(inbound->one);
    close(inbound->two);
    rig_deinit(&inbound->rig);
}

/* Waits until the connection is at one of the upstreams, or closed: "one", "two" or "-". */
static const char *where(struct inbound *inbound, int *ret_fd)
{
    const char *answer = NULL;

    *ret_fd = -1;
    RIG_UNTIL(&inbound->rig,
              (answer = (*ret_fd = accept(inbound->one, NULL, NULL)) >= 0     ? "one"
                        : (*ret_fd = accept(inbound->two, NULL, NULL)) >= 0   ? "two"
                        : recv(inbound->down, (char[1]){0}, 1, MSG_PEEK) == 0 ? "-"
                                                                              : NULL) != NULL);
    return answer;
}

/* A TLS client is led by the name it asks for, and its hello comes through whole. */
static void server_names(void **state)
{
    static const struct {
        const char *name;
        const char *where;
        const char *log; /* after both ends have closed */
    } cases[] = {
        {"a.test", "one", "one - a.test\n"},
        {"A.TEST", "one", "one - a.test\n"},
        {"x.b.test", "two", "two - x.b.test\n"},
        {"y.x.b.test", "two", "two - y.x.b.test\n"},
        {"b.test", "-", ""},
        {"", "-", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct inbound inbound;
        uint8_t hello[512];
        uint8_t seen[512];
        size_t len = hello_make(hello, cases[i].name);
        size_t got = 0;
        int up;

        start(&inbound, TLS_INSPECTOR
              "filter_chains: [{filter_chain_match: {server_names: [a.test]}, TCP(one)}, "
              "{filter_chain_match: {server_names: ['*.b.test']}, TCP(two)}]");
        assert_int_equal(write(inbound.down, hello, len), len);
        assert_string_equal(where(&inbound, &up), cases[i].where);
        if (up < 0) {
            char name[64];

            snprintf(name, sizeof name, "listener.127.0.0.1_%u.no_filter_chain_match",
                     inbound.rig.port);
            assert_int_equal(rig_stat(&inbound.rig, name), 1);
            stop(&inbound);
            continue;
        }
        while (got < len) {
            ssize_t n = 0;

            assert_int_equal(fcntl(up, F_SETFL, O_NONBLOCK), 0);
            RIG_UNTIL(&inbound.rig, (n = read(up, seen + got, sizeof seen - got)) > 0);
            got += (size_t)n;
        }
        assert_memory_equal(seen, hello, len);
        shutdown(inbound.down, SHUT_WR);
        close(up);
        RIG_UNTIL(&inbound.rig, strcmp(rig_log(&inbound.rig), cases[i].log) == 0);
        stop(&inbound);
    }
}

/* The hello comes in single bytes. */
static void slow_hello(void **state)
{
    struct inbound inbound;
    uint8_t hello[512];
    size_t len = hello_make(hello, "a.test");
    int up;

    (void)state;
    start(&inbound, TLS_INSPECTOR
          "filter_chains: [{filter_chain_match: {server_names: [a.test]}, TCP(one)}]");
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(write(inbound.down, hello + i, 1), 1);
        rig_turn(&inbound.rig);
    }
    assert_string_equal(where(&inbound, &up), "one");
    close(up);
    stop(&inbound);
}

static void protocols(void **state)
{
    static const struct {
        const char *fields;
        const char *bytes;
        const char *where;
    } cases[] = {
        {BOTH_INSPECTORS "filter_chains: [{filter_chain_match: {application_protocols: [http/1.1, "
                         "h2c]}, TCP(one)}], "
                         "default_filter_chain: {TCP(two)}",
         "GET / HTTP/1.1\r\n\r\n", "one"},
        {BOTH_INSPECTORS "filter_chains: [{filter_chain_match: {application_protocols: [http/1.1, "
                         "h2c]}, TCP(one)}], "
                         "default_filter_chain: {TCP(two)}",
         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "one"},
        {BOTH_INSPECTORS "filter_chains: [{filter_chain_match: {application_protocols: [http/1.1, "
                         "h2c]}, TCP(one)}], "
                         "default_filter_chain: {TCP(two)}",
         "EHLO mail\r\n", "two"},
        {TLS_INSPECTOR "filter_chains: [{filter_chain_match: {transport_protocol: tls}, TCP(one)}, "
                       "{filter_chain_match: {transport_protocol: raw_buffer}, TCP(two)}]",
         "hello", "two"},
        {"filter_chains: [{filter_chain_match: {prefix_ranges: [{address_prefix: 127.0.0.0, "
         "prefix_len: 8}]}, TCP(one)}, {TCP(two)}]",
         "x", "one"},
        {"filter_chains: [{filter_chain_match: {prefix_ranges: [{address_prefix: 10.0.0.0, "
         "prefix_len: 8}]}, TCP(one)}, {TCP(two)}]",
         "x", "two"},
        {"filter_chains: [{filter_chain_match: {destination_port: 1}, TCP(one)}, {TCP(two)}]", "x",
         "two"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct inbound inbound;
        const char *answer;
        int up;

        start(&inbound, cases[i].fields);
        dprintf(inbound.down, "%s", cases[i].bytes);
        answer = where(&inbound, &up);
        if (strcmp(answer, cases[i].where) != 0)
            fail_msg("case %zu: %s", i, answer);
        close(up);
        stop(&inbound);
    }
}

/* A client that waits for the server's first word is served after the time-out. */
static void server_speaks_first(void **state)
{
    struct inbound inbound;
    int up;

    (void)state;
    start(&inbound, BOTH_INSPECTORS
          "listener_filters_timeout: 0.05s, continue_on_listener_filters_timeout: true, "
          "filter_chains: [{filter_chain_match: {transport_protocol: raw_buffer}, TCP(one)}]");
    assert_string_equal(where(&inbound, &up), "one");
    dprintf(up, "220 ready\n");
    assert_string_equal(rig_read(&inbound.rig, inbound.down, "\n"), "220 ready\n");
    close(up);
    stop(&inbound);
}

/* Without that permission it is closed. */
static void silent_client(void **state)
{
    struct inbound inbound;
    int up;

    (void)state;
    start(&inbound, TLS_INSPECTOR "listener_filters_timeout: 0.05s, filter_chains: [{TCP(one)}]");
    assert_string_equal(where(&inbound, &up), "-");
    assert_true(list_is_empty(&inbound.rig.worker->pending));
    stop(&inbound);
}

/* Clients that go away in the middle of their first bytes leave nothing behind. */
static void client_leaves(void **state)
{
    static const char *const beginnings[] = {"", "GE", "\x16\x03\x01\x00"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++) {
        struct inbound inbound;

        start(&inbound,
              BOTH_INSPECTORS "listener_filters_timeout: 0s, filter_chains: [{TCP(one)}]");
        dprintf(inbound.down, "%s", beginnings[i]);
        RIG_UNTIL(&inbound.rig, !list_is_empty(&inbound.rig.worker->pending));
        close(inbound.down);
        RIG_UNTIL(&inbound.rig, list_is_empty(&inbound.rig.worker->pending));
        inbound.down = -1;
        stop(&inbound);
    }
}

/* A chain that ends TLS is refused connection by connection; its plain sibling serves. */
static void tls_is_not_ended_here(void **state)
{
    struct inbound inbound;
    uint8_t hello[512];
    size_t len = hello_make(hello, "a.test");
    int up;

    (void)state;
    start(
        &inbound, TLS_INSPECTOR
        "filter_chains: [{filter_chain_match: {transport_protocol: tls}, transport_socket: {name: "
        "tls, typed_config: {\"@type\": "
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext}}, "
        "TCP(one)}, {filter_chain_match: {transport_protocol: raw_buffer}, TCP(two)}]");
    assert_int_equal(write(inbound.down, hello, len), len);
    assert_string_equal(where(&inbound, &up), "-");
    close(inbound.down);
    inbound.down = rig_connect(&inbound.rig);
    dprintf(inbound.down, "plain");
    assert_string_equal(where(&inbound, &up), "two");
    close(up);
    stop(&inbound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_names),
        cmocka_unit_test(slow_hello),
        cmocka_unit_test(protocols),
        cmocka_unit_test(server_speaks_first),
        cmocka_unit_test(silent_client),
        cmocka_unit_test(client_leaves),
        cmocka_unit_test(tls_is_not_ended_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
