/* SPDX-License-Identifier: Apache-2.0 */
/* Names, numbers and folders of an instance.
 *
 * The registry is the folder ROOT/.instances: a file "<k>" holds the name whose number is k. It is
 * made with O_EXCL, so two `up` at once get two numbers; nothing else has to be locked.
 */
#include "sandbox/instance.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/slice.h"

enum { FIRST_OCTET = 64, OCTETS_EACH = 4, FIRST_PORT = 6443, LOOK_MS = 200 };

static int name_check(const char *name, struct error *err);
static const char *root_path(void);
static int number_find(const char *name, unsigned *ret);
static int number_take(const char *name, unsigned *ret, struct error *err);
static int derive(const char *name, unsigned number, struct instance *ret, struct error *err);
static int make_folders(const struct instance *instance, struct error *err);

int instance_open(const char *name, bool create, struct instance *ret, struct error *err)
{
    unsigned number;
    int rc = name_check(name, err);

    if (rc < 0)
        return rc;
    rc = number_find(name, &number);
    if (rc < 0 && !create)
        return err_set(err, ERR_NOT_FOUND,
                       "no sandbox \"%s\" here: weft sandbox up --name %s makes it", name, name);
    if (rc < 0) {
        rc = number_take(name, &number, err);
        if (rc < 0)
            return rc;
    }
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
    char path[INSTANCE_PATH_SIZE];
    int rc = file_remove_tree(instance->state_path, err);

    if (rc < 0)
        return rc;
    snprintf(path, sizeof path, "%s/.instances/%u", root_path(), instance->number);
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set(err, err_from_errno(errno), "cannot remove %s: %s", path, strerror(errno));
    snprintf(path, sizeof path, "%s/.instances", root_path());
    if (rmdir(path) == 0) /* stays while other instances are there */
        rmdir(root_path());
    return 0;
}

static int name_check(const char *name, struct error *err)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++)
        if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) &&
            (name[i] != '-' || i == 0 || i + 1 == len))
            return err_set_path(err, ERR_INVALID, "--name",
                                "\"%s\" may hold lower-case letters, digits and inner '-' only",
                                name);
    if (len == 0 || len > INSTANCE_NAME_MAX)
        return err_set_path(err, ERR_INVALID, "--name", "\"%s\" must have 1 to %d characters", name,
                            INSTANCE_NAME_MAX);
    return 0;
}

static const char *root_path(void)
{
    const char *root = getenv("WEFT_STATE");

    return root && root[0] == '/' ? root : "/var/lib/weft";
}

static bool number_is_of(unsigned number, const char *name)
{
    char path[INSTANCE_PATH_SIZE];
    SCOPED(buf_deinit) struct buf text;

    buf_init(&text, 256);
    snprintf(path, sizeof path, "%s/.instances/%u", root_path(), number);
    return file_read(path, &text, NULL) >= 0 && slice_eq_str(slice_trim(buf_slice(&text)), name);
}

static int number_find(const char *name, unsigned *ret)
{
    for (unsigned number = 0; number < INSTANCE_COUNT_MAX; number++) {
        if (number_is_of(number, name)) {
            *ret = number;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

static int number_take(const char *name, unsigned *ret, struct error *err)
{
    char path[INSTANCE_PATH_SIZE];
    int rc;

    snprintf(path, sizeof path, "%s/.instances", root_path());
    rc = file_make_dirs(path, 0755, err);
    if (rc < 0)
        return rc;
    for (unsigned number = 0; number < INSTANCE_COUNT_MAX; number++) {
        SCOPED(fd_drop) int fd = -1;

        snprintf(path, sizeof path, "/sys/class/net/weft-%u", number);
        if (file_exists(path))
            continue; /* of a sandbox below another WEFT_STATE */
        snprintf(path, sizeof path, "%s/.instances/%u", root_path(), number);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0 || write(fd, name, strlen(name)) != (ssize_t)strlen(name))
            return err_set(err, err_from_errno(errno), "cannot write %s: %s", path,
                           strerror(errno));
        *ret = number;
        return 0;
    }
    return err_set(err, ERR_LIMIT, "there are %d sandboxes on this machine already",
                   INSTANCE_COUNT_MAX);
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
