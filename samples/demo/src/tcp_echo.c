/* SPDX-License-Identifier: Apache-2.0 */
/* tcp-echo PORT[,PORT...] WORD: sends every line back with a word in front.
 *
 * Place   the program in the image tcp-echo-server
 * Owns    a process for each connection
 * Limits  lines of LINE_MAX_SIZE bytes, PORTS_MAX ports
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTS_MAX = 8, LINE_MAX_SIZE = 64 * 1024, BACKLOG = 64 };

/* A listening socket for both families, or for IPv4 alone where there is no IPv6; -1 on failure. */
static int listen_on(unsigned port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int yes = 1, no = 0;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
        if (bind(fd, (struct sockaddr *)&six, sizeof six) == 0 && listen(fd, BACKLOG) == 0)
            return fd;
        close(fd);
    }
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&four, sizeof four) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

static void serve(int fd, const char *word)
{
    FILE *in = fdopen(fd, "r");
    static char line[LINE_MAX_SIZE];

    while (in && fgets(line, sizeof line, in)) {
        if (dprintf(fd, "%s %s", word, line) < 0)
            break;
    }
}

static void accept_one(int listener, const char *word)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 && fork() == 0) {
        serve(fd, word);
        exit(0);
    }
    if (fd >= 0)
        close(fd);
}

/* Opens every port of the list; returns how many, or -1 when one cannot be opened. */
static int listen_all(char *list, struct pollfd fds[PORTS_MAX])
{
    char *rest = NULL;
    int count = 0;

    for (char *one = strtok_r(list, ",", &rest); one && count < PORTS_MAX;
         one = strtok_r(NULL, ",", &rest)) {
        fds[count] =
            (struct pollfd){.fd = listen_on((unsigned)strtoul(one, NULL, 10)), .events = POLLIN};
        if (fds[count].fd < 0) {
            perror(one);
            return -1;
        }
        printf("listening on port %s\n", one);
        count++;
    }
    fflush(stdout);
    return count;
}

/* The first process of a container ends by no signal that it does not handle. */
static void on_signal(int number)
{
    (void)number;
    _exit(0);
}

int main(int argc, char **argv)
{
    struct sigaction end = {.sa_handler = on_signal};
    struct pollfd fds[PORTS_MAX];
    int count;

    if (argc != 3) {
        fprintf(stderr, "usage: tcp-echo PORT[,PORT...] WORD\n");
        return 2;
    }
    signal(SIGCHLD, SIG_IGN);
    sigaction(SIGTERM, &end, NULL);
    count = listen_all(argv[1], fds);
    while (count > 0 && poll(fds, (nfds_t)count, -1) > 0) {
        for (int i = 0; i < count; i++) {
            if (fds[i].revents)
                accept_one(fds[i].fd, argv[2]);
        }
    }
    return 1;
}
