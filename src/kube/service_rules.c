/* SPDX-License-Identifier: Apache-2.0 */
/* Packet rules for Services, see service_rules.h. */
#include "kube/service_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "io/addr.h"
#include "kube/client.h"

#define STICKY "sticky "

enum { TRANSACTION_MAX = 16 * 1024 * 1024, CHAIN_SIZE = 24 };

struct service_rules {
    char *table, *node_ip, *rejected;
    json_t *services;   /* "ns/name": targets, as asked for last */
    json_t *pods;       /* ip: true */
    struct buf pending; /* text of the next transaction */
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

json_t *service_rules_targets(const json_t *service, const struct slices_source *slices,
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
static void rule_write(struct service_rules *rules, const char *chain, const char *protocol,
                       struct slice endpoints)
{
    struct buf *out = &rules->pending;
    bool sticky = slice_starts_with(endpoints, SLICE(STICKY));
    size_t count = 0;
    struct slice rest, one;

    endpoints = slice_from(endpoints, sticky ? sizeof STICKY - 1 : 0);
    rest = endpoints;
    if (endpoints.len == 0)
        return;
    while (slice_split_next(&rest, ',', &one))
        count++;
    buf_printf(out, "add rule ip %s %s meta l4proto %s dnat to ", rules->table, chain, protocol);
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

static void target_write(struct service_rules *rules, const char *key, const json_t *endpoints,
                         bool fresh)
{
    char chain[CHAIN_SIZE];
    const char *protocol = strstr(key, " . ") + 3;
    SCOPED(mem_drop) char *name = mem_slice_dup(slice_make(protocol, strcspn(protocol, " ")));

    chain_name(key, chain);
    buf_printf(&rules->pending, "add chain ip %s %s\nflush chain ip %s %s\n", rules->table, chain,
               rules->table, chain);
    rule_write(rules, chain, name, json_slice(endpoints));
    if (fresh)
        buf_printf(&rules->pending, "add element ip %s services { %s : goto %s }\n", rules->table,
                   key, chain);
}

/* The chain stays, empty: old kernels refuse to drop it together with the element. */
static void target_unwrite(struct service_rules *rules, const char *key)
{
    char chain[CHAIN_SIZE];

    chain_name(key, chain);
    buf_printf(&rules->pending, "delete element ip %s services { %s }\nflush chain ip %s %s\n",
               rules->table, key, rules->table, chain);
}

static void base_write(struct service_rules *rules)
{
    const char *table = rules->table;

    buf_printf(&rules->pending,
               "add table ip %s\ndelete table ip %s\n"
               "table ip %s {\n"
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
               "ip daddr { %s } meta l4proto tcp reject with tcp reset\n"
               "ip daddr { %s } reject\n}\n"
               "}\n",
               table, table, table, rules->rejected, rules->rejected);
}

static void hairpin_write(struct service_rules *rules, const char *verb, const char *ip)
{
    buf_printf(&rules->pending, "%s element ip %s hairpin { %s . %s }\n", verb, rules->table, ip,
               ip);
}

/* --- the interface --- */

struct service_rules *service_rules_new(const struct service_rules_options *options)
{
    struct service_rules *rules = MEM_NEW(struct service_rules);

    rules->table = mem_strdup(options->table);
    rules->node_ip = mem_strdup(options->node_ip);
    rules->rejected = mem_printf("%s, %s", options->reject_cidrs[0], options->reject_cidrs[1]);
    rules->services = json_object();
    rules->pods = json_object();
    buf_init(&rules->pending, TRANSACTION_MAX);
    service_rules_restart(rules);
    return rules;
}

void service_rules_free(struct service_rules *rules)
{
    if (!rules)
        return;
    mem_free(rules->table);
    mem_free(rules->node_ip);
    mem_free(rules->rejected);
    json_decref(rules->services);
    json_decref(rules->pods);
    buf_deinit(&rules->pending);
    mem_free(rules);
}

/* Replaces the targets of one Service (taken); writes the differences. */
static void targets_set(struct service_rules *rules, const json_t *service, json_t *targets)
{
    SCOPED(mem_drop) char *name = mem_printf("%s/%s", kube_namespace(service), kube_name(service));
    json_t *old = json_object_get(rules->services, name);
    const char *key;
    json_t *endpoints;

    json_object_foreach(targets, key, endpoints)
    {
        const json_t *before = json_object_get(old, key);

        if (!before || !json_equal(before, endpoints))
            target_write(rules, key, endpoints, before == NULL);
    }
    json_object_foreach(old, key, endpoints)
    {
        if (!json_object_get(targets, key))
            target_unwrite(rules, key);
    }
    if (json_object_size(targets) > 0)
        json_object_set_new(rules->services, name, targets);
    else {
        json_object_del(rules->services, name);
        json_decref(targets);
    }
}

void service_rules_set(struct service_rules *rules, const json_t *service,
                       const struct slices_source *slices)
{
    targets_set(rules, service, service_rules_targets(service, slices, rules->node_ip));
}

void service_rules_remove(struct service_rules *rules, const json_t *service)
{
    targets_set(rules, service, json_object());
}

void service_rules_pod_set(struct service_rules *rules, const char *ip, bool present)
{
    if (!is_ipv4(ip) || (json_object_get(rules->pods, ip) != NULL) == present)
        return;
    hairpin_write(rules, present ? "add" : "delete", ip);
    if (present)
        json_object_set_new(rules->pods, ip, json_true());
    else
        json_object_del(rules->pods, ip);
}

void service_rules_restart(struct service_rules *rules)
{
    const char *name, *key;
    json_t *targets, *endpoints;

    buf_reset(&rules->pending);
    base_write(rules);
    json_object_foreach(rules->services, name, targets) json_object_foreach(targets, key, endpoints)
        target_write(rules, key, endpoints, true);
    json_object_foreach(rules->pods, key, endpoints) hairpin_write(rules, "add", key);
}

char *service_rules_take(struct service_rules *rules)
{
    return rules->pending.len > 0 ? buf_take(&rules->pending) : NULL;
}
