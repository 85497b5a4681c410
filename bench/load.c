/* SPDX-License-Identifier: Apache-2.0 */
/* load HOST PORT PATH CONNECTIONS SECONDS [RATE]: HTTP/1.1 load, one thread, keep-alive
 * connections.
 *
 * Without RATE each connection asks again as soon as it was answered (closed loop, saturating).
 * With RATE requests are due at even times whatever the answers do, and latency counts from the
 * time a request was due (open loop: no coordinated omission). Prints one JSON line.
 *
 * Place   bench/run; compiled by it, links nothing
 * Limits  CONNECTIONS_MAX; answers must have a content-length and a head below HEAD_MAX bytes
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 4096,
    HEAD_MAX = 8192,
    READ_SIZE = 65536,
    BUCKETS = 40 * 64,
    QUEUE = 1 << 16
};

struct connection {
    int fd;
    bool busy;
    uint64_t due_ns; /* when its request was due */
    char head[HEAD_MAX];
    size_t head_len;
    long body_left; /* -1: still in the head */
};

struct run {
    struct sockaddr_in to;
    char request[1024];
    size_t request_len;
    int epoll;
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
    uint64_t started_ns, warm_ns, end_ns;
    uint64_t interval_ns;    /* open loop: between requests; 0: closed */
    uint64_t next_due_ns;    /* open loop */
    uint64_t waiting[QUEUE]; /* due times that found no idle connection */
    size_t waiting_first, waiting_count;
    uint64_t completed, errors, bad_status, bytes;
    uint64_t histogram[BUCKETS];
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* 64 steps an octave: within 1.6 %. */
static size_t bucket(uint64_t us)
{
    size_t octave = us < 64 ? 0 : 58 - (size_t)__builtin_clzll(us);
    size_t index = octave * 64 + (us >> octave);

    return index < BUCKETS ? index : BUCKETS - 1;
}

static uint64_t bucket_value(size_t index)
{
    size_t octave = index < 128 ? 0 : index / 64 - 1;

    return (uint64_t)(index - octave * 64) << octave;
}

static void fatal(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void open_one(struct run *run, struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&run->to, sizeof run->to) < 0)
        fatal("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->busy = false;
    if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        fatal("epoll_ctl");
}

static void ask(struct run *run, struct connection *c, uint64_t due_ns)
{
    c->busy = true;
    c->due_ns = due_ns;
    c->head_len = 0;
    c->body_left = -1;
    if (send(c->fd, run->request, run->request_len, MSG_NOSIGNAL) != (ssize_t)run->request_len) {
        run->errors++;
        close(c->fd);
        open_one(run, c);
    }
}

/* The next request for an idle connection, if one is due. */
static void ask_next(struct run *run, struct connection *c)
{
    if (!run->interval_ns) {
        ask(run, c, now_ns());
    } else if (run->waiting_count) {
        uint64_t due_ns = run->waiting[run->waiting_first];

        run->waiting_first = (run->waiting_first + 1) % QUEUE;
        run->waiting_count--;
        ask(run, c, due_ns);
    }
}

static void answered(struct run *run, struct connection *c)
{
    uint64_t now = now_ns();

    c->busy = false;
    if (now >= run->warm_ns) {
        run->completed++;
        run->histogram[bucket((now - c->due_ns) / 1000)]++;
    }
    ask_next(run, c);
}

static void broken(struct run *run, struct connection *c)
{
    run->errors++;
    close(c->fd);
    open_one(run, c);
    ask_next(run, c);
}

/* Reads the head that is complete in c->head; returns the length of the body, or -1. */
static long head_read(struct run *run, const char *head)
{
    if (strncmp(head, "HTTP/1.1 200", 12) != 0)
        run->bad_status++;
    for (const char *line = strchr(head, '\n'); line && line[1] != '\r';
         line = strchr(line + 1, '\n')) {
        if (strncasecmp(line + 1, "content-length:", 15) == 0)
            return strtol(line + 16, NULL, 10);
    }
    return -1;
}

/* Takes bytes of an answer; false when it makes no sense. */
static bool take(struct run *run, struct connection *c, const char *data, size_t len)
{
    if (c->body_left < 0) {
        size_t before = c->head_len;
        size_t room = HEAD_MAX - 1 - before;
        size_t part = len < room ? len : room;
        char *end;

        memcpy(c->head + before, data, part);
        c->head_len += part;
        c->head[c->head_len] = '\0';
        end = strstr(c->head, "\r\n\r\n");
        if (!end)
            return c->head_len < HEAD_MAX - 1;
        c->body_left = head_read(run, c->head);
        if (c->body_left < 0)
            return false;
        part = (size_t)(end + 4 - c->head) - before;
        data += part;
        len -= part;
    }
    if ((long)len > c->body_left)
        return false;
    c->body_left -= (long)len;
    if (c->body_left == 0)
        answered(run, c);
    return true;
}

static void readable(struct run *run, struct connection *c)
{
    static char data[READ_SIZE];
    ssize_t len = recv(c->fd, data, sizeof data, MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len > 0)
        run->bytes += (uint64_t)len;
    if (len <= 0 || !c->busy || !take(run, c, data, (size_t)len))
        broken(run, c);
}

/* Open loop: what has become due goes to idle connections, or waits. Returns ns to the next. */
static uint64_t due(struct run *run)
{
    uint64_t now = now_ns();
    size_t idle = 0;

    if (!run->interval_ns)
        return 100000000;
    for (; run->next_due_ns <= now; run->next_due_ns += run->interval_ns) {
        while (idle < run->connection_count && run->connections[idle].busy)
            idle++;
        if (idle < run->connection_count) {
            ask(run, &run->connections[idle], run->next_due_ns);
        } else if (run->waiting_count < QUEUE) {
            run->waiting[(run->waiting_first + run->waiting_count++) % QUEUE] = run->next_due_ns;
        } else {
            run->errors++;
        }
    }
    return run->next_due_ns - now;
}

static uint64_t percentile(const struct run *run, double share)
{
    uint64_t wanted = (uint64_t)((double)run->completed * share), seen = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        seen += run->histogram[i];
        if (seen > wanted)
            return bucket_value(i);
    }
    return 0;
}

static void drive(struct run *run)
{
    struct epoll_event events[256];

    run->started_ns = run->next_due_ns = now_ns();
    for (size_t i = 0; i < run->connection_count; i++) {
        open_one(run, &run->connections[i]);
        if (!run->interval_ns)
            ask(run, &run->connections[i], now_ns());
    }
    while (now_ns() < run->end_ns) {
        uint64_t ns = due(run);
        struct timespec wait = {.tv_sec = (time_t)(ns / 1000000000),
                                .tv_nsec = (long)(ns % 1000000000)};
        int count = epoll_pwait2(run->epoll, events, 256, &wait, NULL);

        for (int i = 0; i < count; i++)
            readable(run, events[i].data.ptr);
    }
}

int main(int argc, char **argv)
{
    struct run *run = calloc(1, sizeof *run);
    uint64_t now = now_ns();
    double seconds;

    if (argc < 6 || !run) {
        fprintf(stderr, "usage: load HOST PORT PATH CONNECTIONS SECONDS [RATE]\n");
        return 2;
    }
    run->to.sin_family = AF_INET;
    run->to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    run->connection_count = strtoul(argv[4], NULL, 10);
    seconds = strtod(argv[5], NULL);
    if (inet_pton(AF_INET, argv[1], &run->to.sin_addr) != 1 ||
        run->connection_count > CONNECTIONS_MAX)
        fatal("arguments");
    if (argc > 6 && strtod(argv[6], NULL) > 0)
        run->interval_ns = (uint64_t)(1e9 / strtod(argv[6], NULL));
    run->request_len = (size_t)snprintf(run->request, sizeof run->request,
                                        "GET %s HTTP/1.1\r\nHost: bench.test\r\n"
                                        "User-Agent: weft-bench\r\nAccept: */*\r\n\r\n",
                                        argv[3]);
    run->epoll = epoll_create1(0);
    run->warm_ns = now + (uint64_t)(seconds * 0.1e9);
    run->end_ns = now + (uint64_t)(seconds * 1e9);
    drive(run);
    printf("{\"completed\": %llu, \"seconds\": %.3f, \"errors\": %llu, \"bad_status\": %llu, "
           "\"bytes\": %llu, \"p50_us\": %llu, \"p90_us\": %llu, \"p99_us\": %llu}\n",
           (unsigned long long)run->completed, seconds * 0.9, (unsigned long long)run->errors,
           (unsigned long long)run->bad_status, (unsigned long long)run->bytes,
           (unsigned long long)percentile(run, 0.5), (unsigned long long)percentile(run, 0.9),
           (unsigned long long)percentile(run, 0.99));
    free(run);
    return 0;
}
