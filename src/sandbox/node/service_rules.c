/* SPDX-License-Identifier: Apache-2.0 */
/* Packet rules for Services, see service_rules.h. */
#include "sandbox/node/service_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "io/addr.h"
#include "kube/client.h"

enum {
    TRANSACTION_MAX = 16 * 1024 * 1024,
    NAME_SIZE = 24,
    AFFINITY_DEFAULT_S = 10800,
    AFFINITY_CLIENTS_MAX = 65535, /* of one endpoint; the next is not remembered */
};

struct service_rules {
    char *table, *node_ip, *rejected;
    json_t *services;   /* "ns/name": targets, as asked for last */
    json_t *pods;       /* ip: true */
    struct buf pending; /* text of the next transaction */
    json_t *stale;      /* names of affinities that the transaction after it may delete */
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

/* Adds what an affinity needs to the endpoints (taken): they belong to the port of the Service. */
static json_t *affinity_add(const json_t *service, const json_t *port, json_t *endpoints)
{
    SCOPED(mem_drop) char *owner = NULL;

    if (strcmp(json_path_string_or(service, "spec.sessionAffinity", ""), "ClientIP") != 0)
        return endpoints;
    owner = mem_printf("%s/%s:%s", kube_namespace(service), kube_name(service),
                       json_path_string_or(port, "name", ""));
    return json_pack("{s:o,s:s,s:I}", "endpoints", endpoints, "owner", owner, "timeout_s",
                     (json_int_t)json_path_int(service,
                                               "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
                                               AFFINITY_DEFAULT_S));
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
        json_t *endpoints = affinity_add(service, port, endpoints_text(service, port, slices));
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

static void name_make(char prefix, const char *key, char out[NAME_SIZE])
{
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a: the same in every run */

    for (; *key; key++)
        hash = (hash ^ (uint8_t)*key) * 1099511628211ULL;
    snprintf(out, NAME_SIZE, "%c_%016llx", prefix, (unsigned long long)hash);
}

/* Of an affinity's set and chain for one endpoint. */
static void affinity_name(const json_t *target, struct slice endpoint, char out[NAME_SIZE])
{
    SCOPED(mem_drop)
    char *key = mem_printf("%s %lld %.*s", json_path_string_or(target, "owner", ""),
                           (long long)json_get_int(target, "timeout_s", 0), SLICE_ARG(endpoint));

    name_make('a', key, out);
}

static size_t endpoints_count(struct slice endpoints)
{
    size_t count = 0;
    struct slice one;

    while (slice_split_next(&endpoints, ',', &one))
        count++;
    return count;
}

/* One of the next endpoints, without the space around it; false at the end. */
static bool endpoint_next(struct slice *rest, struct slice *ret)
{
    if (rest->len == 0 || !slice_split_next(rest, ',', ret))
        return false;
    *ret = slice_trim(*ret);
    return true;
}

/* "meta l4proto tcp dnat to 10.1.0.3:8080" */
static void dnat_write(struct buf *out, const char *protocol, struct slice endpoint)
{
    ptrdiff_t dot = slice_find(endpoint, SLICE(" . "));

    buf_printf(out, "meta l4proto %s dnat to %.*s:%.*s\n", protocol, (int)dot, endpoint.data,
               SLICE_ARG(slice_from(endpoint, (size_t)dot + 3)));
}

/* The one rule of a chain. */
static void rule_write(struct service_rules *rules, const char *chain, const char *protocol,
                       struct slice endpoints)
{
    struct buf *out = &rules->pending;
    size_t count = endpoints_count(endpoints);
    struct slice one;

    buf_printf(out, "add rule ip %s %s ", rules->table, chain);
    if (count == 1) {
        dnat_write(out, protocol, endpoints);
        return;
    }
    buf_printf(out, "meta l4proto %s dnat to numgen random mod %zu map {", protocol, count);
    for (size_t i = 0; endpoint_next(&endpoints, &one); i++)
        buf_printf(out, "%s %zu : %.*s", i ? "," : "", i, SLICE_ARG(one));
    buf_append_str(out, " }\n");
}

/* Per endpoint a set of the clients that went there, and a chain that notes them; the Service's
 * chain looks a client up in the sets before it draws one. */
static void affinity_write(struct service_rules *rules, const char *chain, const char *protocol,
                           const json_t *target)
{
    struct buf *out = &rules->pending;
    struct slice endpoints = json_slice(json_object_get(target, "endpoints"));
    struct slice rest = endpoints, one;
    const char *table = rules->table;
    char name[NAME_SIZE];

    while (endpoint_next(&rest, &one)) {
        affinity_name(target, one, name);
        buf_printf(
            out,
            "add set ip %s %s { type ipv4_addr; size %d; flags dynamic,timeout; timeout %llds; }\n"
            "add chain ip %s %s\nflush chain ip %s %s\n"
            "add rule ip %s %s update @%s { ip saddr } ",
            table, name, AFFINITY_CLIENTS_MAX, (long long)json_get_int(target, "timeout_s", 0),
            table, name, table, name, table, name, name);
        dnat_write(out, protocol, one);
        buf_printf(out, "add rule ip %s %s ip saddr @%s goto %s\n", table, chain, name, name);
    }
    buf_printf(out, "add rule ip %s %s numgen random mod %zu vmap {", table, chain,
               endpoints_count(endpoints));
    for (size_t i = 0; endpoint_next(&endpoints, &one); i++) {
        affinity_name(target, one, name);
        buf_printf(out, "%s %zu : goto %s", i ? "," : "", i, name);
    }
    buf_append_str(out, " }\n");
}

/* Marks the affinities of all targets as stale, or as in use. */
static void affinities_mark(struct service_rules *rules, const json_t *targets, bool stale)
{
    const char *key;
    json_t *target;

    json_object_foreach((json_t *)targets, key, target)
    {
        struct slice rest = json_slice(json_object_get(target, "endpoints"));
        struct slice one;
        char name[NAME_SIZE];

        while (endpoint_next(&rest, &one)) {
            affinity_name(target, one, name);
            if (stale)
                json_object_set_new(rules->stale, name, json_true());
            else
                json_object_del(rules->stale, name);
        }
    }
}

/* Nothing refers to them any more since the last transaction. */
static void stale_write(struct service_rules *rules)
{
    const char *name;
    json_t *value;

    json_object_foreach(rules->stale, name, value)
        buf_printf(&rules->pending, "delete chain ip %s %s\ndelete set ip %s %s\n", rules->table,
                   name, rules->table, name);
    json_object_clear(rules->stale);
}

/* Its chain: empty when there are no endpoints. */
static void target_write(struct service_rules *rules, const char *key, const json_t *target,
                         bool fresh)
{
    char chain[NAME_SIZE];
    const char *protocol = strstr(key, " . ") + 3;
    SCOPED(mem_drop) char *name = mem_slice_dup(slice_make(protocol, strcspn(protocol, " ")));

    name_make('s', key, chain);
    buf_printf(&rules->pending, "add chain ip %s %s\nflush chain ip %s %s\n", rules->table, chain,
               rules->table, chain);
    if (json_slice(json_object_get(target, "endpoints")).len > 0)
        affinity_write(rules, chain, name, target);
    else if (json_slice(target).len > 0)
        rule_write(rules, chain, name, json_slice(target));
    if (fresh)
        buf_printf(&rules->pending, "add element ip %s services { %s : goto %s }\n", rules->table,
                   key, chain);
}

/* The chain stays, empty: old kernels refuse to drop it together with the element. */
static void target_unwrite(struct service_rules *rules, const char *key)
{
    char chain[NAME_SIZE];

    name_make('s', key, chain);
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
    rules->stale = json_object();
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
    json_decref(rules->stale);
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

    affinities_mark(rules, old, true);
    affinities_mark(rules, targets, false);
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
    json_object_clear(rules->stale);
    base_write(rules);
    json_object_foreach(rules->services, name, targets) json_object_foreach(targets, key, endpoints)
        target_write(rules, key, endpoints, true);
    json_object_foreach(rules->pods, key, endpoints) hairpin_write(rules, "add", key);
}

char *service_rules_take(struct service_rules *rules)
{
    char *text = rules->pending.len > 0 ? buf_take(&rules->pending) : NULL;

    stale_write(rules);
    return text;
}
