/* SPDX-License-Identifier: Apache-2.0 */
/* What all compilers share: addresses, durations, matchers, header operations. See compile.h.
 */
#include "proxy/compile.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { UNSUPPORTED_MAX = 1024 };

void compile_init(struct compiler *compiler, struct stats *stats, unsigned worker_count)
{
    memset(compiler, 0, sizeof *compiler);
    compiler->stats = stats;
    compiler->worker_count = worker_count;
    names_init(&compiler->clusters);
    names_init(&compiler->routes);
    names_init(&compiler->sinks);
    map_init(&compiler->unsupported, UNSUPPORTED_MAX);
}

void compile_deinit(struct compiler *compiler)
{
    names_deinit(&compiler->clusters);
    names_deinit(&compiler->routes);
    names_deinit(&compiler->sinks);
    map_deinit(&compiler->unsupported);
}

void compile_unsupported(struct compiler *compiler, const char *feature)
{
    uintptr_t count = (uintptr_t)map_get_str(&compiler->unsupported, feature);

    if (count == 0)
        log_warn(config, "not supported, and ignored: %s", feature);
    /* Past the table's limit new names are not kept; the known ones go on counting. */
    (void)map_put(&compiler->unsupported, slice_str(feature), (void *)(count + 1), NULL);
}

int compile_address(const struct pb_address *in, struct addr *ret, struct error *err)
{
    const struct pb_socket_address *socket;

    if (in == NULL)
        return err_set(err, ERR_INVALID, "an address is missing");
    if (in->address_case == PB_ADDRESS_CASE_PIPE) {
        if (addr_parse(in->pipe->path, ret) < 0)
            return err_set_path(err, ERR_INVALID, "pipe.path", "\"%.*s\" is no socket path",
                                SLICE_ARG(in->pipe->path));
        return 0;
    }
    if (in->address_case != PB_ADDRESS_CASE_SOCKET_ADDRESS)
        return err_set(err, ERR_UNSUPPORTED, "not supported: internal addresses");
    socket = in->socket_address;
    if (socket->port_specifier_case == PB_SOCKET_ADDRESS_CASE_NAMED_PORT)
        return err_set_path(err, ERR_UNSUPPORTED, "socket_address.named_port",
                            "not supported: named ports");
    if (socket->port_value > 65535 || addr_parse_ip(socket->address, socket->port_value, ret) < 0)
        return err_set_path(err, ERR_INVALID, "socket_address", "\"%.*s\" port %u is no IP address",
                            SLICE_ARG(socket->address), socket->port_value);
    return 0;
}

uint64_t compile_ms(bool has, struct pb_duration duration, uint64_t fallback)
{
    int64_t ms;

    if (!has)
        return fallback;
    ms = pb_duration_ms(duration);
    if (ms == 0 && duration.nanos > 0)
        ms = 1; /* below a millisecond is not "none" */
    return ms < 0 ? 0 : (uint64_t)ms;
}

struct match_fraction compile_fraction(const struct pb_fractional_percent *in)
{
    struct match_fraction fraction = {0, 100};

    if (in == NULL)
        return fraction;
    fraction.numerator = in->numerator;
    if (in->denominator == PB_FRACTIONAL_PERCENT_DENOMINATOR_TYPE_TEN_THOUSAND)
        fraction.denominator = 10000;
    else if (in->denominator == PB_FRACTIONAL_PERCENT_DENOMINATOR_TYPE_MILLION)
        fraction.denominator = 1000000;
    return fraction;
}

static void drop_regex(void *object)
{
    regex_free(object);
}

int compile_regex(struct resource *resource, const struct pb_regex_matcher *in,
                  const struct regex **ret, struct error *err)
{
    struct regex *regex;
    int rc;

    if (in == NULL)
        return err_set(err, ERR_INVALID, "a regular expression is missing");
    rc = regex_new(in->regex, &regex, err);
    if (rc < 0)
        return rc;
    resource_defer(resource, drop_regex, regex);
    *ret = regex;
    return 0;
}

int compile_string_matcher(struct resource *resource, const struct pb_string_matcher *in,
                           struct match_text *ret, struct error *err)
{
    struct slice text = SLICE("");

    if (in == NULL)
        return err_set(err, ERR_INVALID, "a string matcher is missing");
    ret->ignore_case = in->ignore_case;
    switch (in->match_pattern_case) {
    case PB_STRING_MATCHER_CASE_EXACT:
        ret->kind = MATCH_EXACT;
        text = in->exact;
        break;
    case PB_STRING_MATCHER_CASE_PREFIX:
        ret->kind = MATCH_PREFIX;
        text = in->prefix;
        break;
    case PB_STRING_MATCHER_CASE_SUFFIX:
        ret->kind = MATCH_SUFFIX;
        text = in->suffix;
        break;
    case PB_STRING_MATCHER_CASE_CONTAINS:
        ret->kind = MATCH_CONTAINS;
        text = in->contains;
        break;
    case PB_STRING_MATCHER_CASE_SAFE_REGEX:
        ret->kind = MATCH_REGEX;
        return compile_regex(resource, in->safe_regex, &ret->regex, err);
    default:
        return err_set(err, ERR_INVALID, "a string matcher without a pattern");
    }
    ret->text = ret->ignore_case ? arena_slice_lower(&resource->arena, text)
                                 : arena_slice_dup(&resource->arena, text);
    return 0;
}

static void set_text(struct resource *resource, struct match_header *ret, enum match_kind kind,
                     struct slice text)
{
    ret->value.kind = kind;
    ret->value.text = arena_slice_dup(&resource->arena, text);
}

int compile_header_matcher(struct resource *resource, const struct pb_header_matcher *in,
                           struct match_header *ret, struct error *err)
{
    ret->name = arena_slice_lower(&resource->arena, in->name);
    ret->invert = in->invert_match;
    ret->missing_as_empty = in->treat_missing_header_as_empty;
    ret->present_wanted = true;
    switch (in->header_match_specifier_case) {
    case 0:
        ret->value.kind = MATCH_PRESENT;
        return 0;
    case PB_HEADER_MATCHER_CASE_PRESENT_MATCH:
        ret->value.kind = MATCH_PRESENT;
        ret->present_wanted = in->present_match;
        return 0;
    case PB_HEADER_MATCHER_CASE_EXACT_MATCH:
        set_text(resource, ret, MATCH_EXACT, in->exact_match);
        return 0;
    case PB_HEADER_MATCHER_CASE_PREFIX_MATCH:
        set_text(resource, ret, MATCH_PREFIX, in->prefix_match);
        return 0;
    case PB_HEADER_MATCHER_CASE_SUFFIX_MATCH:
        set_text(resource, ret, MATCH_SUFFIX, in->suffix_match);
        return 0;
    case PB_HEADER_MATCHER_CASE_CONTAINS_MATCH:
        set_text(resource, ret, MATCH_CONTAINS, in->contains_match);
        return 0;
    case PB_HEADER_MATCHER_CASE_SAFE_REGEX_MATCH:
        ret->value.kind = MATCH_REGEX;
        return compile_regex(resource, in->safe_regex_match, &ret->value.regex, err);
    case PB_HEADER_MATCHER_CASE_RANGE_MATCH:
        ret->value.kind = MATCH_RANGE;
        ret->value.range_start = in->range_match->start;
        ret->value.range_end = in->range_match->end;
        return 0;
    case PB_HEADER_MATCHER_CASE_STRING_MATCH:
        return compile_string_matcher(resource, in->string_match, &ret->value, err);
    default:
        return err_set(err, ERR_UNSUPPORTED, "not supported: this kind of header matcher");
    }
}

static int compile_header_op(struct resource *resource, const struct pb_header_value_option *in,
                             struct header_op *op, struct error *err)
{
    struct format *format = NULL;
    struct slice value;
    int rc;

    if (in->header == NULL || in->header->key.len == 0)
        return err_set_path(err, ERR_INVALID, "header.key", "a header without a name");
    op->name = arena_slice_lower(&resource->arena, in->header->key);
    if (op->name.data[0] == ':' || slice_eq(op->name, SLICE("host")))
        return err_set_path(err, ERR_INVALID, "header.key",
                            "\"%.*s\" may not be added: use a rewrite", SLICE_ARG(op->name));
    op->action = (enum header_op_action)in->append_action;
    if (in->has_append && !in->append && in->append_action == 0)
        op->action = HEADER_OP_OVERWRITE;
    op->keep_empty = in->keep_empty_value;
    value = in->header->value.len ? in->header->value : in->header->raw_value;
    rc = format_parse(&resource->arena, value, &format, err);
    if (rc < 0)
        return err_prefix(err, "header.value");
    op->format = format;
    op->constant = format_is_constant(format, &op->text);
    return 0;
}

int compile_header_ops(struct resource *resource, struct pb_header_value_option *const *adds,
                       size_t add_count, const struct slice *removes, size_t remove_count,
                       struct header_ops *ret, struct error *err)
{
    ret->adds = ARENA_ARRAY(&resource->arena, struct header_op, add_count + 1);
    ret->add_count = add_count;
    ret->removes = ARENA_ARRAY(&resource->arena, struct slice, remove_count + 1);
    ret->remove_count = remove_count;
    for (size_t i = 0; i < add_count; i++) {
        if (compile_header_op(resource, adds[i], &ret->adds[i], err) < 0)
            return err_prefix(err, "headers_to_add[%zu]", i);
    }
    for (size_t i = 0; i < remove_count; i++) {
        ret->removes[i] = arena_slice_lower(&resource->arena, removes[i]);
        if (removes[i].len == 0 || removes[i].data[0] == ':' ||
            slice_eq(ret->removes[i], SLICE("host")))
            return err_set_path(err, ERR_INVALID, "headers_to_remove",
                                "\"%.*s\" may not be removed", SLICE_ARG(removes[i]));
    }
    return 0;
}

int compile_err_word(struct error *err, const char *word)
{
    char path[ERR_PATH_SIZE];

    if (err == NULL)
        return ERR_INTERNAL;
    snprintf(path, sizeof path, "%s%s", word, err->path);
    memcpy(err->path, path, sizeof path);
    return err->code;
}

int compile_data_source(const struct pb_data_source *in, struct slice *ret, struct error *err)
{
    *ret = SLICE("");
    if (in == NULL || in->specifier_case == 0)
        return 0;
    if (in->specifier_case == PB_DATA_SOURCE_CASE_INLINE_STRING)
        *ret = in->inline_string;
    else if (in->specifier_case == PB_DATA_SOURCE_CASE_INLINE_BYTES)
        *ret = in->inline_bytes;
    else
        return err_set(err, ERR_UNSUPPORTED, "not supported: only inline data sources");
    return 0;
}
