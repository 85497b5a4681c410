/* SPDX-License-Identifier: Apache-2.0 */
/* upstream PORT BODY_SIZE: answers every HTTP/1.1 request with the same body, as cheaply as it can.
 * relay PORT TO_PORT (the same program by another name): copies bytes between two connections and
 * looks at nothing: the floor of a proxy in user space.
 *
 * Place   bench/run; compiled by it, links nothing
 * Limits  requests without a body, heads whole within one read of READ_SIZE bytes
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 65536, FDS = 65536 };

static int peers[FDS]; /* relay: the other side of a descriptor, or -1 */
static char *answer;
static size_t answer_len;

static int listen_on(unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0) {
        perror("upstream: listen");
        exit(1);
    }
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void accept_one(int epoll, int listener, unsigned to_port)
{
    int fd = accept(listener, NULL, NULL);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)to_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (fd < 0)
        return;
    peers[fd] = -1;
    if (to_port) {
        int other = socket(AF_INET, SOCK_STREAM, 0);

        if (connect(other, (struct sockaddr *)&to, sizeof to) < 0) {
            close(other);
            close(fd);
            return;
        }
        peers[fd] = other;
        peers[other] = fd;
        watch(epoll, other);
    }
    watch(epoll, fd);
}

/* Answers each request head that ends in the bytes read. */
static bool serve(int fd, const char *data, size_t len)
{
    for (const char *at = data; (at = memmem(at, len - (size_t)(at - data), "\r\n\r\n", 4));
         at += 4) {
        if (send(fd, answer, answer_len, MSG_NOSIGNAL) != (ssize_t)answer_len)
            return false;
    }
    return true;
}

static void readable(int fd)
{
    static char data[READ_SIZE];
    ssize_t len = recv(fd, data, sizeof data, 0);
    bool fine = len > 0;

    if (fine && peers[fd] >= 0)
        fine = send(peers[fd], data, (size_t)len, MSG_NOSIGNAL) == len;
    else if (fine)
        fine = serve(fd, data, (size_t)len);
    if (!fine) {
        if (peers[fd] >= 0)
            close(peers[fd]);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];
    bool relay = argc > 0 && strstr(argv[0], "relay");
    unsigned number = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    int epoll = epoll_create1(0), listener;

    if (argc < 3) {
        fprintf(stderr, "usage: upstream PORT BODY_SIZE | relay PORT TO_PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (!relay) {
        answer = calloc(1, number + 256);
        answer_len = (size_t)snprintf(answer, 256,
                                      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                      "Content-Length: %u\r\n\r\n",
                                      number);
        memset(answer + answer_len, 'x', number);
        answer_len += number;
    }
    listener = listen_on((unsigned)strtoul(argv[1], NULL, 10));
    watch(epoll, listener);
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_one(epoll, listener, relay ? number : 0);
            else
                readable(events[i].data.fd);
        }
    }
}
