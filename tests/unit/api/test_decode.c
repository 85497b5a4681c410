/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of the mesh into C structs: values arrive, absences show, errors name the field. */
#include "test.h"

#include "api/decode.h"
#include "api/kinds.h"

static const char route_text[] =
    "{'metadata':{'name':'reviews','namespace':'bookinfo','labels':{'a':'b','c':'d'},"
    "'creationTimestamp':'2026-01-01T00:00:00Z'},"
    "'spec':{'hosts':['reviews'],'http':[{'timeout':'1.5s','match':[{'headers':{'end-user':"
    "{'exact':'jason'}}}],'route':[{'destination':{'host':'reviews','subset':'v1','port':"
    "{'number':9080}},'weight':90},{'destination':{'host':'reviews','subset':'v2'},'weight':10}],"
    "'retries':{'attempts':0},'zzz':1}]}}";

static json_t *parse(const char *text)
{
    json_error_t error;
    char buffer[4096];
    size_t len = strlen(text);
    json_t *json;

    assert_true(len < sizeof(buffer));
    for (size_t i = 0; i <= len; i++)
        buffer[i] = text[i] == '\'' ? '"' : text[i];
    json = json_loads(buffer, 0, &error);
    assert_non_null(json);
    return json;
}

static void fields_arrive(void **state)
{
    struct api_virtual_service route;
    struct arena arena;
    struct error err = {0};
    json_t *json = parse(route_text);
    const struct api_http_route *http;

    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(api_decode(&api_virtual_service_schema, json, &arena, &route, &err), 0);
    json_decref(json);
    assert_string_equal(route.metadata->name, "reviews");
    assert_int_equal(route.metadata->labels_count, 2);
    assert_string_equal(route.metadata->labels[1].key, "c");
    assert_string_equal(route.metadata->labels[1].value, "d");
    assert_int_equal(route.spec->http_count, 1);
    http = &route.spec->http[0];
    assert_true(http->has_timeout);
    assert_int_equal(http->timeout_ns, 1500000000);
    assert_string_equal(http->match[0].headers[0].key, "end-user");
    assert_string_equal(http->match[0].headers[0].value.exact, "jason");
    assert_null(http->match[0].uri);
    assert_int_equal(http->route_count, 2);
    assert_int_equal(http->route[0].weight, 90);
    assert_int_equal(http->route[0].destination->port->number, 9080);
    assert_null(http->route[1].destination->port);
    assert_true(http->retries->has_attempts);
    assert_int_equal(http->retries->attempts, 0);
    assert_false(http->retries->has_per_try_timeout);
    arena_deinit(&arena);
}

static void errors_name_the_field(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"{'spec':{'http':[{'route':[{'weight':'x'}]}]}}",
         "spec.http[0].route[0].weight: must be an integer"},
        {"{'spec':{'http':[{'route':[{'weight':1.5}]}]}}",
         "spec.http[0].route[0].weight: must be an integer"},
        {"{'spec':{'http':[{'route':[{'weight':5000000000}]}]}}",
         "spec.http[0].route[0].weight: must be between -2147483648 and 2147483647"},
        {"{'spec':{'hosts':'reviews'}}", "spec.hosts: must be an array"},
        {"{'spec':{'hosts':[1]}}", "spec.hosts[0]: must be a string"},
        {"{'spec':{'http':[{'timeout':'5'}]}}",
         "spec.http[0].timeout: must be a duration such as \"1.5s\""},
        {"{'spec':{'http':[{'match':[{'headers':{'end-user':{'exact':1}}}]}]}}",
         "spec.http[0].match[0].headers[end-user].exact: must be a string"},
        {"{'metadata':{'labels':{'a':1}}}", "metadata.labels[a]: must be a string"},
        {"[]", "must be an object"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct api_virtual_service route;
        struct arena arena;
        struct error err = {0};
        char text[512];
        json_t *json = parse(cases[i].text);

        arena_init(&arena, 0);
        assert_int_equal(api_decode(&api_virtual_service_schema, json, &arena, &route, &err),
                         ERR_INVALID);
        assert_string_equal(err_format(&err, text, sizeof(text)), cases[i].expected);
        arena_deinit(&arena);
        json_decref(json);
    }
}

static void int_or_string_and_nulls(void **state)
{
    struct api_service service;
    struct arena arena;
    struct error err = {0};
    json_t *json = parse("{'spec':{'clusterIP':null,'clusterIPs':['10.0.0.1'],'ports':"
                         "[{'port':80,'targetPort':'web'},{'port':81,'targetPort':8080}]}}");

    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(api_decode(&api_service_schema, json, &arena, &service, &err), 0);
    json_decref(json);
    assert_null(service.spec->cluster_ip);
    assert_string_equal(service.spec->cluster_ips[0], "10.0.0.1");
    assert_true(service.spec->ports[0].target_port.is_string);
    assert_string_equal(service.spec->ports[0].target_port.text, "web");
    assert_int_equal(service.spec->ports[1].target_port.number, 8080);
    arena_deinit(&arena);
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns; /* -1: refused */
    } cases[] = {{"1s", 1000000000},
                 {"1.5s", 1500000000},
                 {"100ms", 100000000},
                 {"1h1m1s", 3661000000000},
                 {"0s", 0},
                 {"0", 0},
                 {"7us", 7000},
                 {"", -1},
                 {"5", -1},
                 {"s", -1},
                 {"1x", -1},
                 {"999999999999h", -1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ns = -1;

        (void)!api_duration_parse(slice_str(cases[i].text), &ns);
        assert_int_equal(ns, cases[i].ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_arrive),
        cmocka_unit_test(errors_name_the_field),
        cmocka_unit_test(int_or_string_and_nulls),
        cmocka_unit_test(durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
