/* SPDX-License-Identifier: Apache-2.0 */
/* Packet rules for Services, see net_rules.h. */
#include "sandbox/net_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "io/addr.h"
#include "kube/client.h"
#include "sandbox/net.h"

#define STICKY "sticky "

enum { TRANSACTION_MAX = 16 * 1024 * 1024, RETRY_MS = 1000, CHAIN_SIZE = 24 };

struct net_rules {
    struct loop *loop;
    const struct instance *instance;
    struct jobs *jobs;
    json_t *services;   /* "ns/name": targets, as asked for last */
    json_t *pods;       /* ip: true */
    struct buf pending; /* text of the next transaction */
    struct loop_task task;
    struct loop_timer retry;
    bool running;
};

struct apply_job {
    struct net_rules *rules;
    const struct instance *instance;
    char *text;
    int rc;
    struct error err;
};

/* --- targets --- */

struct gather {
    const char *port_name;
    const char *protocol;
    VEC(char *) found;
};

static bool is_ipv4(const char *text)
{
    struct addr addr;

    return addr_parse_ip(slice_str(text), 0, &addr) == 0 && addr_family(&addr) == AF_INET;
}

static void on_endpoint(const struct slices_endpoint *endpoint, void *ctx)
{
    struct gather *gather = ctx;

    if (strcmp(endpoint->port_name, gather->port_name) == 0 &&
        strcmp(endpoint->protocol, gather->protocol) == 0 && endpoint->port > 0 &&
        is_ipv4(endpoint->ip))
        VEC_PUSH(&gather->found, mem_printf("%s . %u", endpoint->ip, endpoint->port));
}

static int text_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static json_t *endpoints_text(const json_t *service, const json_t *port,
                              const struct slices_source *slices)
{
    struct gather gather = {.port_name = json_path_string_or(port, "name", ""),
                            .protocol = json_path_string_or(port, "protocol", "TCP")};
    struct buf text;
    json_t *out;

    buf_init(&text, 1 << 20);
    if (strcmp(json_path_string_or(service, "spec.sessionAffinity", ""), "ClientIP") == 0)
        buf_append_str(&text, STICKY);
    slices_each(slices, service, false, on_endpoint, &gather);
    if (gather.found.count > 1)
        qsort(gather.found.items, gather.found.count, sizeof *gather.found.items, text_compare);
    for (size_t i = 0; i < gather.found.count; i++) {
        buf_printf(&text, "%s%s", i ? ", " : "", gather.found.items[i]);
        mem_free(gather.found.items[i]);
    }
    VEC_DEINIT(&gather.found);
    out = json_string_slice(buf_slice(&text));
    buf_deinit(&text);
    return out;
}

static void target_add(json_t *out, const char *ip, const char *protocol, unsigned port,
                       json_t *endpoints)
{
    static const char *const known[][2] = {{"TCP", "tcp"}, {"UDP", "udp"}, {"SCTP", "sctp"}};
    char key[96];

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i][0], protocol) != 0 || !is_ipv4(ip) || port == 0)
            continue;
        snprintf(key, sizeof key, "%s . %s . %u", ip, known[i][1], port);
        json_object_set(out, key, endpoints);
    }
}

json_t *net_rules_targets(const json_t *service, const struct slices_source *slices,
                          const char *node_ip)
{
    json_t *out = json_object();
    json_t *port;
    size_t i;

    json_array_foreach(json_path_get(service, "spec.ports"), i, port)
    {
        const char *protocol = json_path_string_or(port, "protocol", "TCP");
        unsigned number = (unsigned)json_get_int(port, "port", 0) & 0xFFFF;
        json_t *endpoints = endpoints_text(service, port, slices);
        json_t *entry;
        size_t j;

        target_add(out, json_path_string_or(service, "spec.clusterIP", ""), protocol, number,
                   endpoints);
        target_add(out, node_ip, protocol, (unsigned)json_get_int(port, "nodePort", 0) & 0xFFFF,
                   endpoints);
        json_array_foreach(json_path_get(service, "status.loadBalancer.ingress"), j, entry)
            target_add(out, json_path_string_or(entry, "ip", ""), protocol, number, endpoints);
        json_array_foreach(json_path_get(service, "spec.externalIPs"), j, entry)
            target_add(out, json_is_string(entry) ? json_string_value(entry) : "", protocol, number,
                       endpoints);
        json_decref(endpoints);
    }
    return out;
}

/* --- text --- */

static void chain_name(const char *key, char out[CHAIN_SIZE])
{
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a: the same in every run */

    for (; *key; key++)
        hash = (hash ^ (uint8_t)*key) * 1099511628211ULL;
    snprintf(out, CHAIN_SIZE, "s_%016llx", (unsigned long long)hash);
}

/* The one rule of a chain: nothing for no endpoints. */
static void rule_write(const char *chain, const char *protocol, struct slice endpoints,
                       struct buf *out)
{
    bool sticky = slice_starts_with(endpoints, SLICE(STICKY));
    size_t count = 0;
    struct slice rest, one;

    endpoints = slice_from(endpoints, sticky ? sizeof STICKY - 1 : 0);
    rest = endpoints;
    if (endpoints.len == 0)
        return;
    while (slice_split_next(&rest, ',', &one))
        count++;
    buf_printf(out, "add rule ip weft %s meta l4proto %s dnat to ", chain, protocol);
    if (count == 1) {
        ptrdiff_t dot = slice_find(endpoints, SLICE(" . "));

        buf_printf(out, "%.*s:%.*s\n", (int)dot, endpoints.data,
                   SLICE_ARG(slice_from(endpoints, (size_t)dot + 3)));
        return;
    }
    buf_printf(out, "%s mod %zu map {", sticky ? "jhash ip saddr" : "numgen random", count);
    rest = endpoints;
    for (size_t i = 0; slice_split_next(&rest, ',', &one); i++)
        buf_printf(out, "%s %zu : %.*s", i ? "," : "", i, SLICE_ARG(slice_trim(one)));
    buf_append_str(out, " }\n");
}

static void target_write(const char *key, const json_t *endpoints, bool fresh, struct buf *out)
{
    char chain[CHAIN_SIZE];
    const char *protocol = strstr(key, " . ") + 3;
    SCOPED(mem_drop) char *name = mem_slice_dup(slice_make(protocol, strcspn(protocol, " ")));

    chain_name(key, chain);
    buf_printf(out, "add chain ip weft %s\nflush chain ip weft %s\n", chain, chain);
    rule_write(chain, name, json_slice(endpoints), out);
    if (fresh)
        buf_printf(out, "add element ip weft services { %s : goto %s }\n", key, chain);
}

/* The chain stays, empty: old kernels refuse to drop it together with the element. */
static void target_unwrite(const char *key, struct buf *out)
{
    char chain[CHAIN_SIZE];

    chain_name(key, chain);
    buf_printf(out, "delete element ip weft services { %s }\nflush chain ip weft %s\n", key, chain);
}

static void base_write(const struct instance *in, struct buf *out)
{
    buf_printf(out,
               "add table ip weft\ndelete table ip weft\n"
               "table ip weft {\n"
               "map services { type ipv4_addr . inet_proto . inet_service : verdict; }\n"
               "set hairpin { type ipv4_addr . ipv4_addr; }\n"
               "chain prerouting { type nat hook prerouting priority dstnat; policy accept;\n"
               "ip daddr . meta l4proto . th dport vmap @services\n}\n"
               "chain output { type nat hook output priority -100; policy accept;\n"
               "ip daddr . meta l4proto . th dport vmap @services\n}\n"
               "chain postrouting { type nat hook postrouting priority srcnat; policy accept;\n"
               "ip saddr . ip daddr @hairpin masquerade\n}\n"
               "chain forward { type filter hook forward priority filter; policy accept;\n"
               "ct state established,related accept\n"
               "ip daddr { %s, %s } meta l4proto tcp reject with tcp reset\n"
               "ip daddr { %s, %s } reject\n}\n"
               "}\n",
               in->service_cidr, in->lb_cidr, in->service_cidr, in->lb_cidr);
}

/* Everything anew. */
static void all_write(struct net_rules *rules)
{
    const char *name, *key;
    json_t *targets, *endpoints;

    buf_reset(&rules->pending);
    base_write(rules->instance, &rules->pending);
    json_object_foreach(rules->services, name, targets) json_object_foreach(targets, key, endpoints)
        target_write(key, endpoints, true, &rules->pending);
    json_object_foreach(rules->pods, key, endpoints)
        buf_printf(&rules->pending, "add element ip weft hairpin { %s . %s }\n", key, key);
}

/* --- applying --- */

static void apply_run(void *ctx)
{
    struct apply_job *job = ctx;

    job->rc = net_rules_apply(job->instance, job->text, &job->err);
}

static void apply_done(void *ctx)
{
    struct apply_job *job = ctx;
    struct net_rules *rules = job->rules;

    rules->running = false;
    if (job->rc < 0) {
        log_warn(node, "packet rules: %s; all of them are written anew", job->err.reason);
        all_write(rules);
        loop_timer_start(rules->loop, &rules->retry, RETRY_MS);
    } else if (rules->pending.len > 0) {
        loop_task_add(rules->loop, &rules->task);
    }
    mem_free(job->text);
    mem_free(job);
}

static void on_task(void *ctx)
{
    struct net_rules *rules = ctx;
    struct apply_job *job;

    if (rules->running || rules->pending.len == 0 || loop_timer_is_armed(&rules->retry))
        return;
    job = MEM_NEW(struct apply_job);
    job->rules = rules;
    job->instance = rules->instance;
    job->text = buf_take(&rules->pending);
    rules->running = true;
    job_start(rules->jobs, apply_run, apply_done, job);
}

/* --- the interface --- */

struct net_rules *net_rules_new(struct loop *loop, const struct instance *instance,
                                struct jobs *jobs)
{
    struct net_rules *rules = MEM_NEW(struct net_rules);

    rules->loop = loop;
    rules->instance = instance;
    rules->jobs = jobs;
    rules->services = json_object();
    rules->pods = json_object();
    buf_init(&rules->pending, TRANSACTION_MAX);
    loop_task_init(&rules->task, on_task, rules);
    loop_timer_init(&rules->retry, on_task, rules);
    all_write(rules);
    loop_task_add(loop, &rules->task);
    return rules;
}

void net_rules_free(struct net_rules *rules)
{
    if (!rules)
        return;
    loop_task_cancel(&rules->task);
    loop_timer_stop(rules->loop, &rules->retry);
    json_decref(rules->services);
    json_decref(rules->pods);
    buf_deinit(&rules->pending);
    mem_free(rules);
}

/* Replaces the targets of one Service (taken); writes the differences. */
static void targets_set(struct net_rules *rules, const json_t *service, json_t *targets)
{
    SCOPED(mem_drop) char *name = mem_printf("%s/%s", kube_namespace(service), kube_name(service));
    json_t *old = json_object_get(rules->services, name);
    const char *key;
    json_t *endpoints;

    json_object_foreach(targets, key, endpoints)
    {
        const json_t *before = json_object_get(old, key);

        if (!before || !json_equal((json_t *)before, endpoints))
            target_write(key, endpoints, before == NULL, &rules->pending);
    }
    json_object_foreach(old, key, endpoints)
    {
        if (!json_object_get(targets, key))
            target_unwrite(key, &rules->pending);
    }
    if (json_object_size(targets) > 0)
        json_object_set_new(rules->services, name, targets);
    else {
        json_object_del(rules->services, name);
        json_decref(targets);
    }
    loop_task_add(rules->loop, &rules->task);
}

void net_rules_service_set(struct net_rules *rules, const json_t *service,
                           const struct slices_source *slices)
{
    targets_set(rules, service, net_rules_targets(service, slices, rules->instance->sandbox_ip));
}

void net_rules_service_remove(struct net_rules *rules, const json_t *service)
{
    targets_set(rules, service, json_object());
}

void net_rules_pod_set(struct net_rules *rules, const char *ip, bool present)
{
    if (!is_ipv4(ip) || (json_object_get(rules->pods, ip) != NULL) == present)
        return;
    buf_printf(&rules->pending, "%s element ip weft hairpin { %s . %s }\n",
               present ? "add" : "delete", ip, ip);
    if (present)
        json_object_set_new(rules->pods, ip, json_true());
    else
        json_object_del(rules->pods, ip);
    loop_task_add(rules->loop, &rules->task);
}
