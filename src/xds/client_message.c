/* SPDX-License-Identifier: Apache-2.0 */
/* Responses of the server: read, checked, given to the user, answered.
 *
 * What is wrong with a response as a whole (a name twice) or with one resource of it (another type,
 * no name) becomes the NACK's text; the good resources are given to the user all the same, as Envoy
 * does for clusters and listeners.
 *
 * Place   see client.h
 */
#include "xds/client_int.h"

#include "base/mem.h"
#include "wire/pb_known.h"
#include "wire/proto.h"
#include "xds/pb/discovery.h"

#include <stdio.h>

/* One response while it is taken. */
struct taking {
    struct xds_client *client;
    enum xds_type type;
    struct arena arena;
    struct map seen; /* names of this response */
    VEC(struct xds_item) items;
    VEC(struct slice) removed;
    struct slice version;
    struct slice nonce;
    struct buf error; /* what is wrong, for the NACK */
};

static void taking_init(struct taking *taking, struct xds_client *client)
{
    *taking = (struct taking){.client = client};
    arena_init(&taking->arena, 0);
    map_init(&taking->seen, 0);
    buf_init(&taking->error, CLIENT_TEXT_MAX);
}

static void taking_deinit(struct taking *taking)
{
    VEC_DEINIT(&taking->items);
    VEC_DEINIT(&taking->removed);
    map_deinit(&taking->seen);
    buf_deinit(&taking->error);
    arena_deinit(&taking->arena);
}

static void error_add(struct taking *taking, struct slice name, const char *why)
{
    buf_printf(&taking->error, "%s%.*s%s%s", taking->error.len ? "; " : "", (int)MIN(name.len, 200),
               name.len ? name.data : "", name.len ? ": " : "", why);
}

/* Is this type's resource of that name anything to us? */
static bool is_asked_for(const struct taking *taking, struct slice name)
{
    const struct client_entry *entry = xds_client_entry_get(taking->client, taking->type, name);

    return taking->client->kinds[taking->type].watched || (entry && entry->wanted);
}

/* Takes a resource into the update, or notes what is wrong with it. */
static void item_add(struct taking *taking, struct slice name, struct slice version,
                     const struct pb_any *any)
{
    const struct client_entry *entry;
    struct xds_item item = {.name = name, .version = version};

    if (name.len == 0) {
        error_add(taking, name, "a resource without a name");
        return;
    }
    if (map_get(&taking->seen, name)) {
        error_add(taking, name, "the name stands twice in one response");
        return;
    }
    (void)map_put(&taking->seen, name, taking, NULL); /* no maximum: it cannot fail */
    if (!any || !is_asked_for(taking, name))
        return; /* a heart-beat, or unsolicited */
    if (!slice_eq_str(any->type_url, xds_type_url(taking->type))) {
        error_add(taking, name, "the resource is of another type than the response");
        return;
    }
    entry = xds_client_entry_get(taking->client, taking->type, name);
    item.bytes = any->value;
    item.unchanged = entry && entry->held && entry->hash == slice_hash(any->value);
    VEC_PUSH(&taking->items, item);
}

static void removed_add(struct taking *taking, struct slice name)
{
    const struct client_entry *entry = xds_client_entry_get(taking->client, taking->type, name);

    if (entry && (entry->held || entry->wanted))
        VEC_PUSH(&taking->removed, name);
}

/* The user applies; what was taken is remembered. Returns what the user says. */
static int update_give(struct taking *taking, struct error *err)
{
    struct xds_client *client = taking->client;
    struct xds_update update = {
        .type = taking->type,
        .items = taking->items.items,
        .item_count = taking->items.count,
        .removed = taking->removed.items,
        .removed_count = taking->removed.count,
    };
    int rc = client->events->on_update(&update, err, client->ctx);

    for (size_t i = 0; i < update.item_count; i++) {
        const struct xds_item *item = &update.items[i];
        struct client_entry *entry;

        if (item->rejected || !is_asked_for(taking, item->name))
            continue; /* the user may have unsubscribed meanwhile */
        entry = xds_client_entry_make(client, taking->type, item->name);
        if (entry)
            xds_client_entry_hold(&client->kinds[taking->type], entry, item->version,
                                  slice_hash(item->bytes));
        else
            error_add(taking, item->name, "too many resources");
    }
    for (size_t i = 0; i < update.removed_count; i++)
        xds_client_entry_release(&client->kinds[taking->type], update.removed[i]);
    return rc;
}

static int answer_add(struct taking *taking, struct error *err)
{
    struct xds_client *client = taking->client;
    struct client_kind *kind = &client->kinds[taking->type];
    struct client_answer answer = {
        .type = taking->type,
        .nonce = mem_slice_dup(taking->nonce),
        .error = taking->error.len ? mem_slice_dup(buf_slice(&taking->error)) : NULL,
    };

    if (client->answers.count >= CLIENT_ANSWER_MAX) {
        mem_free(answer.nonce);
        mem_free(answer.error);
        return err_set(err, ERR_LIMIT, "%d responses came and none could be answered",
                       CLIENT_ANSWER_MAX);
    }
    mem_free(kind->nonce);
    kind->nonce = mem_slice_dup(taking->nonce);
    mem_free(kind->error);
    kind->error = mem_strdup(answer.error);
    if (answer.error) {
        kind->rejected_count++;
    } else {
        kind->update_count++;
        mem_free(kind->version);
        kind->version = mem_slice_dup(taking->version);
    }
    VEC_PUSH(&client->answers, answer);
    return 0;
}

static int taking_finish(struct taking *taking, struct error *err)
{
    struct error refusal = {0};
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    if (update_give(taking, &refusal) < 0)
        error_add(taking, slice_make("", 0), err_format(&refusal, text, sizeof text));
    return answer_add(taking, err);
}

static int type_set(struct taking *taking, struct slice type_url, struct error *err)
{
    int type = xds_type_find(type_url);

    if (type < 0 || !taking->client->kinds[type].asked)
        return err_set(err, ERR_INVALID, "a response of type \"%.*s\", which was not asked for",
                       SLICE_ARG(slice_head(type_url, 200)));
    taking->type = (enum xds_type)type;
    return 0;
}

static int delta_take(struct taking *taking, struct slice message, struct error *err)
{
    const struct pb_delta_discovery_response *response;
    void *decoded;
    int rc = proto_decode(&pb_delta_discovery_response_desc, message, NULL, &taking->arena,
                          &decoded, NULL, err);

    if (rc < 0)
        return rc;
    response = decoded;
    rc = type_set(taking, response->type_url, err);
    if (rc < 0)
        return rc;
    taking->version = response->system_version_info;
    taking->nonce = response->nonce;
    for (size_t i = 0; i < response->resources_count; i++) {
        const struct pb_discovery_resource *resource = response->resources[i];

        item_add(taking, resource->name, resource->version, resource->resource);
    }
    for (size_t i = 0; i < response->removed_resources_count; i++)
        removed_add(taking, response->removed_resources[i]);
    return taking_finish(taking, err);
}

/* A resource may come inside a Resource message; its name is then there. */
static void world_item_add(struct taking *taking, const struct pb_any *any)
{
    const struct pb_discovery_resource *wrapper;
    void *decoded;

    if (!proto_any_is(any, &pb_discovery_resource_desc)) {
        item_add(taking, xds_resource_name(any->value), taking->version, any);
        return;
    }
    if (proto_any_unpack(any, &pb_discovery_resource_desc, &taking->arena, &decoded, NULL, NULL) <
        0) {
        error_add(taking, slice_make("", 0), "a malformed Resource");
        return;
    }
    wrapper = decoded;
    if (wrapper->resource)
        item_add(taking, xds_resource_name(wrapper->resource->value), taking->version,
                 wrapper->resource);
}

/* What is held and not in a response of a wildcard type is gone. A refused name is not gone. */
static void world_removed_add(struct taking *taking)
{
    MAP_EACH (item, &taking->client->kinds[taking->type].entries) {
        const struct client_entry *entry = item->value;

        if (entry->held && !map_get(&taking->seen, item->key))
            VEC_PUSH(&taking->removed, arena_slice_dup(&taking->arena, item->key));
    }
}

static int world_take(struct taking *taking, struct slice message, struct error *err)
{
    const struct pb_discovery_response *response;
    void *decoded;
    int rc = proto_decode(&pb_discovery_response_desc, message, NULL, &taking->arena, &decoded,
                          NULL, err);

    if (rc < 0)
        return rc;
    response = decoded;
    rc = type_set(taking, response->type_url, err);
    if (rc < 0)
        return rc;
    taking->version = response->version_info;
    taking->nonce = response->nonce;
    for (size_t i = 0; i < response->resources_count; i++)
        world_item_add(taking, response->resources[i]);
    if (taking->client->kinds[taking->type].watched)
        world_removed_add(taking);
    return taking_finish(taking, err);
}

int xds_client_message(struct xds_client *client, struct slice message, struct error *err)
{
    struct taking taking;
    int rc;

    taking_init(&taking, client);
    rc = client->state_of_the_world ? world_take(&taking, message, err)
                                    : delta_take(&taking, message, err);
    taking_deinit(&taking);
    return rc;
}
