/* SPDX-License-Identifier: Apache-2.0 */
/* Packet rules of Services, applied; see net_rules.h. */
#include "sandbox/net_rules.h"

#include "base/log.h"
#include "base/mem.h"
#include "sandbox/net.h"

enum { RETRY_MS = 1000 };

struct net_rules {
    struct loop *loop;
    const struct instance *instance;
    struct jobs *jobs;
    struct service_rules *wanted;
    struct loop_task task;
    struct loop_timer retry;
    /* the transaction that runs; the job's, but for `text` */
    char *text; /* NULL: none runs */
    int rc;
    struct error err;
};

static void apply_run(void *ctx)
{
    struct net_rules *rules = ctx;

    rules->rc = net_rules_apply(rules->instance, rules->text, &rules->err);
}

static void apply_done(void *ctx)
{
    struct net_rules *rules = ctx;

    mem_free(TAKE(rules->text));
    if (rules->rc < 0) {
        log_warn(node, "packet rules: %s; all of them are written anew", rules->err.reason);
        service_rules_restart(rules->wanted);
        loop_timer_start(rules->loop, &rules->retry, RETRY_MS);
    } else {
        loop_task_add(rules->loop, &rules->task);
    }
}

static void on_task(void *ctx)
{
    struct net_rules *rules = ctx;

    if (rules->text || loop_timer_is_armed(&rules->retry))
        return;
    rules->text = service_rules_take(rules->wanted);
    if (rules->text)
        job_start(rules->jobs, apply_run, apply_done, rules);
}

struct net_rules *net_rules_new(struct loop *loop, const struct instance *instance,
                                struct jobs *jobs)
{
    const struct service_rules_options options = {
        .table = "weft",
        .node_ip = instance->sandbox_ip,
        .reject_cidrs = {instance->service_cidr, instance->lb_cidr}};
    struct net_rules *rules = MEM_NEW(struct net_rules);

    rules->loop = loop;
    rules->instance = instance;
    rules->jobs = jobs;
    rules->wanted = service_rules_new(&options);
    loop_task_init(&rules->task, on_task, rules);
    loop_timer_init(&rules->retry, on_task, rules);
    loop_task_add(loop, &rules->task);
    return rules;
}

void net_rules_free(struct net_rules *rules)
{
    if (!rules)
        return;
    loop_task_cancel(&rules->task);
    loop_timer_stop(rules->loop, &rules->retry);
    service_rules_free(rules->wanted);
    mem_free(rules);
}

struct service_rules *net_rules_change(struct net_rules *rules)
{
    loop_task_add(rules->loop, &rules->task);
    return rules->wanted;
}
