/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over real loopback sockets: plain and TLS, back-pressure, ends, failures. */
#include "test.h"
#include "until.h"
#include "test_certs.h"

#include "base/err.h"
#include "base/mem.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_SIZE = 3 * 1024 * 1024 };

/* One end of a connection in a test: what it has sent, got and heard. */
struct end {
    struct conn *conn;
    size_t to_send; /* bytes of the pattern still to write */
    size_t sent;
    size_t received;
    bool wrong; /* a received byte was not the pattern's */
    bool connected;
    bool ended;
    int failure;
};

struct pair {
    struct loop *loop;
    struct listener *listener;
    const struct tls_config *server_tls;
    struct end client;
    struct end server;
};

static char pattern(size_t at)
{
    return (char)(at * 31 + (at >> 12));
}

static void end_send(struct end *end)
{
    char bytes[10000];

    while (end->to_send) {
        size_t len = MIN(end->to_send, sizeof bytes);
        struct iovec pieces[2] = {{bytes, len / 2}, {bytes + len / 2, len - len / 2}};
        ssize_t put;

        for (size_t i = 0; i < len; i++)
            bytes[i] = pattern(end->sent + i);
        put = conn_writev(end->conn, pieces, 2);
        if (put < 0) {
            assert_int_equal(put, ERR_AGAIN);
            return;
        }
        end->sent += (size_t)put;
        end->to_send -= (size_t)put;
    }
}

static void on_readable(struct conn *conn, void *ctx)
{
    struct end *end = ctx;
    char bytes[3000];
    ssize_t got = conn_read(conn, bytes, sizeof bytes);

    for (ssize_t i = 0; i < got; i++)
        end->wrong |= bytes[i] != pattern(end->received + (size_t)i);
    if (got > 0)
        end->received += (size_t)got;
    else if (got == ERR_EOF)
        end->ended = true;
    else if (got != ERR_AGAIN)
        end->failure = (int)got;
}

static void on_writable(struct conn *conn, void *ctx)
{
    (void)conn;
    end_send(ctx);
}

static void on_connected(struct conn *conn, void *ctx)
{
    struct end *end = ctx;

    (void)conn;
    end->connected = true;
}

static void on_failed(struct conn *conn, int code, void *ctx)
{
    struct end *end = ctx;

    end->failure = code;
    conn_close(conn);
    end->conn = NULL;
}

static const struct conn_events end_events = {on_connected, on_readable, on_writable, on_failed};

static void on_accept(int fd, const struct addr *peer, void *ctx)
{
    struct pair *pair = ctx;

    (void)peer;
    assert_int_equal(conn_adopt(pair->loop, fd, pair->server_tls, &end_events, &pair->server,
                                &pair->server.conn),
                     0);
}

static void pair_open(struct pair *pair, const struct conn_options *options,
                      const struct tls_config *server_tls)
{
    struct addr addr;
    struct error err = {0};

    memset(pair, 0, sizeof *pair);
    pair->server_tls = server_tls;
    assert_int_equal(loop_new(&pair->loop), 0);
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &addr), 0);
    assert_int_equal(listener_open(pair->loop, &addr, NULL, on_accept, pair, &pair->listener, &err),
                     0);
    assert_int_equal(conn_connect(pair->loop, listener_addr(pair->listener), options, &end_events,
                                  &pair->client, &pair->client.conn),
                     0);
    assert_false(pair->client.connected); /* never inside the call */
}

static void pair_close(struct pair *pair)
{
    conn_close(pair->client.conn);
    conn_close(pair->server.conn);
    listener_close(pair->listener);
    loop_free(pair->loop);
}

static struct tls_config *server_config(const char *alpn, bool mutual)
{
    struct tls_config *config = NULL;
    struct error err = {0};
    struct tls_options options = {.cert_chain_pem = slice_str(test_leaf_pem),
                                  .key_pem = slice_str(test_leaf_key_pem),
                                  .trust_pem = slice_str(test_ca_pem),
                                  .alpn = alpn,
                                  .require_peer_cert = mutual};

    assert_int_equal(tls_server_config_new(&options, &config, &err), 0);
    return config;
}

static struct tls_config *client_config(const char *alpn, bool with_cert)
{
    struct tls_config *config = NULL;
    struct error err = {0};
    struct tls_options options = {.trust_pem = slice_str(test_ca_pem), .alpn = alpn};

    if (with_cert) {
        options.cert_chain_pem = slice_str(test_leaf_pem);
        options.key_pem = slice_str(test_leaf_key_pem);
    }
    assert_int_equal(tls_client_config_new(&options, &config, &err), 0);
    return config;
}

/* Megabytes both ways at once, with the server pausing in between, then an orderly end. */
static void bodies_cross(struct pair *pair)
{
    const int small = 65536;

    LOOP_UNTIL(pair->loop, pair->client.connected && pair->server.conn);
    /* Small kernel buffers, so that the writer meets the paused reader. */
    setsockopt(conn_fd(pair->client.conn), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(conn_fd(pair->server.conn), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    pair->client.to_send = BODY_SIZE;
    end_send(&pair->client);
    conn_read_pause(pair->server.conn);
    for (int i = 0; i < 20; i++)
        loop_run_once(pair->loop, 5);
    assert_true(pair->client.to_send > 0); /* the paused reader holds the writer back */
    assert_true(pair->server.received < BODY_SIZE);
    conn_read_resume(pair->server.conn);
    LOOP_UNTIL(pair->loop, pair->server.received > BODY_SIZE / 2);
    pair->server.to_send = BODY_SIZE;
    end_send(&pair->server);
    LOOP_UNTIL(pair->loop,
               pair->server.received == BODY_SIZE && pair->client.received == BODY_SIZE);
    assert_false(pair->server.wrong);
    assert_false(pair->client.wrong);
    conn_shutdown(pair->client.conn);
    LOOP_UNTIL(pair->loop, pair->server.ended);
    pair->server.to_send = 100; /* the other direction lives on */
    end_send(&pair->server);
    LOOP_UNTIL(pair->loop, pair->client.received == BODY_SIZE + 100);
    conn_close(TAKE(pair->server.conn));
    LOOP_UNTIL(pair->loop, pair->client.ended);
}

static void plain_bodies_cross(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, NULL, NULL);
    bodies_cross(&pair);
    assert_false(conn_is_tls(pair.client.conn));
    pair_close(&pair);
}

static void tls_bodies_cross_and_names_are_known(void **state)
{
    struct tls_config *server = server_config("h2,http/1.1", true);
    struct tls_config *client = client_config("http/1.1", true);
    struct conn_options options = {.tls = client, .server_name = "server.test"};
    struct pair pair;

    (void)state;
    pair_open(&pair, &options, server);
    LOOP_UNTIL(pair.loop, pair.client.connected && pair.server.connected);
    assert_slice(conn_alpn(pair.client.conn), "http/1.1");
    assert_slice(conn_alpn(pair.server.conn), "http/1.1");
    assert_slice(conn_sni(pair.server.conn), "server.test");
    assert_slice(conn_peer_uri_san(pair.server.conn), "spiffe://cluster.local/ns/a/sa/b");
    assert_true(conn_peer_cert_der(pair.server.conn).len > 200);
    bodies_cross(&pair);
    pair_close(&pair);
    tls_config_unref(server);
    tls_config_unref(client);
}

static void tls_refuses_a_wrong_name(void **state)
{
    struct tls_config *server = server_config(NULL, false);
    struct tls_config *client = client_config(NULL, false);
    struct conn_options options = {.tls = client, .server_name = "other.test"};
    struct pair pair;

    (void)state;
    pair_open(&pair, &options, server);
    LOOP_UNTIL(pair.loop, pair.client.failure);
    assert_int_equal(pair.client.failure, ERR_TLS);
    assert_false(pair.client.connected);
    pair_close(&pair);
    tls_config_unref(server);
    tls_config_unref(client);
}

static void tls_server_demands_a_certificate(void **state)
{
    struct tls_config *server = server_config(NULL, true);
    struct tls_config *client = client_config(NULL, false);
    struct conn_options options = {.tls = client, .server_name = "127.0.0.1"};
    struct pair pair;

    (void)state;
    pair_open(&pair, &options, server);
    LOOP_UNTIL(pair.loop, pair.server.failure);
    assert_int_equal(pair.server.failure, ERR_TLS);
    pair_close(&pair);
    tls_config_unref(server);
    tls_config_unref(client);
}

static void tls_options_are_checked(void **state)
{
    struct tls_config *config = NULL;
    struct error err = {0};
    struct tls_options options = {.cert_chain_pem = SLICE("no pem"), .key_pem = SLICE("x")};

    (void)state;
    assert_true(tls_server_config_new(&options, &config, &err) < 0);
    assert_string_equal(err.path, "cert_chain_pem");
    options.cert_chain_pem = slice_str(test_ca_pem);
    options.key_pem = slice_str(test_leaf_key_pem);
    assert_true(tls_server_config_new(&options, &config, &err) < 0);
    assert_string_equal(err.path, "key_pem");
    assert_null(config);
}

static void on_first_bytes(struct conn *conn, void *ctx)
{
    struct pair *pair = ctx;
    char first = 0;

    if (conn_peek(conn, &first, 1) != 1)
        return;
    assert_int_equal(first, 0x16); /* a TLS handshake record */
    conn_events_set(conn, &end_events, &pair->server);
    assert_int_equal(conn_tls_start(conn, pair->server_tls), 0);
}

static void tls_starts_after_a_look_at_the_first_byte(void **state)
{
    static const struct conn_events look = {.on_readable = on_first_bytes};
    struct tls_config *server = server_config(NULL, false);
    struct tls_config *client = client_config(NULL, false);
    struct conn_options options = {.tls = client, .server_name = "127.0.0.1"};
    struct pair pair;

    (void)state;
    pair_open(&pair, &options, NULL);
    LOOP_UNTIL(pair.loop, pair.server.conn);
    pair.server_tls = server;
    conn_events_set(pair.server.conn, &look, &pair);
    bodies_cross(&pair);
    pair_close(&pair);
    tls_config_unref(server);
    tls_config_unref(client);
}

static void keepalive_is_set(void **state)
{
    static const struct {
        int level;
        int option;
        int value;
    } expected[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                    {IPPROTO_TCP, TCP_KEEPIDLE, 7},
                    {IPPROTO_TCP, TCP_KEEPINTVL, 3},
                    {IPPROTO_TCP, TCP_KEEPCNT, 4}};
    struct conn_options options = {
        .keepalive = {.on = true, .idle_s = 7, .interval_s = 3, .probes = 4}};
    struct pair pair;

    (void)state;
    pair_open(&pair, &options, NULL);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        int value = 0;
        socklen_t len = sizeof value;

        assert_int_equal(getsockopt(conn_fd(pair.client.conn), expected[i].level,
                                    expected[i].option, &value, &len),
                         0);
        assert_int_equal(value, expected[i].value);
    }
    pair_close(&pair);
}

/* Its end is known before its last bytes are read. */
static void the_peers_end_is_known(void **state)
{
    struct pair pair;
    char first;

    (void)state;
    pair_open(&pair, NULL, NULL);
    LOOP_UNTIL(pair.loop, pair.server.conn && pair.client.connected);
    conn_events_set(pair.server.conn, NULL, NULL);
    assert_false(conn_peer_ended(pair.server.conn));
    assert_int_equal(conn_write(pair.client.conn, SLICE("x")), 1);
    conn_shutdown(pair.client.conn);
    LOOP_UNTIL(pair.loop, conn_peer_ended(pair.server.conn));
    assert_int_equal(conn_peek(pair.server.conn, &first, 1), 1);
    pair_close(&pair);
}

static void a_refused_connection_is_told(void **state)
{
    struct end end = {0};
    struct loop *loop;
    struct addr addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    /* A bound socket that does not listen refuses, and nobody else can take its port. */
    assert_int_equal(addr_parse(SLICE("127.0.0.1:0"), &addr), 0);
    assert_int_equal(bind(fd, &addr.sa.generic, addr.len), 0);
    assert_int_equal(addr_of_socket(fd, &addr), 0);
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(conn_connect(loop, &addr, NULL, &end_events, &end, &end.conn), 0);
    for (int i = 0; i < 100 && !end.failure; i++)
        loop_run_once(loop, 1000);
    assert_int_equal(end.failure, ERR_REFUSED);
    close(fd);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_bodies_cross),
        cmocka_unit_test(tls_bodies_cross_and_names_are_known),
        cmocka_unit_test(tls_refuses_a_wrong_name),
        cmocka_unit_test(tls_server_demands_a_certificate),
        cmocka_unit_test(tls_options_are_checked),
        cmocka_unit_test(tls_starts_after_a_look_at_the_first_byte),
        cmocka_unit_test(keepalive_is_set),
        cmocka_unit_test(the_peers_end_is_known),
        cmocka_unit_test(a_refused_connection_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
