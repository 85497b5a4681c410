/* SPDX-License-Identifier: Apache-2.0 */
/* get and list: from the store to an object, a list, or a Table. See apiserver_int.h.
 *
 * A list's pages follow the order of (namespace, name); the continue token is base64url of
 * "revision/namespace/name" of the next object. Pages read the current state (the real server's
 * read one snapshot): an object made meanwhile before the token's place is not seen, none is twice.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "api/table.h"
#include "sandbox/apiserver_int.h"
#include "wire/base64.h"

#include <stdio.h>

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

json_t *apiserver_read_partial(const json_t *object)
{
    return json_pack("{s:s, s:s, s:O}", "kind", "PartialObjectMetadata", "apiVersion",
                     "meta.k8s.io/v1", "metadata", json_object_get(object, "metadata"));
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
    return json_pack("{s:s, s:s, s:{}, s:o, s:[]}", "kind", "Table", "apiVersion", "meta.k8s.io/v1",
                     "metadata", "columnDefinitions",
                     header ? table_columns_new(kind->api, printer_columns(kind)) : json_null(),
                     "rows");
}

void apiserver_read_table_add(struct apiserver_call *call, json_t *table, const json_t *object)
{
    struct slice include = apiserver_call_query(call, "includeObject");
    json_t *row = json_object();

    json_object_set_new(
        row, "cells",
        table_cells_new(call->kind->api, printer_columns(call->kind), object, clock_realtime_ms()));
    if (slice_eq_str(include, "Object"))
        json_object_set(row, "object", (json_t *)object);
    else
        json_object_set_new(row, "object",
                            slice_eq_str(include, "None") ? json_null()
                                                          : apiserver_read_partial(object));
    json_array_append_new(json_object_get(table, "rows"), row);
}

/* --- selectors --- */

/* Field labels that the real server knows, beside metadata.name and metadata.namespace. */
static const struct field_row {
    const char *plural, *field;
} field_rows[] = {
    {"pods", "spec.nodeName"},
    {"pods", "spec.restartPolicy"},
    {"pods", "spec.schedulerName"},
    {"pods", "spec.serviceAccountName"},
    {"pods", "spec.hostNetwork"},
    {"pods", "status.phase"},
    {"pods", "status.podIP"},
    {"pods", "status.nominatedNodeName"},
    {"services", "spec.clusterIP"},
    {"services", "spec.type"},
    {"nodes", "spec.unschedulable"},
    {"events", "involvedObject.kind"},
    {"events", "involvedObject.namespace"},
    {"events", "involvedObject.name"},
    {"events", "involvedObject.uid"},
    {"events", "involvedObject.apiVersion"},
    {"events", "involvedObject.resourceVersion"},
    {"events", "involvedObject.fieldPath"},
    {"events", "reason"},
    {"events", "reportingComponent"},
    {"events", "source"},
    {"events", "type"},
    {"secrets", "type"},
    {"namespaces", "status.phase"},
    {"replicasets", "status.replicas"},
};

/* *ret_others: the kind has field labels beside those of every kind. */
static bool field_is_known(const struct kind *kind, const char *field, bool *ret_others)
{
    *ret_others = false;
    if (strcmp(field, "metadata.name") == 0 || strcmp(field, "metadata.namespace") == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(field_rows); i++) {
        if (strcmp(field_rows[i].plural, kind->plural) != 0)
            continue;
        *ret_others = true;
        if (strcmp(field_rows[i].field, field) == 0)
            return true;
    }
    return false;
}

/* A watch or a deletecollection of one name is a field selector more. */
static void fields_add_name(struct apiserver_call *call, struct kube_selector *fields)
{
    struct kube_selector_term *terms;

    if (call->name[0] == '\0')
        return;
    terms = ARENA_ARRAY(&call->arena, struct kube_selector_term, fields->term_count + 1);
    if (fields->term_count > 0)
        memcpy(terms, fields->terms, fields->term_count * sizeof *terms);
    terms[fields->term_count] = (struct kube_selector_term){
        .key = "metadata.name",
        .op = KUBE_SELECTOR_IN,
        .values = ARENA_ARRAY(&call->arena, const char *, 1),
        .value_count = 1,
    };
    terms[fields->term_count].values[0] = call->name;
    fields->terms = terms;
    fields->term_count++;
}

int apiserver_read_selectors(struct apiserver_call *call, struct kube_selector *ret_labels,
                             struct kube_selector *ret_fields)
{
    struct error err = {0};

    if (kube_selector_parse(apiserver_call_query(call, "labelSelector"), &call->arena, ret_labels,
                            &err) != 0 ||
        kube_selector_parse_fields(apiserver_call_query(call, "fieldSelector"), &call->arena,
                                   ret_fields, &err) != 0)
        return apiserver_fail(call, 400, "BadRequest", "%s", err.reason);
    for (size_t i = 0; i < ret_fields->term_count; i++) {
        const char *field = ret_fields->terms[i].key;
        bool others;

        if (field_is_known(call->kind, field, &others))
            continue;
        if (others)
            return apiserver_fail(call, 400, "BadRequest", "field label not supported: %s", field);
        return apiserver_fail(call, 400, "BadRequest",
                              "\"%s\" is not a known field selector: only \"metadata.name\", "
                              "\"metadata.namespace\"",
                              field);
    }
    fields_add_name(call, ret_fields);
    return 0;
}

/* --- lists --- */

struct list_page {
    struct kube_selector labels, fields;
    size_t from, to;   /* indexes in the bucket */
    uint64_t limit;    /* 0: none */
    uint64_t revision; /* of the first page */
    size_t remaining;  /* objects behind this page */
    const char *token; /* of the next page; "" */
    VEC(struct store_object *) found;
};

static int fail_token(struct apiserver_call *call)
{
    return apiserver_fail(call, 400, "BadRequest",
                          "invalid continue token: continue key is not valid");
}

static int page_token_parse(struct apiserver_call *call, struct slice token, struct list_page *page)
{
    struct buf text;
    struct slice rest;
    struct slice revision, ns, name;
    int rc = 0;

    buf_init(&text, 4096);
    if (base64_decode(token, &text) != 0) {
        buf_deinit(&text);
        return fail_token(call);
    }
    rest = arena_slice_dup(&call->arena, buf_slice(&text));
    buf_deinit(&text);
    if (!slice_split_next(&rest, '/', &revision) || !slice_split_next(&rest, '/', &ns) ||
        !slice_split_next(&rest, '/', &name) ||
        slice_parse_u64(revision, UINT64_MAX, &page->revision) != 0)
        rc = fail_token(call);
    else
        page->from = store_bucket_lower_bound(call->kind->bucket, arena_slice_str(&call->arena, ns),
                                              arena_slice_str(&call->arena, name));
    return rc;
}

static const char *page_token_new(struct apiserver_call *call, const struct list_page *page,
                                  const struct store_object *next)
{
    struct buf token;
    const char *text = arena_printf(&call->arena, "%llu/%s/%s", (unsigned long long)page->revision,
                                    next->ns, next->name);

    buf_init(&token, 4096);
    base64_url_encode(slice_str(text), &token);
    text = arena_slice_str(&call->arena, buf_slice(&token));
    buf_deinit(&token);
    return text;
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

static bool page_wants(const struct list_page *page, const struct store_object *object)
{
    return kube_selector_match(&page->labels, json_path_get(object->tree, "metadata.labels")) &&
           kube_selector_match_fields(&page->fields, object->tree);
}

static void page_fill(struct apiserver_call *call, struct list_page *page)
{
    const struct store_bucket *bucket = call->kind->bucket;
    size_t i;

    for (i = page->from; i < page->to; i++) {
        struct store_object *object = store_bucket_at(bucket, i);

        if (!page_wants(page, object))
            continue;
        if (page->limit != 0 && page->found.count == page->limit) {
            page->token = page_token_new(call, page, object);
            page->remaining = page->to - i;
            return;
        }
        VEC_PUSH(&page->found, object);
    }
}

static json_t *page_metadata(const struct list_page *page)
{
    char revision[24];
    json_t *metadata = json_object();
    bool selected = page->labels.term_count > 0 || page->fields.term_count > 0;

    snprintf(revision, sizeof revision, "%llu", (unsigned long long)page->revision);
    json_set_string(metadata, "resourceVersion", revision);
    if (page->token[0])
        json_set_string(metadata, "continue", page->token);
    if (page->token[0] && !selected)
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
    bool partial = call->accept == APISERVER_PARTIAL;
    json_t *items;

    if (call->accept == APISERVER_TABLE) {
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

        if (call->accept == APISERVER_TABLE)
            apiserver_read_table_add(call, call->result, tree);
        else if (partial)
            json_array_append_new(items, apiserver_read_partial(tree));
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
    int rc = apiserver_read_selectors(call, &page->labels, &page->fields);

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
    if (call->accept == APISERVER_JSON)
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
