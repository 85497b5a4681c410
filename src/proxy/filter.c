/* SPDX-License-Identifier: Apache-2.0 */
/* The table of filters, their overrides, and the chain that a request goes through. See filter.h.
 */
#include "proxy/filter.h"

#include "proxy/cors.h"
#include "proxy/fault.h"
#include "proxy/request.h"
#include "wire/proto.h"
#include "xds/pb/route.h"

static const struct filter_ops *const filters[] = {&fault_filter, &cors_filter};

const struct filter_ops *filter_find(struct slice message_name)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (slice_eq_str(message_name, filters[i]->message->name))
            return filters[i];
    return NULL;
}

/* --- overrides --- */

static struct filter_override *override_get(const struct filter_overrides *set, struct slice name)
{
    for (size_t i = 0; i < set->count; i++)
        if (slice_eq(set->items[i].name, name))
            return &set->items[i];
    return NULL;
}

/* The place of that name in a copy of the set: less specific levels share their items. */
static struct filter_override *override_put(struct arena *arena, struct filter_overrides *set,
                                            const struct filter_override *override)
{
    struct filter_override *items = ARENA_ARRAY(arena, struct filter_override, set->count + 1);
    struct filter_override *place;

    if (set->count > 0)
        memcpy(items, set->items, set->count * sizeof *items);
    set->items = items;
    place = override_get(set, override->name);
    if (place == NULL && set->count < FILTER_OVERRIDES_MAX)
        place = &items[set->count++];
    if (place != NULL)
        *place = *override;
    return place;
}

static const struct filter_ops *find_by_override(const struct pb_any *any)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (proto_any_is(any, filters[i]->override_message))
            return filters[i];
    return NULL;
}

int filter_override_add(struct resource *resource, struct filter_overrides *set, struct slice name,
                        const struct pb_any *value, struct error *err)
{
    struct arena *arena = &resource->arena;
    struct filter_override override = {.name = arena_slice_dup(arena, name)};
    const struct filter_override *general = override_get(set, name);
    struct pb_route_filter_config *wrapper = NULL;
    void *message;

    if (proto_any_is(value, &pb_route_filter_config_desc)) {
        if (proto_any_unpack(value, &pb_route_filter_config_desc, arena, (void **)&wrapper, NULL,
                             err) < 0)
            return err->code;
        override.disabled = wrapper->disabled;
        value = wrapper->config;
    }
    if (value != NULL) {
        override.ops = find_by_override(value);
        if (override.ops == NULL)
            return ERR_NOT_FOUND;
        if (proto_any_unpack(value, override.ops->override_message, arena, &message, NULL, err) < 0)
            return err->code;
        if (general != NULL && general->ops != override.ops)
            general = NULL;
        if (override.ops->compile_override(resource, message, general ? general->conf : NULL,
                                           &override.conf, err) < 0)
            return err->code;
    }
    if (override_put(arena, set, &override) == NULL)
        return err_set(err, ERR_LIMIT, "more than %d filters are named", FILTER_OVERRIDES_MAX);
    return 0;
}

/* --- on a request --- */

static const struct filter_overrides *overrides_of(const struct request *request)
{
    if (request->target != NULL)
        return &request->target->filters;
    return request->route != NULL ? &request->route->filters : NULL;
}

/* What this request's route makes of the filter, NULL when it is not to run. */
static const void *conf_of(const struct filter_conf *filter, const struct filter_overrides *set)
{
    const struct filter_override *override =
        set != NULL && set->count > 0 ? override_get(set, filter->name) : NULL;

    if (override == NULL)
        return filter->conf;
    if (override->disabled)
        return NULL;
    return override->ops == filter->ops ? override->conf : filter->conf;
}

/* Runs from request->filter_at on. */
static enum filter_next run_rest(struct request *request)
{
    while (request->filter_at < request->filter_count) {
        struct filter_run *run = &request->filters[request->filter_at++];
        enum filter_next next;

        if (run->conf == NULL)
            continue;
        next = run->filter->ops->on_request(request, run);
        if (next != FILTER_NEXT)
            return next;
    }
    return FILTER_NEXT;
}

enum filter_next filter_start(struct request *request)
{
    const struct hcm_conf *conf = request->hcm->conf;
    const struct filter_overrides *set = overrides_of(request);

    if (!conf->filters_general && (set == NULL || set->count == 0))
        return FILTER_NEXT;
    for (size_t i = 0; i < conf->filter_count; i++) {
        const void *filter_conf = conf_of(&conf->filters[i], set);
        struct filter_run *run;

        if (filter_conf == NULL)
            continue;
        if (request->filters == NULL)
            request->filters = ARENA_ARRAY(request->arena, struct filter_run, conf->filter_count);
        run = &request->filters[request->filter_count++];
        run->filter = &conf->filters[i];
        run->conf = filter_conf;
    }
    return run_rest(request);
}

void filter_resume(struct request *request, enum filter_next next)
{
    if (request->finished || request->response_started)
        return;
    if (next == FILTER_NEXT)
        next = run_rest(request);
    if (next == FILTER_NEXT)
        request_follow(request);
}

void filter_response(struct request *request, struct http_head *head)
{
    for (size_t i = request->filter_at; i > 0; i--) {
        struct filter_run *run = &request->filters[i - 1];

        if (run->filter->ops->on_response != NULL)
            run->filter->ops->on_response(request, run, head);
    }
}

void filter_end(struct request *request)
{
    for (size_t i = 0; i < request->filter_at; i++) {
        struct filter_run *run = &request->filters[i];

        if (run->filter->ops->on_end != NULL)
            run->filter->ops->on_end(request, run);
    }
    request->filter_at = 0;
}
