/* SPDX-License-Identifier: Apache-2.0 */
/* Field ownership as scenarios: writes by several managers, one after another, and what comes out.
 * The expected owners and conflicts are those that a Kubernetes 1.34 API server gives for the same
 * requests; tests/e2e/test_apply.py puts some of them to both.
 */
#include "objects.h"

#include "api/schema.h"
#include "base/buf.h"
#include "base/mem.h"
#include "kube/objects/fields.h"
#include "kube/objects/managed.h"

enum { STEPS_MAX = 6 };

enum op { APPLY, FORCE, UPDATE, STATUS };

struct step {
    enum op op;
    const char *manager;
    const char *document;
    const char *conflict; /* message of the refusal, or NULL */
};

struct scenario {
    const char *name;
    const char *kind; /* "apps/v1 Deployment"; NULL: by custom_schema */
    struct step steps[STEPS_MAX];
    const char *object; /* without metadata.managedFields; NULL: not looked at */
    const char *owners; /* "manager/Operation path path;..." in order; NULL: not looked at */
};

static const char custom_schema[] =
    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
    "\"hosts\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"tags\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":"
    "\"string\"}},"
    "\"rows\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\""
    ":[\"id\",\"zone\"],\"items\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":"
    "\"integer\"},\"zone\":{\"type\":\"string\",\"default\":\"z\"}}}},"
    "\"whole\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\"}}}}}";

static json_t *parse(const char *text)
{
    json_t *value = NULL;
    struct error err = {0};

    if (json_parse(slice_str(text), NULL, &value, &err) != 0)
        fail_msg("not JSON: %s: %s", text, err.reason);
    return value;
}

/* "data":{"a":"1"} as a whole object of the kind. */
static json_t *document(const char *kind, const char *body)
{
    char *text = mem_printf("{\"metadata\":{\"name\":\"x\"},%s}", body);
    json_t *object = parse(text);
    const char *space = kind ? strchr(kind, ' ') : NULL;

    json_object_set_new(object, "apiVersion",
                        space ? json_string_slice(slice_make(kind, (size_t)(space - kind)))
                              : json_string("e.io/v1"));
    json_set_string(object, "kind", space ? space + 1 : "Custom");
    mem_free(text);
    return object;
}

static void on_path(const char *path, void *ctx)
{
    buf_printf(ctx, " %s", path);
}

static char *owners_text(const json_t *object)
{
    struct buf out;
    size_t i;
    json_t *entry;

    buf_init(&out, 0);
    buf_append_str(&out, "");
    json_array_foreach(json_path_get(object, "metadata.managedFields"), i, entry)
    {
        json_t *set = NULL;

        assert_int_equal(kube_fields_decode(json_object_get(entry, "fieldsV1"), &set, NULL), 0);
        buf_printf(&out, "%s%s/%s%s%s", i ? "; " : "", json_get_string(entry, "manager"),
                   json_get_string(entry, "operation"),
                   json_get_string(entry, "subresource") ? "/" : "",
                   json_path_string_or(entry, "subresource", ""));
        kube_fields_each(set, on_path, &out);
        json_decref(set);
    }
    return buf_take(&out);
}

static json_t *step_run(const struct scenario *s, size_t at, struct kube_type type, json_t *live)
{
    const struct step *step = &s->steps[at];
    json_t *sent = document(s->kind, step->document);
    char time[] = "2026-01-01T00:00:00Z";
    struct kube_writer writer = {.manager = step->manager,
                                 .api_version = json_get_string(sent, "apiVersion"),
                                 .subresource = step->op == STATUS ? "status" : "",
                                 .time = time,
                                 .force = step->op == FORCE};
    struct kube_conflicts conflicts = {0};
    struct error err = {0};
    json_t *result = NULL;
    int rc = 0;

    time[18] = (char)('0' + at);
    if (step->op == UPDATE || step->op == STATUS) {
        result = json_incref(sent);
        kube_managed_update(type, live, result, &writer);
    } else {
        rc = kube_managed_apply(type, live, sent, &writer, &result, &conflicts, &err);
    }
    json_decref(sent);
    if (step->conflict != NULL) {
        if (rc == 0)
            fail_msg("%s, step %zu: should be refused", s->name, at);
        assert_string_equal(rc == ERR_CONFLICT ? conflicts.message : err.reason, step->conflict);
        kube_conflicts_deinit(&conflicts);
        return live;
    }
    if (rc != 0)
        fail_msg("%s, step %zu: %s", s->name, at,
                 conflicts.message ? conflicts.message : err.reason);
    json_decref(live);
    return result;
}

static void scenario_run(const struct scenario *s)
{
    const char *space = s->kind ? strchr(s->kind, ' ') : NULL;
    char *version = space ? mem_slice_dup(slice_make(s->kind, (size_t)(space - s->kind))) : NULL;
    json_t *schema = parse(custom_schema);
    struct kube_type type = {.open = schema, .is_root = true};
    json_t *live = NULL;
    char *owners;

    if (space != NULL)
        type = (struct kube_type){.api = api_kind_find_object(version, space + 1)->schema};
    for (size_t i = 0; i < STEPS_MAX && s->steps[i].manager != NULL; i++)
        live = step_run(s, i, type, live);
    owners = owners_text(live);
    if (s->owners != NULL && strcmp(owners, s->owners) != 0)
        fail_msg("%s: owners are\n  %s, expected\n  %s", s->name, owners, s->owners);
    json_object_del(json_object_get(live, "metadata"), "managedFields");
    if (s->object != NULL) {
        json_t *expected = document(s->kind, s->object);
        char *text = json_format_str(live, JSON_FORMAT_SORTED);

        if (!json_equal(live, expected))
            fail_msg("%s: got %s, expected %s", s->name, text, s->object);
        json_decref(expected);
        mem_free(text);
    }
    mem_free(owners);
    mem_free(version);
    json_decref(live);
    json_decref(schema);
}

#define CM "v1 ConfigMap"
#define DEPLOY "apps/v1 Deployment"
#define SERVICE "v1 Service"
#define CONTAINERS(list) "\"spec\":{\"template\":{\"spec\":{\"containers\":[" list "]}}}"

static const struct scenario scenarios[] = {
    {"apply makes",
     CM,
     {{APPLY, "m1", "\"data\":{\"a\":\"1\"}", NULL}},
     "\"data\":{\"a\":\"1\"}",
     "m1/Apply .data.a"},
    {"the same value is shared",
     CM,
     {{APPLY, "m1", "\"data\":{\"a\":\"1\",\"b\":\"2\"}", NULL},
      {APPLY, "m2", "\"data\":{\"a\":\"1\"}", NULL}},
     "\"data\":{\"a\":\"1\",\"b\":\"2\"}",
     "m2/Apply .data.a; m1/Apply .data.a .data.b"},
    {"another value is a conflict",
     CM,
     {{APPLY, "m1", "\"data\":{\"a\":\"1\"}", NULL},
      {APPLY, "m2", "\"data\":{\"a\":\"2\"}",
       "Apply failed with 1 conflict: conflict with \"m1\": .data.a"}},
     "\"data\":{\"a\":\"1\"}",
     "m1/Apply .data.a"},
    {"conflicts of several",
     CM,
     {{APPLY, "m1", "\"data\":{\"a\":\"1\"}", NULL},
      {UPDATE, "u", "\"data\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\"}", NULL},
      {APPLY, "m2", "\"data\":{\"a\":\"2\",\"b\":\"2\",\"c\":\"2\"}",
       "Apply failed with 3 conflicts: conflicts with \"m1\":\n- .data.a\n"
       "conflicts with \"u\" using v1:\n- .data.b\n- .data.c"}},
     NULL,
     "m1/Apply .data.a; u/Update .data.b .data.c"},
    {"force takes",
     CM,
     {{APPLY, "m1", "\"data\":{\"a\":\"1\",\"b\":\"1\"}", NULL},
      {FORCE, "m2", "\"data\":{\"a\":\"2\"}", NULL}},
     "\"data\":{\"a\":\"2\",\"b\":\"1\"}",
     "m1/Apply .data.b; m2/Apply .data.a"},
    {"left out is removed",
     CM,
     {{APPLY, "m1", "\"data\":{\"a\":\"1\",\"b\":\"1\"}", NULL},
      {APPLY, "m1", "\"data\":{\"b\":\"1\"}", NULL}},
     "\"data\":{\"b\":\"1\"}",
     "m1/Apply .data.b"},
    {"left out stays with another owner",
     CM,
     {{APPLY, "m1", "\"data\":{\"a\":\"1\",\"b\":\"1\"}", NULL},
      {APPLY, "m2", "\"data\":{\"a\":\"1\"}", NULL},
      {APPLY, "m1", "\"data\":{\"b\":\"1\"}", NULL}},
     "\"data\":{\"a\":\"1\",\"b\":\"1\"}",
     "m2/Apply .data.a; m1/Apply .data.b"},
    {"what updates wrote stays",
     CM,
     {{APPLY, "m1", "\"data\":{\"a\":\"1\"}", NULL},
      {UPDATE, "u", "\"data\":{\"a\":\"1\",\"b\":\"1\"}", NULL},
      {APPLY, "m1", "\"data\":{}", NULL}},
     "\"data\":{\"b\":\"1\"}",
     "m1/Apply .data; u/Update .data.b"},
    {"update takes what it changes and drops what it removes",
     CM,
     {{APPLY, "m1", "\"data\":{\"a\":\"1\",\"b\":\"1\"}", NULL},
      {UPDATE, "u", "\"data\":{\"a\":\"2\"}", NULL}},
     NULL,
     "u/Update .data.a"},
    {"create owns the map too",
     CM,
     {{UPDATE, "u", "\"data\":{\"a\":\"1\"}", NULL}},
     NULL,
     "u/Update .data .data.a"},
    {"status is written under its own name",
     DEPLOY,
     {{UPDATE, "u", "\"spec\":{\"replicas\":1}", NULL},
      {STATUS, "k", "\"spec\":{\"replicas\":1},\"status\":{\"replicas\":1}", NULL}},
     NULL,
     "u/Update .spec.replicas; k/Update/status .status.replicas"},
    {"containers by name",
     DEPLOY,
     {{APPLY, "m1", CONTAINERS("{\"name\":\"a\",\"image\":\"1\"}"), NULL},
      {APPLY, "m2", CONTAINERS("{\"name\":\"b\",\"image\":\"1\"}"), NULL}},
     CONTAINERS("{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"1\"}"),
     "m1/Apply .spec.template.spec.containers[name=\"a\"] "
     ".spec.template.spec.containers[name=\"a\"].image "
     ".spec.template.spec.containers[name=\"a\"].name; m2/Apply "
     ".spec.template.spec.containers[name=\"b\"] .spec.template.spec.containers[name=\"b\"].image "
     ".spec.template.spec.containers[name=\"b\"].name"},
    {"the configuration's order",
     DEPLOY,
     {{UPDATE, "u", CONTAINERS("{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"x\"}"), NULL},
      {APPLY, "m", CONTAINERS("{\"name\":\"c\"},{\"name\":\"b\"},{\"name\":\"a\"}"), NULL}},
     CONTAINERS("{\"name\":\"c\"},{\"name\":\"b\"},{\"name\":\"x\"},{\"name\":\"a\"}"),
     NULL},
    {"a container left out goes",
     DEPLOY,
     {{APPLY, "m", CONTAINERS("{\"name\":\"a\"},{\"name\":\"b\"}"), NULL},
      {APPLY, "m", CONTAINERS("{\"name\":\"b\"}"), NULL}},
     CONTAINERS("{\"name\":\"b\"}"),
     NULL},
    {"ports by two keys, one with a default",
     SERVICE,
     {{APPLY, "m", "\"spec\":{\"ports\":[{\"port\":80},{\"port\":80,\"protocol\":\"UDP\"}]}",
       NULL}},
     NULL,
     "m/Apply .spec.ports[port=80,protocol=\"TCP\"] .spec.ports[port=80,protocol=\"UDP\"] "
     ".spec.ports[port=80,protocol=\"TCP\"].port .spec.ports[port=80,protocol=\"UDP\"].port "
     ".spec.ports[port=80,protocol=\"UDP\"].protocol"},
    {"a selector is owned whole",
     SERVICE,
     {{APPLY, "m1", "\"spec\":{\"selector\":{\"a\":\"1\",\"b\":\"1\"}}", NULL},
      {FORCE, "m2", "\"spec\":{\"selector\":{\"c\":\"1\"}}", NULL}},
     "\"spec\":{\"selector\":{\"c\":\"1\"}}",
     "m2/Apply .spec.selector"},
    {"twice the same item",
     DEPLOY,
     {{APPLY, "m", CONTAINERS("{\"name\":\"a\"}"), NULL},
      {APPLY, "m", CONTAINERS("{\"name\":\"a\"},{\"name\":\"a\"}"),
       "duplicate entries for key [name=\"a\"]"}},
     NULL,
     NULL},
    {"custom lists are atomic",
     NULL,
     {{APPLY, "m1", "\"spec\":{\"hosts\":[\"a\"],\"whole\":{\"x\":1}}", NULL},
      {APPLY, "m2", "\"spec\":{\"hosts\":[\"b\"]}",
       "Apply failed with 1 conflict: conflict with \"m1\": .spec.hosts"}},
     NULL,
     "m1/Apply .spec.hosts .spec.whole"},
    {"custom sets",
     NULL,
     {{APPLY, "m1", "\"spec\":{\"tags\":[\"a\",\"b\"]}", NULL},
      {APPLY, "m2", "\"spec\":{\"tags\":[\"b\",\"c\"]}", NULL},
      {APPLY, "m1", "\"spec\":{\"tags\":[\"b\"]}", NULL}},
     "\"spec\":{\"tags\":[\"b\",\"c\"]}",
     "m2/Apply .spec.tags[=\"b\"] .spec.tags[=\"c\"]; m1/Apply .spec.tags[=\"b\"]"},
    {"custom items, a key by its default",
     NULL,
     {{APPLY, "m1", "\"spec\":{\"rows\":[{\"id\":1}]}", NULL},
      {APPLY, "m2", "\"spec\":{\"rows\":[{\"id\":1,\"zone\":\"y\"}]}", NULL}},
     "\"spec\":{\"rows\":[{\"id\":1},{\"id\":1,\"zone\":\"y\"}]}",
     NULL},
    {"a custom item without its key",
     NULL,
     {{APPLY, "m1", "\"spec\":{\"rows\":[]}", NULL},
      {APPLY, "m1", "\"spec\":{\"rows\":[{\"zone\":\"y\"}]}",
       "associative list with keys has an element that omits key field \"id\" (and doesn't have "
       "default value)"}},
     NULL,
     NULL},
    {"create of a custom object owns its spec",
     NULL,
     {{UPDATE, "u", "\"spec\":{\"hosts\":[\"a\"]}", NULL}},
     NULL,
     "u/Update .spec .spec.hosts"},
    {"kubectl takes over what it applied by itself",
     CM,
     {{UPDATE, "kubectl-client-side-apply",
       "\"metadata\":{\"name\":\"x\",\"annotations\":{\"kubectl.kubernetes.io/"
       "last-applied-configuration\":\"{\\\"data\\\":{\\\"a\\\":\\\"1\\\"}}\"}},\"data\":{\"a\":"
       "\"1\"}",
       NULL},
      {APPLY, "kubectl", "\"data\":{\"a\":\"2\"}", NULL}},
     NULL,
     NULL},
    {"but not what others changed since",
     CM,
     {{UPDATE, "kubectl-client-side-apply",
       "\"metadata\":{\"name\":\"x\",\"annotations\":{\"kubectl.kubernetes.io/"
       "last-applied-configuration\":\"{\\\"data\\\":{\\\"a\\\":\\\"1\\\"}}\"}},\"data\":{\"a\":"
       "\"3\"}",
       NULL},
      {APPLY, "kubectl", "\"data\":{\"a\":\"2\"}",
       "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: "
       ".data.a"}},
     NULL,
     NULL},
    {"an object without managers had one before",
     CM,
     {{UPDATE, "u", "\"data\":{\"a\":\"1\"}", NULL},
      {UPDATE, "u", "\"metadata\":{\"name\":\"x\",\"managedFields\":[{}]},\"data\":{\"a\":\"1\"}",
       NULL},
      {APPLY, "m", "\"data\":{\"a\":\"2\"}",
       "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.a"}},
     NULL,
     ""},
    {"the writer may set managedFields",
     CM,
     {{UPDATE, "u", "\"data\":{\"a\":\"1\"}", NULL},
      {UPDATE, "u",
       "\"metadata\":{\"name\":\"x\",\"managedFields\":[{\"manager\":\"z\",\"operation\":\"Apply\","
       "\"apiVersion\":\"v1\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:data\":{\"f:a\":{}}}}]}"
       ",\"data\":{\"a\":\"1\"}",
       NULL}},
     NULL,
     "z/Apply .data.a"},
};

static void scenarios_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
        scenario_run(&scenarios[i]);
}

/* Old managers that update are merged; those that apply stay. */
static void managers_are_bounded(void **state)
{
    const struct kube_type type = {.api = api_kind_find("", "v1", "ConfigMap")->schema};
    json_t *live = NULL;

    (void)state;
    for (int i = 0; i < 15; i++) {
        char *manager = mem_printf("u%02d", i);
        char *time = mem_printf("2026-01-01T00:00:%02dZ", i);
        char *body = mem_printf("\"data\":{\"k\":\"%d\"}", i);
        struct kube_writer writer = {
            .manager = manager, .api_version = "v1", .subresource = "", .time = time};
        json_t *object = document(CM, body);

        /* each keeps a field of its own: the older ones' are copied */
        json_t *data = json_object_get(object, "data");
        json_object_update_missing(data, json_object_get(live, "data"));
        json_object_set_new(data, manager, json_string("x"));
        kube_managed_update(type, live, object, &writer);
        json_decref(live);
        live = object;
        mem_free(manager);
        mem_free(time);
        mem_free(body);
    }
    assert_int_equal(json_array_size(json_path_get(live, "metadata.managedFields")),
                     KUBE_MANAGED_UPDATERS_MAX);
    assert_string_equal(json_path_string(live, "metadata.managedFields[0].manager"),
                        "ancient-changes");
    assert_non_null(json_path_get(live, "metadata.managedFields[0].fieldsV1[\"f:data\"]"
                                        "[\"f:u05\"]"));
    json_decref(live);
}

/* A write that changes nothing leaves the times as they are. */
static void times_are_kept(void **state)
{
    json_t *live = parse("{\"metadata\":{\"managedFields\":[{\"manager\":\"a\",\"time\":\"1\"}]},"
                         "\"data\":{\"a\":\"1\"}}");
    json_t *same = parse("{\"metadata\":{\"managedFields\":[{\"manager\":\"a\",\"time\":\"2\"}]},"
                         "\"data\":{\"a\":\"1\"}}");
    json_t *other = parse("{\"metadata\":{\"managedFields\":[{\"manager\":\"a\",\"time\":\"2\"}]},"
                          "\"data\":{\"a\":\"2\"}}");

    (void)state;
    kube_managed_keep_times(live, same);
    kube_managed_keep_times(live, other);
    assert_string_equal(json_path_string(same, "metadata.managedFields[0].time"), "1");
    assert_string_equal(json_path_string(other, "metadata.managedFields[0].time"), "2");
    json_decref(live);
    json_decref(same);
    json_decref(other);
}

/* Equal sets of two objects become one tree; a full pool begins anew. */
static void equal_sets_are_shared(void **state)
{
    static const char text[] = "{\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:a\":{}}}]}}";
    static const char path[] = "metadata.managedFields[0].fieldsV1";
    json_t *pool = json_object();
    json_t *one = parse(text);
    json_t *two = parse(text);

    (void)state;
    kube_managed_share(pool, one);
    for (int i = 0; i < KUBE_MANAGED_POOL_MAX - 1; i++) {
        char *key = mem_printf("%d", i);

        json_object_set_new(pool, key, json_true());
        mem_free(key);
    }
    kube_managed_share(pool, two);
    assert_ptr_equal(json_path_get(one, path), json_path_get(two, path));
    json_path_set(two, path, parse("{\"f:b\":{}}"));
    kube_managed_share(pool, two);
    assert_int_equal(json_object_size(pool), 1);
    json_decref(pool);
    json_decref(one);
    json_decref(two);
}

static void configurations(void **state)
{
    static const struct {
        const char *config;
        bool is_new;
        int code;
        const char *why;
    } cases[] = {
        {"{apiVersion: apps/v1, kind: Deployment, metadata: {uid: u}}", false, 0, NULL},
        {"[]", true, ERR_INVALID,
         "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot "
         "unmarshal "
         "array into Go value of type map[string]interface {}"},
        {"{apiVersion: v1, kind: Deployment}", true, ERR_INVALID,
         "invalid object type: /v1, Kind=Deployment"},
        {"{apiVersion: apps/v1, kind: Deployment, metadata: {managedFields: []}}", true,
         ERR_INVALID, "metadata.managedFields must be nil"},
        {"{apiVersion: apps/v1, kind: Deployment, metadata: {uid: u}}", true, ERR_CONFLICT,
         "uid mismatch: the provided object specified uid u, and no existing object was found"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *config = yaml_tree(cases[i].config);
        struct error err = {0};

        assert_int_equal(kube_managed_check(config, "apps/v1", "Deployment", cases[i].is_new, &err),
                         cases[i].code);
        if (cases[i].why)
            assert_string_equal(err.reason, cases[i].why);
        json_decref(config);
    }
}

static void parts_of_configurations(void **state)
{
    static const struct {
        const char *subresource;
        bool has_status;
        const char *expected;
    } cases[] = {
        {"", true, "{apiVersion: v1, kind: A, metadata: {}, spec: 1}"},
        {"", false, "{apiVersion: v1, kind: A, metadata: {}, spec: 1, status: 2}"},
        {"status", true, "{apiVersion: v1, kind: A, status: 2}"},
    };
    json_t *config = yaml_tree("{apiVersion: v1, kind: A, metadata: {}, spec: 1, status: 2}");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *part = kube_managed_part(config, cases[i].subresource, cases[i].has_status);

        object_assert(part, cases[i].expected);
        json_decref(part);
    }
    json_decref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenarios_hold), cmocka_unit_test(managers_are_bounded),
        cmocka_unit_test(times_are_kept), cmocka_unit_test(equal_sets_are_shared),
        cmocka_unit_test(configurations), cmocka_unit_test(parts_of_configurations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
