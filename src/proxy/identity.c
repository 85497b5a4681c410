/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's identity from its environment. See identity.h.
 */
#include "proxy/identity.h"

#include "base/file.h"
#include "base/mem.h"
#include "io/addr.h"

#include <stdio.h>

enum {
    FILE_MAX = 1 << 20,
    DISCOVERY_PORT = 15010,
    SIDECAR_WORKERS = 2,
    DRAIN_DEFAULT_MS = 5000,
    DRAIN_MAX_MS = 3600000,
};

static const char discovery_default[] = "istiod.istio-system.svc:15010";

static const char *env_get(char *const *environment, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; environment[i] != NULL; i++)
        if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=' &&
            environment[i][len + 1] != '\0')
            return environment[i] + len + 1;
    return NULL;
}

/* A value that may be JSON ("[...]", "{...}") or plain text. */
static json_t *text_or_json(const char *text)
{
    json_t *json = NULL;

    if ((text[0] == '{' || text[0] == '[') && json_parse(slice_str(text), NULL, &json, NULL) == 0)
        return json;
    return json_string(text);
}

/* Lines `key="value"` with Go's quoting, as the downward API writes them. */
static json_t *read_pairs(const char *folder, const char *name)
{
    char path[512];
    struct buf text;
    json_t *pairs = json_object();

    snprintf(path, sizeof path, "%s/%s", folder, name);
    buf_init(&text, FILE_MAX);
    if (file_read(path, &text, NULL) == 0) {
        struct slice rest = buf_slice(&text);
        struct slice line;

        while (slice_split_next(&rest, '\n', &line)) {
            ptrdiff_t mark = slice_find_char(line, '=');
            json_t *value = NULL;

            if (mark <= 0)
                continue;
            /* Go's quoted strings are JSON strings for all that labels may hold. */
            if (json_parse(slice_from(line, (size_t)mark + 1), NULL, &value, NULL) == 0 &&
                json_is_string(value))
                json_object_setn(pairs, line.data, (size_t)mark, value);
            json_decref(value);
        }
    }
    buf_deinit(&text);
    return pairs;
}

static void copy_meta(json_t *metadata, char *const *environment)
{
    static const char prefix[] = "ISTIO_META_";

    for (size_t i = 0; environment[i] != NULL; i++) {
        const char *mark = strchr(environment[i], '=');
        size_t skip = sizeof prefix - 1;

        if (mark == NULL || strncmp(environment[i], prefix, skip) != 0)
            continue;
        json_object_setn_new(metadata, environment[i] + skip,
                             (size_t)(mark - environment[i]) - skip, text_or_json(mark + 1));
    }
}

static int parse_discovery(struct identity *identity, const char *address, struct error *err)
{
    const char *mark = strrchr(address, ':');
    uint64_t port = DISCOVERY_PORT;
    size_t len = strlen(address);

    if (mark != NULL && strchr(mark, ']') == NULL) {
        if (slice_parse_u64(slice_str(mark + 1), 65535, &port) < 0)
            return err_set_path(err, ERR_INVALID, "PROXY_CONFIG.discoveryAddress",
                                "\"%s\" has no port number", address);
        len = (size_t)(mark - address);
    }
    /* Workloads are not authenticated yet: Istio's usual secure port has its plaintext twin. */
    if (port == 15012)
        port = DISCOVERY_PORT;
    identity->discovery_host = arena_slice_str(&identity->arena, slice_make(address, len));
    identity->discovery_port = (unsigned)port;
    return 0;
}

/* Go's durations, as far as whole numbers go: "5s", "1m30s", "500ms". */
static int parse_duration(struct slice text, uint64_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    uint64_t total_ms = 0;

    if (text.len == 0)
        return ERR_INVALID;
    while (text.len > 0) {
        uint64_t number;
        size_t digits = 0;
        size_t i = 0;

        while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
            digits++;
        if (slice_parse_u64(slice_head(text, digits), UINT32_MAX, &number) < 0)
            return ERR_INVALID;
        text = slice_from(text, digits);
        while (i < ARRAY_LEN(units) && !slice_starts_with(text, slice_str(units[i].unit)))
            i++;
        if (i == ARRAY_LEN(units))
            return ERR_INVALID;
        total_ms += number * units[i].ms;
        text = slice_from(text, strlen(units[i].unit));
    }
    *ret_ms = MIN(total_ms, (uint64_t)DRAIN_MAX_MS);
    return 0;
}

static int parse_proxy_config(struct identity *identity, char *const *environment,
                              struct error *err)
{
    const char *text = env_get(environment, "PROXY_CONFIG");
    json_t *config = NULL;
    const char *address;
    int rc = 0;

    if (text != NULL) {
        rc = json_parse(slice_str(text), NULL, &config, err);
        if (rc < 0)
            return err_prefix(err, "PROXY_CONFIG");
        json_object_set(identity->metadata, "PROXY_CONFIG", config);
    }
    address = json_path_string_or(config, "discoveryAddress", discovery_default);
    rc = parse_discovery(identity, address, err);
    identity->concurrency =
        (unsigned)json_path_int(config, "concurrency", identity->gateway ? 0 : SIDECAR_WORKERS);
    identity->drain_ms = DRAIN_DEFAULT_MS;
    text = json_path_string(config, "terminationDrainDuration");
    if (rc == 0 && text != NULL && parse_duration(slice_str(text), &identity->drain_ms) < 0)
        rc = err_set_path(err, ERR_INVALID, "PROXY_CONFIG.terminationDrainDuration",
                          "\"%s\" is no duration", text);
    json_decref(config);
    return rc;
}

static const char *label_or(const json_t *labels, const char *const *names, const char *fallback)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *value = json_get_string(labels, names[i]);

        if (value != NULL)
            return value;
    }
    return fallback;
}

static void fill_telemetry(struct identity *identity, const json_t *labels, const char *namespace)
{
    static const char *const app[] = {"app", "app.kubernetes.io/name", NULL};
    static const char *const version[] = {"version", "app.kubernetes.io/version", NULL};
    static const char *const service[] = {"service.istio.io/canonical-name",
                                          "app.kubernetes.io/name", "app", NULL};
    static const char *const revision[] = {"service.istio.io/canonical-revision",
                                           "app.kubernetes.io/version", "version", NULL};
    struct telemetry_node *node = &identity->node;
    struct arena *arena = &identity->arena;
    const char *workload = json_get_string(identity->metadata, "WORKLOAD_NAME");

    node->workload = arena_strdup(arena, workload ? workload : "unknown");
    node->namespace = namespace;
    node->app = arena_strdup(arena, label_or(labels, app, "unknown"));
    node->version = arena_strdup(arena, label_or(labels, version, "unknown"));
    node->canonical_service = arena_strdup(arena, label_or(labels, service, node->workload));
    node->canonical_revision = arena_strdup(arena, label_or(labels, revision, "latest"));
    node->cluster =
        arena_strdup(arena, json_path_string_or(identity->metadata, "CLUSTER_ID", "Kubernetes"));
    node->gateway = identity->gateway;
    identity->node_cluster = arena_printf(
        arena, "%s.%s", strcmp(node->app, "unknown") == 0 ? node->canonical_service : node->app,
        namespace);
}

static void fill_metadata(struct identity *identity, char *const *environment,
                          const char *pod_folder, const char *pod, const char *namespace)
{
    json_t *metadata = identity->metadata;
    const char *account = env_get(environment, "SERVICE_ACCOUNT");
    json_t *labels = read_pairs(pod_folder, "labels");

    copy_meta(metadata, environment);
    json_object_set_new(metadata, "NAME", json_string(pod));
    json_object_set_new(metadata, "NAMESPACE", json_string(namespace));
    json_object_set_new(metadata, "INSTANCE_IPS", json_string(identity->ip));
    if (account != NULL)
        json_object_set_new(metadata, "SERVICE_ACCOUNT", json_string(account));
    if (json_object_get(metadata, "ISTIO_VERSION") == NULL)
        json_object_set_new(metadata, "ISTIO_VERSION", json_string("1.31.0"));
    json_object_set_new(metadata, "WEFT_VERSION", json_string(WEFT_VERSION));
    json_object_set_new(metadata, "LABELS", json_incref(labels));
    json_object_set_new(metadata, "ANNOTATIONS", read_pairs(pod_folder, "annotations"));
    fill_telemetry(identity, labels, namespace);
    json_decref(labels);
}

static int parse_json_env(char *const *environment, const char *name, json_t **ret,
                          struct error *err)
{
    const char *text = env_get(environment, name);

    if (text == NULL)
        return 0;
    return json_parse(slice_str(text), NULL, ret, err) < 0 ? err_prefix(err, "%s", name) : 0;
}

static int fill(struct identity *identity, char *const *environment, const char *pod_folder,
                const char *domain, struct error *err)
{
    const char *pod = env_get(environment, "POD_NAME");
    const char *namespace = env_get(environment, "POD_NAMESPACE");
    const char *ip = env_get(environment, "INSTANCE_IP");
    struct addr addr;
    int rc;

    if (pod == NULL || namespace == NULL || ip == NULL)
        return err_set_path(err, ERR_INVALID,
                            pod == NULL         ? "POD_NAME"
                            : namespace == NULL ? "POD_NAMESPACE"
                                                : "INSTANCE_IP",
                            "the environment variable is not set");
    if (addr_parse_ip(slice_str(ip), 0, &addr) < 0)
        return err_set_path(err, ERR_INVALID, "INSTANCE_IP", "\"%s\" is no IP address", ip);
    namespace = arena_strdup(&identity->arena, namespace);
    identity->ip = arena_strdup(&identity->arena, ip);
    if (domain == NULL || domain[0] == '\0')
        domain = arena_printf(&identity->arena, "%s.svc.cluster.local", namespace);
    identity->node_id =
        arena_printf(&identity->arena, "%s~%s~%s.%s~%s", identity->gateway ? "router" : "sidecar",
                     ip, pod, namespace, domain);
    rc = parse_proxy_config(identity, environment, err);
    if (rc == 0)
        rc = parse_json_env(environment, "ISTIO_KUBE_APP_PROBERS", &identity->probers, err);
    if (rc == 0)
        rc = parse_json_env(environment, "ISTIO_PROMETHEUS_ANNOTATIONS", &identity->scrape, err);
    if (rc == 0)
        fill_metadata(identity, environment, pod_folder, pod, namespace);
    return rc;
}

int identity_init(struct identity *identity, bool gateway, char *const *environment,
                  const char *pod_folder, const char *domain, struct error *err)
{
    int rc;

    memset(identity, 0, sizeof *identity);
    arena_init(&identity->arena, 0);
    identity->gateway = gateway;
    identity->metadata = json_object();
    rc = fill(identity, environment, pod_folder, domain, err);
    if (rc < 0)
        identity_deinit(identity);
    return rc;
}

void identity_deinit(struct identity *identity)
{
    json_decref(identity->metadata);
    json_decref(identity->probers);
    json_decref(identity->scrape);
    identity->metadata = identity->probers = identity->scrape = NULL;
    arena_deinit(&identity->arena);
}

json_t *identity_node_json(const struct identity *identity)
{
    json_t *node = json_object();

    json_object_set_new(node, "id", json_string(identity->node_id));
    json_object_set_new(node, "cluster", json_string(identity->node_cluster));
    json_object_set(node, "metadata", identity->metadata);
    json_object_set_new(node, "user_agent_name", json_string("weft-proxy"));
    json_object_set_new(node, "user_agent_version", json_string(WEFT_VERSION));
    return node;
}
