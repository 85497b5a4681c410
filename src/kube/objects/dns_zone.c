/* SPDX-License-Identifier: Apache-2.0 */
/* The zone "cluster.local", see dns_zone.h. */
#include "kube/objects/dns_zone.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/slice.h"
#include "kube/objects/object.h"
#include "kube/objects/slices.h"

#define ZONE "cluster.local"

enum { TTL_S = 5, LABELS_MAX = 8, ANSWERS_MAX = 256, ALIASES_MAX = 8 };

struct answer {
    const struct dns_zone *zone;
    struct arena *arena;
    struct dns_message *reply;
    const char *name;
    uint16_t type;
    bool found; /* the name exists, whatever its types */
};

const char *dns_zone_alias(const struct dns_message *reply)
{
    size_t count = reply->answers.count;
    const struct dns_record *last = count > 0 ? &reply->answers.items[count - 1] : NULL;

    return last && last->type == DNS_TYPE_CNAME && reply->questions[0].type != DNS_TYPE_CNAME
               ? last->target
               : NULL;
}

bool dns_zone_has(const char *name)
{
    struct slice text = slice_str(name);

    return slice_eq_str(text, ZONE) || slice_ends_with(text, SLICE("." ZONE));
}

static struct dns_record *record_add(struct answer *a, const char *name, uint16_t type)
{
    struct dns_records *answers = &a->reply->answers;
    struct dns_record *record;

    if (!answers->items)
        answers->items = ARENA_ARRAY(a->arena, struct dns_record, ANSWERS_MAX);
    if (answers->count == ANSWERS_MAX)
        return NULL;
    record = &answers->items[answers->count++];
    *record = (struct dns_record){.name = name, .type = type, .ttl_s = TTL_S};
    return record;
}

/* An A or AAAA record when the question wants that type. */
static void ip_add(struct answer *a, const char *ip)
{
    uint8_t bytes[16];
    uint16_t type = strchr(ip, ':') ? DNS_TYPE_AAAA : DNS_TYPE_A;
    struct dns_record *record;

    if (inet_pton(type == DNS_TYPE_A ? AF_INET : AF_INET6, ip, bytes) != 1)
        return;
    a->found = true;
    if (a->type != type && a->type != DNS_TYPE_ANY)
        return;
    record = record_add(a, a->name, type);
    if (record)
        memcpy(record->ip, bytes, type == DNS_TYPE_A ? 4 : 16);
}

/* --- endpoints --- */

static const char *dashed(struct arena *arena, const char *ip)
{
    char *text = arena_strdup(arena, ip);

    for (char *c = text; *c; c++)
        if (*c == '.' || *c == ':')
            *c = '-';
    return text;
}

static const char *endpoint_label(struct arena *arena, const struct slices_endpoint *endpoint)
{
    return endpoint->hostname ? endpoint->hostname : dashed(arena, endpoint->ip);
}

struct each {
    struct answer *answer;
    const char *host; /* only this endpoint; NULL: all */
    const char *port; /* SRV: this port name ... */
    const char *protocol;
    const char *suffix; /* SRV: targets end in this */
};

static void on_endpoint(const struct slices_endpoint *endpoint, void *ctx)
{
    struct each *each = ctx;
    struct answer *a = each->answer;
    const char *label = endpoint_label(a->arena, endpoint);
    struct dns_record *record;

    if (each->host) {
        if (strcmp(label, each->host) == 0)
            ip_add(a, endpoint->ip);
        return;
    }
    if (!each->port) {
        ip_add(a, endpoint->ip);
        return;
    }
    if (strcmp(endpoint->port_name, each->port) != 0 ||
        strcasecmp(endpoint->protocol, each->protocol) != 0)
        return;
    a->found = true;
    if (a->type != DNS_TYPE_SRV && a->type != DNS_TYPE_ANY)
        return;
    record = record_add(a, a->name, DNS_TYPE_SRV);
    if (!record)
        return;
    record->weight = 1;
    record->port = (uint16_t)endpoint->port;
    record->target = arena_printf(a->arena, "%s.%s", label, each->suffix);
}

static void endpoints_answer(struct answer *a, const json_t *service, struct each *each)
{
    const struct slices_source source = {.next = a->zone->slice_next, .ctx = a->zone->ctx};

    each->answer = a;
    slices_each(&source, service, each->port == NULL, on_endpoint, each);
}

/* --- names --- */

static bool is_headless(const json_t *service)
{
    return strcmp(json_path_string_or(service, "spec.clusterIP", "None"), "None") == 0;
}

static void service_answer(struct answer *a, const json_t *service)
{
    const char *external = json_get_string(json_object_get(service, "spec"), "externalName");
    struct each each = {0};
    json_t *ip;
    size_t i;

    if (strcmp(json_path_string_or(service, "spec.type", ""), "ExternalName") == 0) {
        struct dns_record *record = external ? record_add(a, a->name, DNS_TYPE_CNAME) : NULL;

        a->found = true;
        if (record)
            record->target = arena_strdup(a->arena, external);
        return;
    }
    a->found = true;
    if (is_headless(service)) {
        endpoints_answer(a, service, &each);
        return;
    }
    json_array_foreach(json_path_get(service, "spec.clusterIPs"), i, ip)
        ip_add(a, json_is_string(ip) ? json_string_value(ip) : "");
    if (json_array_size(json_path_get(service, "spec.clusterIPs")) == 0)
        ip_add(a, json_path_string_or(service, "spec.clusterIP", ""));
}

/* labels: _port _proto svc ns */
static void srv_answer(struct answer *a, const json_t *service, const char *const *labels)
{
    const char *target =
        arena_printf(a->arena, "%s.%s.svc." ZONE, kube_name(service), kube_namespace(service));
    json_t *port;
    size_t i;

    if (is_headless(service)) {
        struct each each = {.port = labels[0] + 1, .protocol = labels[1] + 1, .suffix = target};

        endpoints_answer(a, service, &each);
        return;
    }
    json_array_foreach(json_path_get(service, "spec.ports"), i, port)
    {
        struct dns_record *record;

        if (strcmp(json_path_string_or(port, "name", ""), labels[0] + 1) != 0 ||
            strcasecmp(json_path_string_or(port, "protocol", "TCP"), labels[1] + 1) != 0)
            continue;
        a->found = true;
        if (a->type != DNS_TYPE_SRV && a->type != DNS_TYPE_ANY)
            continue;
        record = record_add(a, a->name, DNS_TYPE_SRV);
        if (!record)
            return;
        record->weight = 100;
        record->port = (uint16_t)json_get_int(port, "port", 0);
        record->target = target;
    }
}

static void pod_answer(struct answer *a, const char *label)
{
    char ip[64];
    size_t len = 0;

    for (; label[len] && len + 1 < sizeof ip; len++)
        ip[len] = label[len] == '-' ? '.' : label[len];
    ip[len] = '\0';
    ip_add(a, ip);
}

/* The labels before "svc.cluster.local" or "pod.cluster.local"; count, or 0 when there are too
 * many. */
static size_t labels_split(struct answer *a, const char *labels[LABELS_MAX])
{
    struct slice rest = slice_head(slice_str(a->name), strlen(a->name) - strlen("." ZONE));
    struct slice label;
    size_t count = 0;

    while (slice_split_next(&rest, '.', &label)) {
        if (count == LABELS_MAX)
            return 0;
        labels[count++] = arena_slice_str(a->arena, label);
    }
    return count;
}

static void name_answer(struct answer *a)
{
    const char *labels[LABELS_MAX];
    size_t count = strlen(a->name) > strlen(ZONE) ? labels_split(a, labels) : 0;
    const json_t *service;

    if (count == 3 && strcmp(labels[2], "pod") == 0) {
        pod_answer(a, labels[0]);
        return;
    }
    if (count < 3 || count > 5 || strcmp(labels[count - 1], "svc") != 0)
        return;
    service = a->zone->service(labels[count - 2], labels[count - 3], a->zone->ctx);
    if (!service)
        return;
    if (count == 3) {
        service_answer(a, service);
    } else if (count == 4 && is_headless(service)) {
        struct each each = {.host = labels[0]};

        endpoints_answer(a, service, &each);
    } else if (count == 5 && labels[0][0] == '_' && labels[1][0] == '_') {
        srv_answer(a, service, labels);
    }
}

/* An ExternalName within the zone leads on to another Service. */
static void aliases_follow(struct answer *a)
{
    size_t before = 0;
    const char *alias;

    while ((alias = dns_zone_alias(a->reply)) && dns_zone_has(alias) &&
           a->reply->answers.count > before && a->reply->answers.count < ALIASES_MAX) {
        before = a->reply->answers.count;
        a->name = alias;
        name_answer(a);
    }
}

void dns_zone_answer(const struct dns_zone *zone, struct arena *arena, struct dns_message *reply)
{
    struct answer a = {.zone = zone,
                       .arena = arena,
                       .reply = reply,
                       .name = reply->questions[0].name,
                       .type = reply->questions[0].type};
    struct dns_record *soa;

    reply->authoritative = true;
    name_answer(&a);
    aliases_follow(&a);
    if (reply->answers.count > 0)
        return;
    reply->rcode = a.found ? DNS_RCODE_OK : DNS_RCODE_NXDOMAIN;
    soa = ARENA_NEW(arena, struct dns_record);
    *soa = (struct dns_record){.name = ZONE,
                               .type = DNS_TYPE_SOA,
                               .ttl_s = TTL_S,
                               .target = "ns.dns." ZONE,
                               .mailbox = "hostmaster." ZONE,
                               .serial = 1,
                               .minimum_s = TTL_S};
    reply->authority = (struct dns_records){soa, 1};
}
