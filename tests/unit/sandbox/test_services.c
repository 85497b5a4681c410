/* SPDX-License-Identifier: Apache-2.0 */
/* Services as packet rules and as DNS answers, and the DNS server over UDP and TCP. */
#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/conn.h"
#include "io/loop.h"
#include "io/udp.h"
#include "kube/dns_server.h"
#include "sandbox/node/service_rules.h"

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *out = NULL;

    if (json_parse(slice_str(text), NULL, &out, &err) < 0)
        fail_msg("%s in %s", err.reason, text);
    return out;
}

static json_t *services[5], *slices[5];

static int set_up(void **state)
{
    (void)state;
    services[0] = parse(
        "{\"metadata\": {\"name\": \"web\", \"namespace\": \"demo\"}, \"spec\": {\"clusterIP\": "
        "\"10.0.0.5\", \"clusterIPs\": [\"10.0.0.5\"], \"ports\": [{\"name\": \"http\", "
        "\"port\": 80, \"protocol\": \"TCP\"}, {\"name\": \"dns\", \"port\": 53, \"protocol\": "
        "\"UDP\"}]}, \"status\": {\"loadBalancer\": {\"ingress\": [{\"ip\": \"10.2.0.1\"}]}}}");
    services[1] = parse("{\"metadata\": {\"name\": \"peers\", \"namespace\": \"demo\"}, \"spec\": "
                        "{\"clusterIP\": \"None\", \"ports\": [{\"name\": \"p\", \"port\": 1}]}}");
    services[2] = parse("{\"metadata\": {\"name\": \"out\", \"namespace\": \"demo\"}, \"spec\": "
                        "{\"type\": \"ExternalName\", \"externalName\": \"example.org\"}}");
    services[3] = parse("{\"metadata\": {\"name\": \"in\", \"namespace\": \"demo\"}, \"spec\": "
                        "{\"type\": \"ExternalName\", \"externalName\": "
                        "\"web.demo.svc.cluster.local\"}}");
    slices[0] = parse(
        "{\"metadata\": {\"namespace\": \"demo\", \"labels\": {\"kubernetes.io/service-name\": "
        "\"web\"}}, \"ports\": [{\"name\": \"http\", \"port\": 8080, \"protocol\": \"TCP\"}], "
        "\"endpoints\": [{\"addresses\": [\"10.1.0.9\"], \"conditions\": {\"ready\": true}}, "
        "{\"addresses\": [\"10.1.0.3\"]}, {\"addresses\": [\"10.1.0.4\"], \"conditions\": "
        "{\"ready\": false}}]}");
    slices[1] = parse(
        "{\"metadata\": {\"namespace\": \"demo\", \"labels\": {\"kubernetes.io/service-name\": "
        "\"peers\"}}, \"ports\": [{\"name\": \"p\", \"port\": 7000, \"protocol\": \"TCP\"}], "
        "\"endpoints\": [{\"addresses\": [\"10.1.0.7\"], \"hostname\": \"p-0\"}]}");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        json_decref(services[i]);
        json_decref(slices[i]);
    }
    return 0;
}

static json_t *slice_next(size_t *cursor, void *ctx)
{
    (void)ctx;
    return slices[(*cursor)++];
}

static json_t *service_get(const char *ns, const char *name, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; services[i]; i++)
        if (strcmp(json_path_string(services[i], "metadata.name"), name) == 0 &&
            strcmp(ns, "demo") == 0)
            return services[i];
    return NULL;
}

static void every_address_leads_to_the_ready_endpoints(void **state)
{
    const struct slices_source source = {.next = slice_next};
    json_t *targets = service_rules_targets(services[0], &source, "10.3.0.2");
    json_t *expected = parse("{\"10.0.0.5 . tcp . 80\": \"10.1.0.3 . 8080, 10.1.0.9 . 8080\", "
                             "\"10.2.0.1 . tcp . 80\": \"10.1.0.3 . 8080, 10.1.0.9 . 8080\", "
                             "\"10.0.0.5 . udp . 53\": \"\", \"10.2.0.1 . udp . 53\": \"\"}");

    (void)state;
    assert_true(json_equal(targets, expected));
    json_decref(targets);
    json_decref(expected);
    targets = service_rules_targets(services[1], &source, "10.3.0.2");
    assert_int_equal(json_object_size(targets), 0);
    json_decref(targets);
}

static void terminating_endpoints_serve_when_nothing_else_does(void **state)
{
    const struct slices_source source = {.next = slice_next};
    json_t *saved = slices[0];
    json_t *targets;

    (void)state;
    slices[0] = parse(
        "{\"metadata\": {\"namespace\": \"demo\", \"labels\": {\"kubernetes.io/service-name\": "
        "\"web\"}}, \"ports\": [{\"name\": \"http\", \"port\": 8080, \"protocol\": \"TCP\"}], "
        "\"endpoints\": [{\"addresses\": [\"10.1.0.9\"], \"conditions\": {\"ready\": false, "
        "\"serving\": true, \"terminating\": true}}, {\"addresses\": [\"10.1.0.8\"], "
        "\"conditions\": {\"ready\": false, \"serving\": false}}]}");
    targets = service_rules_targets(services[0], &source, "10.3.0.2");
    assert_string_equal(json_get_string(targets, "10.0.0.5 . tcp . 80"), "10.1.0.9 . 8080");
    json_decref(targets);
    json_decref(slices[0]);
    slices[0] = saved;
}

static void node_ports_and_affinity(void **state)
{
    const struct slices_source source = {.next = slice_next};
    json_t *service = parse(
        "{\"metadata\": {\"name\": \"web\", \"namespace\": \"demo\"}, \"spec\": {\"clusterIP\": "
        "\"10.0.0.5\", \"sessionAffinity\": \"ClientIP\", \"externalIPs\": [\"192.0.2.7\"], "
        "\"ports\": [{\"name\": \"http\", \"port\": 80, \"nodePort\": 30080}]}}");
    json_t *targets = service_rules_targets(service, &source, "10.3.0.2");
    SCOPED(json_drop)
    json_t *wanted = parse("{\"endpoints\": \"10.1.0.3 . 8080, 10.1.0.9 . 8080\", \"owner\": "
                           "\"demo/web:http\", \"timeout_s\": 10800}");

    (void)state;
    assert_int_equal(json_object_size(targets), 3);
    assert_true(json_equal(json_object_get(targets, "10.0.0.5 . tcp . 80"), wanted));
    assert_true(json_equal(json_object_get(targets, "192.0.2.7 . tcp . 80"), wanted));
    assert_true(json_equal(json_object_get(targets, "10.3.0.2 . tcp . 30080"), wanted));
    json_decref(targets);
    json_decref(service);
}

/* --- rules --- */

static void text_check(struct service_rules *rules, const char *expected)
{
    SCOPED(mem_drop) char *text = service_rules_take(rules);

    assert_non_null(text);
    assert_string_equal(text, expected);
    assert_null(service_rules_take(rules));
}

static void only_what_changed_is_written(void **state)
{
    static const struct service_rules_options options = {
        .table = "t", .node_ip = "10.3.0.2", .reject_cidrs = {"10.0.0.0/16", "10.2.0.0/24"}};
    const struct slices_source source = {.next = slice_next};
    struct service_rules *rules = service_rules_new(&options);
    SCOPED(mem_drop) char *start = service_rules_take(rules);
    SCOPED(json_drop) json_t *changed = json_deep_copy(services[0]);
    SCOPED(mem_drop) char *all = NULL;

    (void)state;
    assert_true(strncmp(start, "add table ip t\ndelete table ip t\ntable ip t {\n", 46) == 0);
    assert_non_null(strstr(start, "ip daddr { 10.0.0.0/16, 10.2.0.0/24 } reject\n"));
    json_object_del(json_object_get(changed, "status"), "loadBalancer");
    json_array_remove(json_path_get(changed, "spec.ports"), 1);
    service_rules_set(rules, changed, &source);
    text_check(rules, "add chain ip t s_7f71ab030aa649f6\nflush chain ip t s_7f71ab030aa649f6\n"
                      "add rule ip t s_7f71ab030aa649f6 meta l4proto tcp dnat to "
                      "numgen random mod 2 map { 0 : 10.1.0.3 . 8080, 1 : 10.1.0.9 . 8080 }\n"
                      "add element ip t services { 10.0.0.5 . tcp . 80 : goto "
                      "s_7f71ab030aa649f6 }\n");
    service_rules_set(rules, changed, &source); /* nothing new */
    assert_null(service_rules_take(rules));
    service_rules_pod_set(rules, "10.1.0.3", true);
    service_rules_pod_set(rules, "10.1.0.3", true);
    text_check(rules, "add element ip t hairpin { 10.1.0.3 . 10.1.0.3 }\n");
    service_rules_restart(rules);
    all = service_rules_take(rules);
    assert_non_null(strstr(all, "services { 10.0.0.5 . tcp . 80 : goto s_7f71ab030aa649f6 }"));
    assert_non_null(strstr(all, "hairpin { 10.1.0.3 . 10.1.0.3 }"));
    service_rules_remove(rules, changed);
    text_check(rules, "delete element ip t services { 10.0.0.5 . tcp . 80 }\n"
                      "flush chain ip t s_7f71ab030aa649f6\n");
    service_rules_pod_set(rules, "10.1.0.3", false);
    text_check(rules, "delete element ip t hairpin { 10.1.0.3 . 10.1.0.3 }\n");
    service_rules_free(rules);
}

static json_t *sticky_service(void)
{
    return parse(
        "{\"metadata\": {\"name\": \"web\", \"namespace\": \"demo\"}, \"spec\": {\"clusterIP\": "
        "\"10.0.0.5\", \"sessionAffinity\": \"ClientIP\", \"sessionAffinityConfig\": "
        "{\"clientIP\": {\"timeoutSeconds\": 60}}, \"ports\": [{\"name\": \"http\", \"port\": "
        "80}]}}");
}

static void a_sticky_service_may_begin_without_endpoints(void **state)
{
    static const struct service_rules_options options = {
        .table = "t", .node_ip = "10.3.0.2", .reject_cidrs = {"10.0.0.0/16", "10.2.0.0/24"}};
    const struct slices_source source = {.next = slice_next};
    struct service_rules *rules = service_rules_new(&options);
    SCOPED(json_drop) json_t *service = sticky_service();
    json_t *all = slices[0];

    (void)state;
    mem_free(service_rules_take(rules));
    slices[0] = json_deep_copy(all);
    json_array_clear(json_object_get(slices[0], "endpoints"));
    service_rules_set(rules, service, &source);
    text_check(rules, "add chain ip t s_7f71ab030aa649f6\nflush chain ip t s_7f71ab030aa649f6\n"
                      "add element ip t services { 10.0.0.5 . tcp . 80 : goto "
                      "s_7f71ab030aa649f6 }\n");
    json_decref(slices[0]);
    slices[0] = all;
    service_rules_set(rules, service, &source);
    mem_free(service_rules_take(rules));
    assert_null(service_rules_take(rules)); /* nothing to delete: there was no set */
    service_rules_free(rules);
}

static void clients_stay_for_the_timeout(void **state)
{
    static const struct service_rules_options options = {
        .table = "t", .node_ip = "10.3.0.2", .reject_cidrs = {"10.0.0.0/16", "10.2.0.0/24"}};
    const struct slices_source source = {.next = slice_next};
    struct service_rules *rules = service_rules_new(&options);
    SCOPED(json_drop) json_t *service = sticky_service();
    json_t *all = slices[0];

    (void)state;
    mem_free(service_rules_take(rules));
    service_rules_set(rules, service, &source);
    text_check(
        rules,
        "add chain ip t s_7f71ab030aa649f6\nflush chain ip t s_7f71ab030aa649f6\n"
        "add set ip t a_c3f8f7ad7a63097a { type ipv4_addr; size 65535; flags dynamic,timeout; "
        "timeout 60s; }\n"
        "add chain ip t a_c3f8f7ad7a63097a\nflush chain ip t a_c3f8f7ad7a63097a\n"
        "add rule ip t a_c3f8f7ad7a63097a update @a_c3f8f7ad7a63097a { ip saddr } meta l4proto tcp "
        "dnat to 10.1.0.3:8080\n"
        "add rule ip t s_7f71ab030aa649f6 ip saddr @a_c3f8f7ad7a63097a goto a_c3f8f7ad7a63097a\n"
        "add set ip t a_d23c2a9350a9e5d0 { type ipv4_addr; size 65535; flags dynamic,timeout; "
        "timeout 60s; }\n"
        "add chain ip t a_d23c2a9350a9e5d0\nflush chain ip t a_d23c2a9350a9e5d0\n"
        "add rule ip t a_d23c2a9350a9e5d0 update @a_d23c2a9350a9e5d0 { ip saddr } meta l4proto tcp "
        "dnat to 10.1.0.9:8080\n"
        "add rule ip t s_7f71ab030aa649f6 ip saddr @a_d23c2a9350a9e5d0 goto a_d23c2a9350a9e5d0\n"
        "add rule ip t s_7f71ab030aa649f6 numgen random mod 2 vmap { 0 : goto a_c3f8f7ad7a63097a, "
        "1 : goto a_d23c2a9350a9e5d0 }\n"
        "add element ip t services { 10.0.0.5 . tcp . 80 : goto s_7f71ab030aa649f6 }\n");
    slices[0] = json_deep_copy(all); /* 10.1.0.9 goes: the clients of the other one stay there */
    json_array_remove(json_object_get(slices[0], "endpoints"), 0);
    service_rules_set(rules, service, &source);
    mem_free(service_rules_take(rules));
    text_check(rules, "delete chain ip t a_d23c2a9350a9e5d0\ndelete set ip t a_d23c2a9350a9e5d0\n");
    json_decref(slices[0]);
    slices[0] = all;
    service_rules_free(rules);
}

static void the_zone_answers_as_kubernetes_does(void **state)
{
    static const struct {
        const char *name;
        uint16_t type;
        const char *expected; /* "rcode" and the answers */
    } cases[] = {
        {"web.demo.svc.cluster.local", DNS_TYPE_A, "0 A 10.0.0.5"},
        {"web.demo.svc.cluster.local", DNS_TYPE_AAAA, "0"},
        {"peers.demo.svc.cluster.local", DNS_TYPE_A, "0 A 10.1.0.7"},
        {"p-0.peers.demo.svc.cluster.local", DNS_TYPE_A, "0 A 10.1.0.7"},
        {"p-1.peers.demo.svc.cluster.local", DNS_TYPE_A, "3"},
        {"out.demo.svc.cluster.local", DNS_TYPE_A, "0 CNAME example.org"},
        {"in.demo.svc.cluster.local", DNS_TYPE_A, "0 CNAME web.demo.svc.cluster.local A 10.0.0.5"},
        {"in.demo.svc.cluster.local", DNS_TYPE_AAAA, "0 CNAME web.demo.svc.cluster.local"},
        {"in.demo.svc.cluster.local", DNS_TYPE_CNAME, "0 CNAME web.demo.svc.cluster.local"},
        {"_http._tcp.web.demo.svc.cluster.local", DNS_TYPE_SRV,
         "0 SRV 80 web.demo.svc.cluster.local"},
        {"_p._tcp.peers.demo.svc.cluster.local", DNS_TYPE_SRV,
         "0 SRV 7000 p-0.peers.demo.svc.cluster.local"},
        {"_x._tcp.web.demo.svc.cluster.local", DNS_TYPE_SRV, "3"},
        {"10-1-2-3.demo.pod.cluster.local", DNS_TYPE_A, "0 A 10.1.2.3"},
        {"none.demo.svc.cluster.local", DNS_TYPE_A, "3"},
        {"web.other.svc.cluster.local", DNS_TYPE_A, "3"},
        {"cluster.local", DNS_TYPE_A, "3"},
        {"a.b.c.d.e.f.g.h.i.cluster.local", DNS_TYPE_A, "3"},
    };
    const struct dns_zone zone = {.service = service_get, .slice_next = slice_next};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_message reply = {.question_count = 1};
        struct arena arena;
        struct buf text;

        arena_init(&arena, 0);
        buf_init(&text, 4096);
        reply.questions[0] = (struct dns_question){cases[i].name, cases[i].type, 1};
        dns_zone_answer(&zone, &arena, &reply);
        buf_printf(&text, "%d", reply.rcode);
        for (size_t j = 0; j < reply.answers.count; j++) {
            const struct dns_record *r = &reply.answers.items[j];

            if (r->type == DNS_TYPE_A)
                buf_printf(&text, " A %d.%d.%d.%d", r->ip[0], r->ip[1], r->ip[2], r->ip[3]);
            else if (r->type == DNS_TYPE_SRV)
                buf_printf(&text, " SRV %d %s", r->port, r->target);
            else
                buf_printf(&text, " CNAME %s", r->target);
        }
        if (!slice_eq_str(buf_slice(&text), cases[i].expected))
            fail_msg("%s: %s", cases[i].name, text.data);
        assert_int_equal(reply.authority.count, reply.answers.count ? 0 : 1);
        buf_deinit(&text);
        arena_deinit(&arena);
    }
}

/* --- the server --- */

struct world {
    struct loop *loop;
    struct dns_server *server;
    struct addr at;
    int upstream_fd; /* plays the machine's resolver */
};

static struct world world_open(bool with_upstream)
{
    const struct dns_zone zone = {.service = service_get, .slice_next = slice_next};
    struct world w = {.upstream_fd = -1};
    struct addr any, upstream = {0};
    struct error err = {0};

    assert_int_equal(loop_new(&w.loop), 0);
    assert_int_equal(addr_parse_ip(SLICE("127.0.0.1"), 0, &any), 0);
    if (with_upstream) {
        assert_int_equal(udp_open(&any, NULL, &w.upstream_fd, &err), 0);
        assert_int_equal(addr_of_socket(w.upstream_fd, &upstream), 0);
    }
    /* the port that UDP got may be in use for TCP: another one then */
    for (int attempt = 0; attempt < 20 && !w.server; attempt++)
        if (dns_server_new_at(w.loop, &any, &upstream, &zone, &w.server, &w.at, &err) < 0 &&
            err.code != ERR_IN_USE)
            break;
    if (!w.server)
        fail_msg("%s", err.reason);
    return w;
}

static void world_close(struct world *w)
{
    dns_server_free(w->server);
    loop_free(w->loop);
    if (w->upstream_fd >= 0)
        close(w->upstream_fd);
}

static void question_encode(const char *name, struct buf *out)
{
    struct dns_message query = {.id = 77, .recursion_desired = true, .question_count = 1};

    query.questions[0] = (struct dns_question){name, DNS_TYPE_A, 1};
    assert_int_equal(dns_message_encode(&query, DNS_SIZE_MAX, out), 0);
}

/* Runs the loop until the socket has a datagram. */
static ssize_t receive(struct world *w, int fd, char *into, size_t size, struct addr *from)
{
    for (int turn = 0; turn < 1000; turn++) {
        ssize_t got = udp_receive(fd, into, size, from);

        if (got != ERR_AGAIN)
            return got;
        loop_run_once(w->loop, 10);
    }
    fail_msg("no datagram came");
    return -1;
}

static void ask(struct world *w, int fd, const char *name, struct arena *arena,
                struct dns_message *ret)
{
    char bytes[4096];
    struct buf question;
    ssize_t got;

    buf_init(&question, 0);
    question_encode(name, &question);
    assert_int_equal(udp_send(fd, buf_slice(&question), NULL), 0);
    if (w->upstream_fd >= 0) {
        struct addr from;

        got = receive(w, w->upstream_fd, bytes, sizeof bytes, &from);
        bytes[2] = (char)0x81; /* a response, */
        bytes[3] = 5;          /* refused */
        assert_int_equal(udp_send(w->upstream_fd, slice_make(bytes, (size_t)got), &from), 0);
    }
    got = receive(w, fd, bytes, sizeof bytes, NULL);
    assert_int_equal(dns_message_decode(arena, slice_make(bytes, (size_t)got), ret), 0);
    assert_int_equal(ret->id, 77);
    buf_deinit(&question);
}

static void names_of_the_zone_are_answered_and_others_forwarded(void **state)
{
    struct world w = world_open(false);
    struct dns_message reply;
    struct arena arena;
    struct error err = {0};
    int fd;

    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(udp_open(NULL, &w.at, &fd, &err), 0);
    ask(&w, fd, "web.demo.svc.cluster.local", &arena, &reply);
    assert_int_equal(reply.answers.count, 1);
    ask(&w, fd, "example.org", &arena, &reply); /* no resolver on the machine */
    assert_int_equal(reply.rcode, DNS_RCODE_NXDOMAIN);
    close(fd);
    world_close(&w);
    w = world_open(true);
    assert_int_equal(udp_open(NULL, &w.at, &fd, &err), 0);
    ask(&w, fd, "example.org", &arena, &reply);
    assert_int_equal(reply.rcode, DNS_RCODE_REFUSED);
    close(fd);
    world_close(&w);
    arena_deinit(&arena);
}

struct tcp_client {
    struct buf got;
    bool ended;
};

static void on_connected(struct conn *conn, void *ctx)
{
    struct buf question, framed;

    (void)ctx;
    buf_init(&question, 0);
    buf_init(&framed, 0);
    question_encode("web.demo.svc.cluster.local", &question);
    buf_append_char(&framed, 0);
    buf_append_char(&framed, (char)question.len);
    buf_append(&framed, buf_slice(&question));
    assert_int_equal(conn_write(conn, buf_slice(&framed)), (int)framed.len);
    buf_deinit(&question);
    buf_deinit(&framed);
}

static void on_readable(struct conn *conn, void *ctx)
{
    struct tcp_client *client = ctx;
    char bytes[512];
    ssize_t got;

    while ((got = conn_read(conn, bytes, sizeof bytes)) > 0)
        buf_append(&client->got, slice_make(bytes, (size_t)got));
    client->ended = got != ERR_AGAIN;
}

static void answers_come_over_tcp(void **state)
{
    static const struct conn_events events = {.on_connected = on_connected,
                                              .on_readable = on_readable};
    struct world w = world_open(false);
    struct tcp_client client = {0};
    struct dns_message reply;
    struct arena arena;
    struct conn *conn;

    (void)state;
    arena_init(&arena, 0);
    buf_init(&client.got, 0);
    assert_int_equal(
        conn_connect(w.loop, &w.at, &(struct conn_options){0}, &events, &client, &conn), 0);
    for (int turn = 0; turn < 1000 && client.got.len < 14 && !client.ended; turn++)
        loop_run_once(w.loop, 10);
    assert_true(client.got.len > 14);
    assert_int_equal((uint8_t)client.got.data[1], client.got.len - 2);
    assert_int_equal(dns_message_decode(&arena, slice_from(buf_slice(&client.got), 2), &reply), 0);
    assert_int_equal(reply.answers.count, 1);
    conn_close(conn);
    loop_run_once(w.loop, 0);
    buf_deinit(&client.got);
    arena_deinit(&arena);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_leads_to_the_ready_endpoints),
        cmocka_unit_test(terminating_endpoints_serve_when_nothing_else_does),
        cmocka_unit_test(node_ports_and_affinity),
        cmocka_unit_test(only_what_changed_is_written),
        cmocka_unit_test(a_sticky_service_may_begin_without_endpoints),
        cmocka_unit_test(clients_stay_for_the_timeout),
        cmocka_unit_test(the_zone_answers_as_kubernetes_does),
        cmocka_unit_test(names_of_the_zone_are_answered_and_others_forwarded),
        cmocka_unit_test(answers_come_over_tcp),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
