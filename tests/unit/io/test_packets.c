/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets: borders, the ends, a path too long for a socket's address, a peer that does not
 * read.
 */
#include "test.h"

#include "base/buf.h"
#include "io/packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct seen {
    struct buf packets;
    int sent, ends;
};

static void on_packet(struct slice packet, void *ctx)
{
    buf_printf(&((struct seen *)ctx)->packets, "[%.*s]", SLICE_ARG(packet));
}

static void on_sent(void *ctx)
{
    ((struct seen *)ctx)->sent++;
}

static void on_end(void *ctx)
{
    ((struct seen *)ctx)->ends++;
}

static const struct packets_events events = {
    .on_packet = on_packet, .on_sent = on_sent, .on_end = on_end};

/* A folder with a path of more than 107 bytes; returns a listening socket "s" in it. */
static int listen_deep(char folder[256])
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "s"};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    char base[] = "/tmp/weft-packets-XXXXXX";
    char home[256];

    assert_non_null(mkdtemp(base));
    snprintf(folder, 256, "%s/%0120d", base, 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_non_null(getcwd(home, sizeof home));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(chdir(home), 0);
    return fd;
}

static void packets_keep_their_borders(void **state)
{
    struct seen seen = {0};
    struct packets *packets;
    struct loop *loop;
    char folder[256], path[264], bytes[64];
    int listener = listen_deep(folder);
    int peer;

    (void)state;
    buf_init(&seen.packets, 0);
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(packets_connect(loop, folder, "s", &events, &seen, &packets, NULL), 0);
    peer = accept(listener, NULL, NULL);
    assert_int_equal(send(peer, "\2out", 4, 0), 4);
    assert_int_equal(send(peer, "\3err", 4, 0), 4);
    packets_read_pause(packets);
    loop_run_once(loop, 100);
    assert_int_equal(seen.packets.len, 0);
    packets_read_resume(packets);
    for (int i = 0; i < 100 && seen.packets.len < 12; i++)
        loop_run_once(loop, 20);
    assert_slice(buf_slice(&seen.packets), "[\2out][\3err]");
    assert_int_equal(packets_send(packets, SLICE("in")), 0);
    packets_send_end(packets);
    assert_int_equal(recv(peer, bytes, sizeof bytes, 0), 2);
    assert_int_equal(recv(peer, bytes, sizeof bytes, 0), 0);
    close(peer);
    for (int i = 0; i < 100 && seen.ends == 0; i++)
        loop_run_once(loop, 20);
    assert_int_equal(seen.ends, 1);
    assert_int_equal(packets_send(packets, SLICE("late")), ERR_CLOSED);
    packets_free(packets);
    loop_free(loop);
    close(listener);
    snprintf(path, sizeof path, "%s/s", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(rmdir(folder), 0);
    buf_deinit(&seen.packets);
}

static void a_missing_socket_is_named(void **state)
{
    struct packets *packets;
    struct error err = {0};
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(packets_connect(loop, "/tmp", "no-such-socket", &events, NULL, &packets, &err),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(err.reason, "/tmp/no-such-socket"));
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_keep_their_borders),
        cmocka_unit_test(a_missing_socket_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
