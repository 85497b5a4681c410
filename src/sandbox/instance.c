/* SPDX-License-Identifier: Apache-2.0 */
/* Names, numbers and folders of an instance; its number is held in ROOT/.instances (base/slots.h).
 */
#include "sandbox/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/formats.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/slice.h"
#include "base/slots.h"

enum { FIRST_OCTET = 64, OCTETS_EACH = 4, FIRST_PORT = 6443, LOOK_MS = 200 };

static int name_check(const char *name, struct error *err);
static const char *root_path(void);
static const char *registry_path(char out[INSTANCE_PATH_SIZE]);
static bool link_exists(unsigned number);
static int derive(const char *name, unsigned number, struct instance *ret, struct error *err);
static int make_folders(const struct instance *instance, struct error *err);

int instance_open(const char *name, bool create, struct instance *ret, struct error *err)
{
    char registry[INSTANCE_PATH_SIZE];
    unsigned number;
    int rc = name_check(name, err);

    if (rc < 0)
        return rc;
    rc = slots_find(registry_path(registry), INSTANCE_COUNT_MAX, name, &number);
    if (rc < 0 && !create)
        return err_set(err, ERR_NOT_FOUND,
                       "no sandbox \"%s\" here: weft sandbox up --name %s makes it", name, name);
    if (rc < 0)
        rc = slots_take(registry, INSTANCE_COUNT_MAX, name, link_exists, &number, err);
    if (rc == ERR_LIMIT)
        return err_set(err, rc, "there are %d sandboxes on this machine already",
                       INSTANCE_COUNT_MAX);
    if (rc < 0)
        return rc;
    rc = derive(name, number, ret, err);
    if (rc < 0 || !create)
        return rc;
    return make_folders(ret, err);
}

struct daemon instance_daemon(const struct instance *in, enum instance_process process)
{
    static const struct {
        const char *name, *verb;
    } rows[] = {
        [INSTANCE_APISERVER] = {"apiserver", "run-apiserver"},
        [INSTANCE_CONTROLLERS] = {"controllers", "run-controllers"},
        [INSTANCE_NODE] = {"node", "run-node"},
        [INSTANCE_SUPERVISOR] = {"supervisor", "run-supervisor"},
    };
    const char *name = rows[process].name;
    struct daemon daemon = {.argv = {"weft", "sandbox", rows[process].verb, "--name", in->name}};

    snprintf(daemon.name, sizeof daemon.name, "%s", name);
    snprintf(daemon.pid_path, sizeof daemon.pid_path, "%.200s/%s.pid", in->run_path, name);
    snprintf(daemon.log_path, sizeof daemon.log_path, "%.200s/%s.log", in->log_path, name);
    return daemon;
}

int instance_supervise(const struct instance *in, struct error *err)
{
    struct daemon_watch watches[INSTANCE_SUPERVISOR] = {0};

    (void)err;
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0) /* those that were started from here */
            ;
        for (unsigned i = 0; i < INSTANCE_SUPERVISOR; i++) {
            struct daemon daemon = instance_daemon(in, i);
            struct error why = {0};
            int look = daemon_watch_look(&daemon, &watches[i], clock_monotonic_ms(), &why);

            if (look == DAEMON_STARTED)
                log_warn(node, "%s had ended: it was started again", daemon.name);
            else if (look < 0)
                log_error(node, "%s", why.reason);
        }
        clock_sleep_ms(LOOK_MS);
    }
}

int instance_remove(const struct instance *instance, struct error *err)
{
    char registry[INSTANCE_PATH_SIZE];
    int rc = file_remove_tree(instance->state_path, err);

    if (rc == 0)
        rc = slots_drop(registry_path(registry), instance->number, err);
    if (rc == 0)
        (void)rmdir(root_path()); /* stays while other instances are there */
    return rc;
}

static int name_check(const char *name, struct error *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > INSTANCE_NAME_MAX)
        return err_set_path(err, ERR_INVALID, "--name", "\"%s\" must have 1 to %d characters", name,
                            INSTANCE_NAME_MAX);
    if (format_name_wrong(FORMAT_LABEL, name) != NULL)
        return err_set_path(err, ERR_INVALID, "--name",
                            "\"%s\" may hold lower-case letters, digits and inner '-' only", name);
    return 0;
}

static const char *root_path(void)
{
    const char *root = getenv("WEFT_STATE");

    return root && root[0] == '/' ? root : "/var/lib/weft";
}

static const char *registry_path(char out[INSTANCE_PATH_SIZE])
{
    snprintf(out, INSTANCE_PATH_SIZE, "%.200s/.instances", root_path());
    return out;
}

/* Of a sandbox below another WEFT_STATE. */
static bool link_exists(unsigned number)
{
    char path[64];

    snprintf(path, sizeof path, "/sys/class/net/weft-%u", number);
    return file_exists(path);
}

static void derive_addresses(struct instance *in)
{
    unsigned b = FIRST_OCTET + OCTETS_EACH * in->number;

    snprintf(in->pod_cidr, sizeof in->pod_cidr, "10.%u.0.0/16", b);
    snprintf(in->pod_gateway, sizeof in->pod_gateway, "10.%u.0.1", b);
    snprintf(in->service_cidr, sizeof in->service_cidr, "10.%u.0.0/16", b + 1);
    snprintf(in->kubernetes_ip, sizeof in->kubernetes_ip, "10.%u.0.1", b + 1);
    snprintf(in->dns_ip, sizeof in->dns_ip, "10.%u.0.10", b + 1);
    snprintf(in->lb_cidr, sizeof in->lb_cidr, "10.%u.0.0/24", b + 2);
    snprintf(in->host_ip, sizeof in->host_ip, "10.%u.0.1", b + 3);
    snprintf(in->sandbox_ip, sizeof in->sandbox_ip, "10.%u.0.2", b + 3);
    snprintf(in->route_cidr, sizeof in->route_cidr, "10.%u.0.0/14", b);
    in->api_port = FIRST_PORT + in->number;
}

/* $WEFT_IMAGES, else what an earlier `up` noted in the state folder, else ROOT/image-store. */
static void store_choose(struct instance *in, const char *given)
{
    char path[INSTANCE_PATH_SIZE];
    SCOPED(buf_deinit) struct buf noted;

    buf_init(&noted, INSTANCE_PATH_SIZE);
    snprintf(path, sizeof path, "%.200s/image-store", in->state_path);
    if (given && given[0])
        snprintf(in->images.layout_path, sizeof in->images.layout_path, "%s", given);
    else if (file_read(path, &noted, NULL) == 0 && noted.len > 0)
        snprintf(in->images.layout_path, sizeof in->images.layout_path, "%s", noted.data);
    else
        snprintf(in->images.layout_path, sizeof in->images.layout_path, "%s/image-store",
                 root_path());
}

static int derive(const char *name, unsigned number, struct instance *ret, struct error *err)
{
    struct instance in = {.number = number};
    const struct {
        char *out;
        const char *leaf;
    } folders[] = {
        {in.kubeconfig_path, "kubeconfig"},
        {in.pki_path, "pki"},
        {in.db_path, "store.db"},
        {in.log_path, "logs"},
        {in.run_path, "run"},
        {in.pods_path, "pods"},
        {in.images.cache_path, "images"},
        {in.runtime.state_path, "run/runc"},
        {in.runtime.exits_path, "run/exits"},
        {in.node_socket_path, "run/node.sock"},
    };

    if (strlen(root_path()) > 80)
        return err_set_path(err, ERR_LIMIT, "WEFT_STATE", "the path is longer than 80 characters");
    snprintf(in.name, sizeof in.name, "%s", name);
    snprintf(in.state_path, sizeof in.state_path, "%s/%s", root_path(), name);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        snprintf(folders[i].out, INSTANCE_PATH_SIZE, "%s/%s/%s", root_path(), name,
                 folders[i].leaf);
    store_choose(&in, getenv("WEFT_IMAGES"));
    snprintf(in.netns, sizeof in.netns, "weft-%s", name);
    snprintf(in.netns_path, sizeof in.netns_path, "/run/netns/%s", in.netns);
    snprintf(in.host_link, sizeof in.host_link, "weft-%u", number);
    snprintf(in.node_name, sizeof in.node_name, "%s", name);
    snprintf(in.cgroup, sizeof in.cgroup, "/weft-%s", name);
    derive_addresses(&in);
    *ret = in;
    return 0;
}

static int make_folders(const struct instance *in, struct error *err)
{
    const char *const folders[] = {in->state_path, in->pki_path,  in->log_path,
                                   in->run_path,   in->pods_path, in->images.cache_path};

    char path[INSTANCE_PATH_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        int rc = file_make_dirs(folders[i], 0755, err);

        if (rc < 0)
            return rc;
    }
    snprintf(path, sizeof path, "%.200s/image-store", in->state_path);
    return file_write(path, slice_str(in->images.layout_path), 0644, err);
}
