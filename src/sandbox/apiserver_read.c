/* SPDX-License-Identifier: Apache-2.0 */
/* get and list: from the store to an object, a list, or a Table. See apiserver_int.h.
 *
 * A list's pages follow the order of (namespace, name); a continue token (kube/objects/list.h)
 * names the next object. Pages read the current state (the real server's read one snapshot): an
 * object made meanwhile before the token's place is not seen, none is twice.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "api/table.h"
#include "kube/objects/list.h"
#include "sandbox/apiserver_int.h"

/* --- one object --- */

json_t *apiserver_read_present(const struct kind *kind, const struct store_object *object)
{
    const char *version = json_get_string(object->tree, "apiVersion");
    json_t *copy;

    if (version != NULL && strcmp(version, kind->api_version) == 0)
        return json_incref(object->tree);
    copy = json_copy(object->tree);
    json_set_string(copy, "apiVersion", kind->api_version);
    return copy;
}

void apiserver_read_get(struct apiserver_call *call)
{
    struct store_object *object = store_get(call->kind->bucket, call->ns, call->name);
    json_t *tree;

    if (object == NULL) {
        apiserver_fail_not_found(call, call->kind, call->name);
    } else if (strcmp(call->subresource, "scale") == 0) {
        tree = apiserver_read_present(call->kind, object);
        call->result = apiserver_sub_scale(call->kind, tree);
        json_decref(tree);
    } else {
        call->answer = store_object_ref(object);
    }
    apiserver_call_finish(call);
}

/* --- Tables --- */

static const json_t *printer_columns(const struct kind *kind)
{
    return json_object_get(kind->crd_version, "additionalPrinterColumns");
}

json_t *apiserver_read_table_new(const struct kind *kind, bool header)
{
    return table_new(kind->api, printer_columns(kind), header);
}

void apiserver_read_table_add(struct apiserver_call *call, json_t *table, const json_t *object)
{
    table_add(table, call->kind->api, printer_columns(call->kind), object,
              apiserver_call_query(call, "includeObject"), clock_realtime_ms());
}

json_t *apiserver_read_shown(struct apiserver_call *call, const json_t *object, bool header)
{
    json_t *table;

    if (call->accept == KUBE_ACCEPT_PARTIAL)
        return table_partial_new(object);
    if (call->accept != KUBE_ACCEPT_TABLE)
        return NULL;
    table = apiserver_read_table_new(call->kind, header);
    json_path_set(table, "metadata.resourceVersion",
                  json_incref(json_path_get(object, "metadata.resourceVersion")));
    apiserver_read_table_add(call, table, object);
    return table;
}

/* --- selectors --- */

int apiserver_read_filter(struct apiserver_call *call, struct kube_filter *ret)
{
    struct error err = {0};

    if (kube_filter_parse(apiserver_call_query(call, "labelSelector"),
                          apiserver_call_query(call, "fieldSelector"),
                          kinds_field_labels(call->kind), &call->arena, ret, &err) != 0)
        return apiserver_fail(call, 400, "BadRequest", "%s", err.reason);
    ret->ns = call->ns;
    if (call->name[0] != '\0') /* a watch or a deletecollection of one name */
        kube_filter_add_name(ret, call->name, &call->arena);
    return 0;
}

/* --- lists --- */

struct list_page {
    struct kube_filter filter;
    size_t from, to;   /* indexes in the bucket */
    uint64_t limit;    /* 0: none */
    uint64_t revision; /* of the first page */
    size_t remaining;  /* objects behind this page */
    const char *token; /* of the next page; "" */
    VEC(struct store_object *) found;
};

static int page_token_parse(struct apiserver_call *call, struct slice token, struct list_page *page)
{
    struct kube_list_place next;

    if (kube_list_token_parse(token, &call->arena, &next) != 0)
        return apiserver_fail(call, 400, "BadRequest",
                              "invalid continue token: continue key is not valid");
    page->revision = next.revision;
    page->from = store_bucket_lower_bound(call->kind->bucket, next.ns, next.name);
    return 0;
}

/* Later than anything that exists: the real server waits 3 s, then answers this. */
static int check_revision(struct apiserver_call *call)
{
    struct slice text = apiserver_call_query(call, "resourceVersion");
    struct slice match = apiserver_call_query(call, "resourceVersionMatch");
    uint64_t revision = 0;

    if (text.len == 0) {
        if (match.len > 0 && !apiserver_call_query_bool(call, "sendInitialEvents"))
            return apiserver_options_fail(call, "FieldValueForbidden", "resourceVersionMatch",
                                          "Forbidden: resourceVersionMatch is forbidden unless "
                                          "resourceVersion is provided");
        return 0;
    }
    if (slice_parse_u64(text, UINT64_MAX, &revision) != 0)
        return apiserver_fail(call, 400, "BadRequest",
                              "invalid resource version: resourceVersion: Invalid value: "
                              "\"%.*s\": strconv.ParseUint: parsing \"%.*s\": invalid syntax",
                              SLICE_ARG(text), SLICE_ARG(text));
    if (revision > store_revision(call->server->store))
        return apiserver_fail(
            call, 504, "Timeout", "Timeout: Too large resource version: %llu, current: %llu",
            (unsigned long long)revision, (unsigned long long)store_revision(call->server->store));
    return 0;
}

static void page_fill(struct apiserver_call *call, struct list_page *page)
{
    const struct store_bucket *bucket = call->kind->bucket;
    size_t i;

    for (i = page->from; i < page->to; i++) {
        struct store_object *object = store_bucket_at(bucket, i);

        if (!kube_filter_match(&page->filter, object->tree))
            continue;
        if (page->limit != 0 && page->found.count == page->limit) {
            page->token = kube_list_token_new(
                &(struct kube_list_place){page->revision, object->ns, object->name}, &call->arena);
            page->remaining = page->to - i;
            return;
        }
        VEC_PUSH(&page->found, object);
    }
}

static json_t *page_metadata(const struct list_page *page)
{
    json_t *metadata = json_pack("{s:o}", "resourceVersion",
                                 json_sprintf("%llu", (unsigned long long)page->revision));

    if (page->token[0])
        json_set_string(metadata, "continue", page->token);
    if (page->token[0] && kube_filter_is_empty(&page->filter))
        json_object_set_new(metadata, "remainingItemCount",
                            json_integer((json_int_t)page->remaining));
    return metadata;
}

json_t *apiserver_read_item(const struct kind *kind, const struct store_object *object)
{
    json_t *tree = apiserver_read_present(kind, object);
    json_t *bare;

    if (kind->api == NULL)
        return tree;
    bare = json_copy(tree);
    json_object_del(bare, "kind");
    json_object_del(bare, "apiVersion");
    json_decref(tree);
    return bare;
}

/* The encoding of an object without its head, which it has unless it is of another version. */
static void item_append(const struct kind *kind, const struct store_object *object,
                        const char *head, struct buf *out)
{
    json_t *item;

    if (kind->api != NULL && slice_starts_with(object->text, slice_str(head))) {
        buf_append_char(out, '{');
        buf_append(out, slice_from(object->text, strlen(head)));
        return;
    }
    item = apiserver_read_item(kind, object);
    if (item == object->tree)
        buf_append(out, object->text);
    else
        json_format(item, JSON_FORMAT_COMPACT, out);
    json_decref(item);
}

/* As text: the items' encodings are there already. */
static void page_answer_text(struct apiserver_call *call, const struct list_page *page)
{
    json_t *tree_of_metadata = page_metadata(page);
    char *metadata = json_format_str(tree_of_metadata, JSON_FORMAT_COMPACT);
    const char *head = arena_printf(&call->arena, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",",
                                    call->kind->kind, call->kind->api_version);
    struct buf *out = &call->text;

    buf_printf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":%s,\"items\":[",
               call->kind->list_kind, call->kind->api_version, metadata);
    mem_free(metadata);
    json_decref(tree_of_metadata);
    for (size_t i = 0; i < page->found.count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        item_append(call->kind, page->found.items[i], head, out);
    }
    buf_append_str(out, "]}\n");
}

static void page_answer_tree(struct apiserver_call *call, const struct list_page *page)
{
    bool partial = call->accept == KUBE_ACCEPT_PARTIAL;
    json_t *items;

    if (call->accept == KUBE_ACCEPT_TABLE) {
        call->result = apiserver_read_table_new(call->kind, true);
    } else {
        call->result =
            json_pack("{s:s, s:s, s:{}, s:[]}", "kind",
                      partial ? "PartialObjectMetadataList" : call->kind->list_kind, "apiVersion",
                      partial ? "meta.k8s.io/v1" : call->kind->api_version, "metadata", "items");
    }
    json_object_set_new(call->result, "metadata", page_metadata(page));
    items = json_object_get(call->result, "items");
    for (size_t i = 0; i < page->found.count; i++) {
        json_t *tree = apiserver_read_present(call->kind, page->found.items[i]);

        if (call->accept == KUBE_ACCEPT_TABLE)
            apiserver_read_table_add(call, call->result, tree);
        else if (partial)
            json_array_append_new(items, table_partial_new(tree));
        else
            json_array_append_new(items, apiserver_read_item(call->kind, page->found.items[i]));
        json_decref(tree);
    }
}

static int list_run(struct apiserver_call *call, struct list_page *page)
{
    struct slice limit = apiserver_call_query(call, "limit");
    struct slice token = apiserver_call_query(call, "continue");
    struct store_bucket *bucket = call->kind->bucket;
    int rc = apiserver_read_filter(call, &page->filter);

    if (rc == 0 && token.len == 0)
        rc = check_revision(call);
    if (rc != 0)
        return rc;
    if (limit.len > 0 && slice_parse_u64(limit, INT64_MAX, &page->limit) != 0)
        return apiserver_fail(call, 400, "BadRequest",
                              "strconv.ParseInt: parsing \"%.*s\": invalid syntax",
                              SLICE_ARG(limit));
    page->to = store_bucket_count(bucket);
    if (call->ns[0]) { /* "x\1" is the first text behind every name of namespace x */
        const char *behind = arena_printf(&call->arena, "%s\001", call->ns);

        page->from = store_bucket_lower_bound(bucket, call->ns, "");
        page->to = store_bucket_lower_bound(bucket, behind, "");
    }
    if (token.len > 0)
        rc = page_token_parse(call, token, page);
    if (rc != 0)
        return rc;
    page_fill(call, page);
    if (call->accept == KUBE_ACCEPT_JSON)
        page_answer_text(call, page);
    else
        page_answer_tree(call, page);
    return 0;
}

void apiserver_read_list(struct apiserver_call *call)
{
    struct list_page page = {.token = "", .revision = store_revision(call->server->store)};

    (void)list_run(call, &page); /* a failure is in the answer */
    VEC_DEINIT(&page.found);
    apiserver_call_finish(call);
}
