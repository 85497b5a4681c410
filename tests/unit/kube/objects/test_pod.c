/* SPDX-License-Identifier: Apache-2.0 */
/* A container's environment and what a pod's volumes hold: what a user expects of each field. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kube/objects/pod_env.h"
#include "kube/objects/pod_etc.h"
#include "kube/objects/pod_volume.h"

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *out = NULL;

    if (json_parse(slice_str(text), NULL, &out, &err) < 0)
        fail_msg("%s in %s", err.reason, text);
    return out;
}

static json_t *pod, *config_map, *secret, *service;

static json_t *config_map_get(const char *ns, const char *name, void *ctx)
{
    (void)ctx;
    return strcmp(ns, "demo") == 0 && strcmp(name, "cm") == 0 ? config_map : NULL;
}

static json_t *secret_get(const char *ns, const char *name, void *ctx)
{
    (void)ctx;
    return strcmp(ns, "demo") == 0 && strcmp(name, "sec") == 0 ? secret : NULL;
}

static json_t *service_next(size_t *cursor, void *ctx)
{
    (void)ctx;
    return (*cursor)++ == 0 ? service : NULL;
}

static const struct pod_lookup lookup = {
    .config_map = config_map_get, .secret = secret_get, .service_next = service_next};
static struct pod_view view = {
    .pod_ip = "10.1.2.3", .host_ip = "10.9.9.9", .node_name = "n1", .lookup = &lookup};

static int set_up(void **state)
{
    (void)state;
    pod = parse("{\"metadata\": {\"name\": \"web-0\", \"namespace\": \"demo\", \"uid\": \"u\","
                "\"labels\": {\"app\": \"web\", \"q\": \"a\\\"b\"}}, \"spec\": {\"containers\": "
                "[{\"name\": \"c\", \"resources\": {\"limits\": {\"cpu\": \"1500m\"}}}]}}");
    config_map = parse("{\"data\": {\"k\": \"v\", \"f.txt\": \"text\"}, \"binaryData\": "
                       "{\"b\": \"AAE=\"}}");
    secret = parse("{\"data\": {\"pw\": \"aHVzaA==\"}}");
    service = parse("{\"metadata\": {\"name\": \"my-db\", \"namespace\": \"demo\"}, \"spec\": "
                    "{\"clusterIP\": \"10.0.0.7\", \"ports\": [{\"name\": \"sql\", \"port\": "
                    "3306, \"protocol\": \"TCP\"}]}}");
    view.pod = pod;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(pod);
    json_decref(config_map);
    json_decref(secret);
    json_decref(service);
    return 0;
}

static void values_come_from_where_they_say(void **state)
{
    json_t *container = parse(
        "{\"name\": \"c\", \"envFrom\": [{\"prefix\": \"P_\", \"configMapRef\": {\"name\": "
        "\"cm\"}}, {\"secretRef\": {\"name\": \"none\", \"optional\": true}}], \"env\": ["
        "{\"name\": \"A\", \"value\": \"$(P_k)-$(NONE)-$$(P_k)\"},"
        "{\"name\": \"N\", \"valueFrom\": {\"fieldRef\": {\"fieldPath\": \"metadata.name\"}}},"
        "{\"name\": \"L\", \"valueFrom\": {\"fieldRef\": {\"fieldPath\": "
        "\"metadata.labels['app']\"}}},"
        "{\"name\": \"I\", \"valueFrom\": {\"fieldRef\": {\"fieldPath\": \"status.podIP\"}}},"
        "{\"name\": \"S\", \"valueFrom\": {\"secretKeyRef\": {\"name\": \"sec\", \"key\": "
        "\"pw\"}}},"
        "{\"name\": \"C\", \"valueFrom\": {\"resourceFieldRef\": {\"containerName\": \"c\", "
        "\"resource\": \"limits.cpu\"}}}]}");
    static const char *const expected[][2] = {{"A", "v-$(NONE)-$(P_k)"},
                                              {"N", "web-0"},
                                              {"L", "web"},
                                              {"I", "10.1.2.3"},
                                              {"S", "hush"},
                                              {"C", "2"},
                                              {"P_f.txt", "text"},
                                              {"HOSTNAME", "web-0"},
                                              {"MY_DB_SERVICE_HOST", "10.0.0.7"},
                                              {"MY_DB_SERVICE_PORT_SQL", "3306"},
                                              {"MY_DB_PORT_3306_TCP", "tcp://10.0.0.7:3306"}};
    struct error err = {0};
    json_t *env = NULL;

    (void)state;
    if (pod_env_build(&view, container, &env, &err) < 0)
        fail_msg("%s", err.reason);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const char *got = json_get_string(env, expected[i][0]);

        if (!got || strcmp(got, expected[i][1]) != 0)
            fail_msg("%s is \"%s\"", expected[i][0], got ? got : "(nothing)");
    }
    json_decref(env);
    json_decref(container);
}

static void what_is_missing_is_named(void **state)
{
    static const struct {
        const char *entry;
        const char *words;
    } cases[] = {
        {"{\"configMapKeyRef\": {\"name\": \"nope\", \"key\": \"k\"}}", "configmap \"nope\""},
        {"{\"configMapKeyRef\": {\"name\": \"cm\", \"key\": \"z\"}}", "key z in configmap demo/cm"},
        {"{\"secretKeyRef\": {\"name\": \"nope\", \"key\": \"k\"}}", "secret \"nope\" not found"},
        {"{\"fieldRef\": {\"fieldPath\": \"status.color\"}}", "\"status.color\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(mem_drop)
        char *text =
            mem_printf("{\"env\": [{\"name\": \"A\", \"valueFrom\": %s}]}", cases[i].entry);
        json_t *container = parse(text);
        struct error err = {0};
        json_t *env = NULL;

        assert_true(pod_env_build(&view, container, &env, &err) < 0);
        if (!strstr(err.reason, cases[i].words))
            fail_msg("%s", err.reason);
        json_decref(container);
    }
}

static void files_of_etc(void **state)
{
    static const struct {
        const char *spec;
        const char *name;
        const char *words;
    } cases[] = {
        {"{}", "hosts", "\n10.1.2.3\tweb-0\n"},
        {"{}", "hostname", "web-0\n"},
        {"{}", "resolv.conf",
         "search demo.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.0.0.10\n"
         "options ndots:5\n"},
        {"{\"dnsPolicy\": \"Default\"}", "resolv.conf", "nameserver 10.0.0.10\n"},
        {"{\"hostname\": \"h\"}", "hosts", "\n10.1.2.3\th\n"},
        {"{\"hostAliases\": [{\"ip\": \"192.0.2.1\", \"hostnames\": [\"a\", \"b\"]}]}", "hosts",
         "\n192.0.2.1\ta\tb\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *changed = json_deep_copy(pod);
        SCOPED(json_drop) json_t *files = NULL;
        struct pod_view other = view;
        const char *text;

        json_object_set_new(changed, "spec", parse(cases[i].spec));
        other.pod = changed;
        files = pod_etc_build(&other, "10.0.0.10");
        text = json_get_string(files, "resolv.conf");
        assert_int_equal(strncmp(text, "search", 6) == 0, !strstr(cases[i].spec, "Default"));
        text = json_get_string(files, cases[i].name);
        if (!strstr(text, cases[i].words))
            fail_msg("%s", text);
    }
}

/* --- volumes --- */

static const char *no_token(const char *audience, int64_t expiration_s, void *ctx)
{
    (void)audience, (void)expiration_s, (void)ctx;
    return NULL;
}

static const char *some_token(const char *audience, int64_t expiration_s, void *ctx)
{
    (void)expiration_s, (void)ctx;
    return audience;
}

static void volumes_hold_what_their_sources_say(void **state)
{
    static const struct {
        const char *volume;
        const char *content;
    } cases[] = {
        {"{\"name\": \"v\", \"projected\": {\"sources\": ["
         "{\"serviceAccountToken\": {\"path\": \"t/token\", \"audience\": \"istio-ca\"}},"
         "{\"configMap\": {\"name\": \"cm\"}},"
         "{\"secret\": {\"name\": \"sec\", \"items\": [{\"key\": \"pw\", \"path\": "
         "\"key\", \"mode\": 256}]}},"
         "{\"configMap\": {\"name\": \"none\", \"optional\": true}},"
         "{\"downwardAPI\": {\"items\": [{\"path\": \"labels\", \"fieldRef\": "
         "{\"fieldPath\": \"metadata.labels\"}}]}}]}}",
         "{\"kind\": \"files\", \"files\": ["
         "{\"path\": \"t/token\", \"mode\": 420, \"text\": \"istio-ca\"},"
         "{\"path\": \"k\", \"mode\": 420, \"text\": \"v\"},"
         "{\"path\": \"f.txt\", \"mode\": 420, \"text\": \"text\"},"
         "{\"path\": \"b\", \"mode\": 420, \"base64\": \"AAE=\"},"
         "{\"path\": \"key\", \"mode\": 256, \"base64\": \"aHVzaA==\"},"
         "{\"path\": \"labels\", \"mode\": 420, "
         "\"text\": \"app=\\\"web\\\"\\nq=\\\"a\\\\\\\"b\\\"\"}]}"},
        {"{\"name\": \"v\", \"secret\": {\"secretName\": \"sec\", \"defaultMode\": 256}}",
         "{\"kind\": \"files\", \"files\": ["
         "{\"path\": \"pw\", \"mode\": 256, \"base64\": \"aHVzaA==\"}]}"},
        {"{\"name\": \"v\"}", "{\"kind\": \"empty\", \"memory\": false, \"size\": 0}"},
        {"{\"name\": \"v\", \"emptyDir\": {\"medium\": \"Memory\", \"sizeLimit\": \"1Mi\"}}",
         "{\"kind\": \"empty\", \"memory\": true, \"size\": 1048576}"},
        {"{\"name\": \"v\", \"hostPath\": {\"path\": \"/x\", \"type\": \"DirectoryOrCreate\"}}",
         "{\"kind\": \"host\", \"path\": \"/x\", \"create\": \"dir\"}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCOPED(json_drop) json_t *volume = parse(cases[i].volume);
        SCOPED(json_drop) json_t *expected = parse(cases[i].content);
        SCOPED(json_drop) json_t *content = NULL;
        struct error err = {0};

        if (pod_volume_resolve(&view, volume, some_token, NULL, &content, &err) < 0)
            fail_msg("%s", err.reason);
        if (!json_equal(content, expected)) {
            SCOPED(mem_drop) char *got = json_format_str(content, JSON_FORMAT_COMPACT);

            fail_msg("%s", got);
        }
    }
}

static void volumes_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *volume;
        int code;
        const char *words;
    } cases[] = {
        {"{\"name\": \"v\", \"configMap\": {\"name\": \"none\"}}", ERR_NOT_FOUND, "\"none\""},
        {"{\"name\": \"v\", \"secret\": {\"secretName\": \"none\"}}", ERR_NOT_FOUND, "\"none\""},
        {"{\"name\": \"v\", \"configMap\": {\"name\": \"cm\", \"items\": [{\"key\": \"x\", "
         "\"path\": \"x\"}]}}",
         ERR_NOT_FOUND, "\"x\""},
        {"{\"name\": \"v\", \"configMap\": {\"name\": \"cm\", \"items\": [{\"key\": \"k\", "
         "\"path\": \"../k\"}]}}",
         ERR_INVALID, "inside"},
        {"{\"name\": \"v\", \"nfs\": {\"server\": \"s\"}}", ERR_UNSUPPORTED, "nfs"},
        {"{\"name\": \"v\", \"projected\": {\"sources\": [{\"serviceAccountToken\": {\"path\": "
         "\"t\"}}]}}",
         ERR_AGAIN, "token"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *volume = parse(cases[i].volume);
        json_t *content = NULL;
        struct error err = {0};

        assert_int_equal(pod_volume_resolve(&view, volume, no_token, NULL, &content, &err),
                         cases[i].code);
        if (!strstr(err.reason, cases[i].words))
            fail_msg("%s", err.reason);
        json_decref(volume);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_from_where_they_say),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(files_of_etc),
        cmocka_unit_test(volumes_hold_what_their_sources_say),
        cmocka_unit_test(volumes_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
