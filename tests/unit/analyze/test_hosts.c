/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts: whose names meet, and what a destination means to whom. */
#include "test.h"

#include "analyze/analysis_int.h"
#include "wire/json.h"

static void names_meet(void **state)
{
    static const struct {
        const char *a, *b;
        bool meet;
    } cases[] = {
        {"a.com", "a.com", true},      {"a.com", "b.com", false},  {"*.com", "a.com", true},
        {"a.com", "*.com", true},      {"*.a.com", "*.com", true}, {"*.com", "*.a.com", true},
        {"*.a.com", "*.b.com", false}, {"*", "anything", true},    {"*", "*", true},
        {"*.a.com", "a.com", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(analysis_hosts_meet(cases[i].a, cases[i].b), cases[i].meet);
}

static const char objects[] =
    "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {ports: "
    "[{port: 80}]}}\n---\n"
    "{apiVersion: v1, kind: Service, metadata: {name: own, namespace: shop, annotations: "
    "{networking.istio.io/exportTo: '.'}}}\n---\n"
    "{apiVersion: v1, kind: Service, metadata: {name: lent, namespace: shop, annotations: "
    "{networking.istio.io/exportTo: 'a, b'}}}\n---\n"
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: x, namespace: "
    "shop}, "
    "spec: {hosts: ['*.example.com', api.example.org]}}\n---\n"
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: y, namespace: "
    "shop}, "
    "spec: {hosts: ['*.private.org'], exportTo: ['.']}}\n";

static void destinations_are_found(void **state)
{
    static const struct {
        const char *ns, *host, *found; /* NULL: nobody has it */
    } cases[] = {
        {"shop", "web", "web.shop.svc.cluster.local"},
        {"other", "web", NULL},
        {"other", "web.shop.svc.cluster.local", "web.shop.svc.cluster.local"},
        {"shop", "own", "own.shop.svc.cluster.local"},
        {"other", "own.shop.svc.cluster.local", NULL},
        {"b", "lent.shop.svc.cluster.local", "lent.shop.svc.cluster.local"},
        {"shop", "lent", NULL},
        {"other", "api.example.org", "api.example.org"},
        {"other", "a.b.example.com", "*.example.com"},
        {"other", "*.b.example.com", "*.example.com"},
        {"other", "example.com", NULL},
        {"shop", "a.private.org", "*.private.org"},
        {"other", "a.private.org", NULL},
    };
    const struct analysis_options options = {.complete = true};
    struct analysis *analysis = analysis_new(&options);
    struct analyze_hosts hosts;

    (void)state;
    assert_int_equal(analysis_add_text(analysis, "a.yaml", slice_str(objects), NULL), 0);
    analyze_hosts_init(&hosts, analysis);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct analyze_host *host =
            analyze_hosts_find(&hosts, analysis, cases[i].ns, NULL, cases[i].host);

        if (!host != !cases[i].found)
            fail_msg("%s from %s: %s", cases[i].host, cases[i].ns, host ? host->host : "nobody");
        if (host)
            assert_string_equal(host->host, cases[i].found);
    }
    analyze_hosts_deinit(&hosts);
    analysis_free(analysis);
}

static void scopes(void **state)
{
    json_t *own = json_string(".");
    json_t *other = json_string("other");
    json_t *list = json_pack("[s, s]", "a", "*");
    json_t *short_list = json_pack("[s]", ".");

    (void)state;
    assert_string_equal(analysis_scope(own, "shop"), "shop");
    assert_string_equal(analysis_scope(other, "shop"), "other");
    assert_string_equal(analysis_scope(list, "shop"), "");
    assert_true(analysis_exports_to_all(NULL));
    assert_true(analysis_exports_to_all(list));
    assert_false(analysis_exports_to_all(short_list));
    json_decref(own);
    json_decref(other);
    json_decref(list);
    json_decref(short_list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_meet),
                                       cmocka_unit_test(destinations_are_found),
                                       cmocka_unit_test(scopes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
