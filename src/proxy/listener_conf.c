/* SPDX-License-Identifier: Apache-2.0 */
/* Small decisions on compiled listeners. See listener_conf.h.
 */
#include "proxy/listener_conf.h"

bool listener_conf_port_test(const struct port_predicate *predicate, unsigned port)
{
    if (predicate == NULL)
        return false;
    switch (predicate->kind) {
    case PORT_ANY:
        return true;
    case PORT_RANGE:
        return port >= predicate->start && port < predicate->end;
    case PORT_NOT:
        return !listener_conf_port_test(predicate->children, port);
    case PORT_AND:
        for (size_t i = 0; i < predicate->child_count; i++)
            if (!listener_conf_port_test(&predicate->children[i], port))
                return false;
        return true;
    case PORT_OR:
        for (size_t i = 0; i < predicate->child_count; i++)
            if (listener_conf_port_test(&predicate->children[i], port))
                return true;
        return false;
    }
    return false;
}

const struct tcp_target *listener_conf_tcp_pick(const struct tcp_conf *conf, uint64_t random)
{
    uint64_t total;
    size_t i = 0;

    if (conf->target_count == 0)
        return NULL;
    total = conf->targets[conf->target_count - 1].weight_end;
    random = total > 0 ? random % total : 0;
    while (i + 1 < conf->target_count && random >= conf->targets[i].weight_end)
        i++;
    return &conf->targets[i];
}
