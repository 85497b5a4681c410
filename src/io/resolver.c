/* SPDX-License-Identifier: Apache-2.0 */
/* Name resolution: see resolver.h.
 *
 * c-ares tells which descriptors it wants watched (its socket-state callback) and when it wants to
 * be called again (ares_timeout, which one loop timer follows). Answers are handed on by a task, so
 * that no callback runs inside resolver_lookup, also for literals and cached hosts.
 */
#include "io/resolver.h"

#include "base/mem.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/time.h>

enum { RESOLVER_ADDRS_MAX = 32, RESOLVER_QUERIES_MAX = 1024, RESOLVER_SOCKETS_MAX = 32 };

struct resolver_socket {
    struct resolver *resolver;
    struct loop_watch watch;
    ares_socket_t fd; /* ARES_SOCKET_BAD: free slot */
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct resolver_socket sockets[RESOLVER_SOCKETS_MAX];
    struct loop_timer timer;
    struct list queries;
    size_t query_count;
};

struct resolver_query {
    struct resolver *resolver;
    struct list node;
    struct loop_task done_task;
    void (*on_resolved)(int code, const struct addr *addrs, size_t count, unsigned ttl_s,
                        void *ctx);
    void *ctx;
    bool asked; /* c-ares still holds it */
    bool canceled;
    int code;
    size_t count;
    unsigned ttl_s;
    struct addr addrs[RESOLVER_ADDRS_MAX];
};

static void timer_follow(struct resolver *resolver)
{
    struct timeval left;

    if (ares_timeout(resolver->channel, NULL, &left))
        loop_timer_start(resolver->loop, &resolver->timer,
                         (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000 + 1);
    else
        loop_timer_stop(resolver->loop, &resolver->timer);
}

static void on_timer(void *ctx)
{
    struct resolver *resolver = ctx;

    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    timer_follow(resolver);
}

static void on_socket(unsigned events, void *ctx)
{
    struct resolver_socket *socket = ctx;
    struct resolver *resolver = socket->resolver;

    ares_process_fd(resolver->channel, events & LOOP_READ ? socket->fd : ARES_SOCKET_BAD,
                    events & LOOP_WRITE ? socket->fd : ARES_SOCKET_BAD);
    timer_follow(resolver);
}

static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = ctx;
    struct resolver_socket *slot = NULL;

    for (size_t i = 0; i < RESOLVER_SOCKETS_MAX && !slot; i++)
        if (resolver->sockets[i].fd == fd)
            slot = &resolver->sockets[i];
    if (!readable && !writable) {
        if (slot) {
            loop_watch_remove(resolver->loop, &slot->watch);
            slot->fd = ARES_SOCKET_BAD;
        }
        return;
    }
    for (size_t i = 0; i < RESOLVER_SOCKETS_MAX && !slot; i++) {
        if (resolver->sockets[i].fd != ARES_SOCKET_BAD)
            continue;
        slot = &resolver->sockets[i];
        slot->fd = fd;
        slot->resolver = resolver;
        /* Without a watch the query ends by its timeout. */
        if (loop_watch_add(resolver->loop, &slot->watch, fd, on_socket, slot) < 0)
            slot->fd = ARES_SOCKET_BAD;
        return;
    }
}

int resolver_new(struct loop *loop, struct resolver **ret)
{
    struct resolver *resolver = MEM_NEW(struct resolver);
    struct ares_options options = {.timeout = 2000, .tries = 3};

    resolver->loop = loop;
    list_init(&resolver->queries);
    loop_timer_init(&resolver->timer, on_timer, resolver);
    for (size_t i = 0; i < RESOLVER_SOCKETS_MAX; i++)
        resolver->sockets[i].fd = ARES_SOCKET_BAD;
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = resolver;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init_options(&resolver->channel, &options,
                          ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) !=
            ARES_SUCCESS) {
        mem_free(resolver);
        return ERR_INTERNAL;
    }
    *ret = resolver;
    return 0;
}

static void query_free(struct resolver_query *query)
{
    loop_task_cancel(&query->done_task);
    list_remove(&query->node);
    query->resolver->query_count--;
    mem_free(query);
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    LIST_EACH (node, &resolver->queries)
        CONTAINER_OF(node, struct resolver_query, node)->canceled = true;
    ares_destroy(resolver->channel); /* ends the asked ones through on_answer */
    LIST_EACH (node, &resolver->queries)
        query_free(CONTAINER_OF(node, struct resolver_query, node));
    loop_timer_stop(resolver->loop, &resolver->timer);
    for (size_t i = 0; i < RESOLVER_SOCKETS_MAX; i++)
        if (resolver->sockets[i].fd != ARES_SOCKET_BAD)
            loop_watch_remove(resolver->loop, &resolver->sockets[i].watch);
    ares_library_cleanup();
    mem_free(resolver);
}

static void on_done(void *ctx)
{
    struct resolver_query *query = ctx;

    if (!query->canceled)
        query->on_resolved(query->code, query->addrs, query->count, query->ttl_s, query->ctx);
    query_free(query);
}

static int code_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
        return ERR_NOT_FOUND;
    case ARES_ETIMEOUT:
        return ERR_TIMEOUT;
    case ARES_EBADNAME:
        return ERR_INVALID;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
        return ERR_CANCELED;
    case ARES_ECONNREFUSED:
        return ERR_REFUSED;
    default:
        return ERR_UNREACHABLE;
    }
}

static void addrs_take(struct resolver_query *query, const struct ares_addrinfo *info)
{
    for (const struct ares_addrinfo_node *node = info->nodes;
         node && query->count < RESOLVER_ADDRS_MAX; node = node->ai_next) {
        struct addr *addr = &query->addrs[query->count];

        if (node->ai_addrlen > sizeof addr->sa)
            continue;
        memcpy(&addr->sa, node->ai_addr, node->ai_addrlen);
        addr->len = node->ai_addrlen;
        if (node->ai_ttl > 0 && (query->ttl_s == 0 || (unsigned)node->ai_ttl < query->ttl_s))
            query->ttl_s = (unsigned)node->ai_ttl;
        query->count++;
    }
}

static void on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct resolver_query *query = ctx;

    (void)timeouts;
    query->asked = false;
    query->code = code_of(status);
    if (info) {
        addrs_take(query, info);
        ares_freeaddrinfo(info);
    }
    if (query->code == 0 && query->count == 0)
        query->code = ERR_NOT_FOUND;
    loop_task_add(query->resolver->loop, &query->done_task);
}

int resolver_lookup(struct resolver *resolver, const char *host, unsigned port, int family,
                    void (*on_resolved)(int code, const struct addr *addrs, size_t count,
                                        unsigned ttl_s, void *ctx),
                    void *ctx, struct resolver_query **ret)
{
    struct ares_addrinfo_hints hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct resolver_query *query;
    char service[8];

    if (resolver->query_count >= RESOLVER_QUERIES_MAX)
        return ERR_LIMIT;
    query = MEM_NEW(struct resolver_query);
    query->resolver = resolver;
    query->on_resolved = on_resolved;
    query->ctx = ctx;
    loop_task_init(&query->done_task, on_done, query);
    list_append(&resolver->queries, &query->node);
    resolver->query_count++;
    *ret = query;
    if (addr_parse_ip(slice_str(host), port, &query->addrs[0]) == 0) {
        query->count = 1;
        loop_task_add(resolver->loop, &query->done_task);
        return 0;
    }
    snprintf(service, sizeof service, "%u", port);
    hints.ai_flags = ARES_AI_NUMERICSERV;
    query->asked = true;
    ares_getaddrinfo(resolver->channel, host, service, &hints, on_answer, query);
    timer_follow(resolver);
    return 0;
}

void resolver_cancel(struct resolver_query *query)
{
    if (!query)
        return;
    query->canceled = true;
    if (!query->asked)
        query_free(query);
}
