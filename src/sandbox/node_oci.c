/* SPDX-License-Identifier: Apache-2.0 */
/* securityContext and resources in the runtime's terms, see node_oci.h. */
#include "sandbox/node_oci.h"

#include "api/quantity.h"
#include "base/mem.h"
#include "oci/config.h"

/* The container's field of securityContext, else the pod's; NULL when neither has it. */
static const json_t *security_get(const struct node_oci_plan *plan, const char *key)
{
    const json_t *own = json_object_get(json_object_get(plan->container, "securityContext"), key);

    return own ? own : json_object_get(plan->pod_security, key);
}

static int64_t security_number(const struct node_oci_plan *plan, const char *key)
{
    const json_t *number = security_get(plan, key);

    return number ? json_integer_value(number) : -1;
}

static int user_resolve(const struct node_oci_plan *plan, const struct oci_image *image,
                        struct oci_user *ret, struct error *err)
{
    const struct oci_user wish = {.uid = security_number(plan, "runAsUser"),
                                  .gid = security_number(plan, "runAsGroup")};
    int rc = oci_user_resolve(image, wish, ret, err);

    if (rc == 0 && json_is_true(security_get(plan, "runAsNonRoot")) && ret->uid == 0)
        return err_set(err, ERR_INVALID, "container has runAsNonRoot and image will run as root");
    return rc;
}

/* fsGroup and supplementalGroups. New reference. */
static json_t *groups_json(const json_t *pod_security)
{
    json_t *groups = json_array();
    json_t *fs_group = json_object_get(pod_security, "fsGroup");

    if (fs_group)
        json_array_append(groups, fs_group);
    json_array_extend(groups, json_object_get(pod_security, "supplementalGroups"));
    return groups;
}

/* [{name, value}] as {name: value}. New reference. */
static json_t *sysctl_json(const json_t *pod_security)
{
    json_t *out = json_object();
    json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(pod_security, "sysctls"), i, entry)
    {
        if (json_get_string(entry, "name"))
            json_set_string(out, json_get_string(entry, "name"),
                            json_path_string_or(entry, "value", ""));
    }
    return out;
}

/* A request shares the processor by weight, a limit is a quota of each 100 ms. */
static void resources_read(const json_t *container, struct oci_plan *plan)
{
    int64_t milli;

    if (quantity_parse(json_path_get(container, "resources.requests.cpu"), &milli) == 0)
        plan->cpu_shares = milli * 1024 / 1000;
    if (quantity_parse(json_path_get(container, "resources.limits.cpu"), &milli) == 0 && milli > 0)
        plan->cpu_quota_us = MAX(milli * 100, 1000);
    if (quantity_parse(json_path_get(container, "resources.limits.memory"), &milli) == 0)
        plan->memory_size = milli / 1000;
}

int node_oci_build(const struct node_oci_plan *plan, const struct oci_image *image, json_t **ret,
                   struct error *err)
{
    const json_t *capabilities = security_get(plan, "capabilities");
    SCOPED(json_drop) json_t *groups = groups_json(plan->pod_security);
    SCOPED(json_drop) json_t *sysctl = sysctl_json(plan->pod_security);
    struct oci_plan out = {
        .command = plan->command,
        .args = plan->args,
        .env = plan->env,
        .work_path = json_get_string(plan->container, "workingDir"),
        .tty = json_get_bool(plan->container, "tty", false),
        .groups = groups,
        .capability_add = json_object_get(capabilities, "add"),
        .capability_drop = json_object_get(capabilities, "drop"),
        .privileged = json_is_true(security_get(plan, "privileged")),
        .read_only = json_is_true(security_get(plan, "readOnlyRootFilesystem")),
        .no_new_privileges = json_is_false(security_get(plan, "allowPrivilegeEscalation")),
        .mounts = plan->mounts,
        .sysctl = sysctl,
        .hostname = plan->hostname,
        .netns_path = plan->netns_path,
        .cgroup_path = plan->cgroup_path,
    };
    int rc = user_resolve(plan, image, &out.user, err);

    if (rc < 0)
        return rc;
    resources_read(plan->container, &out);
    return oci_config_build(&out, image, ret, err);
}
