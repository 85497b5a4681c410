/* SPDX-License-Identifier: Apache-2.0 */
/* See virtual_service_rules.h. Rules are tried in order, so one behind a rule without matches, or
 * with matches that were all used before, is dead; so is a match on a prefix that an earlier one
 * covers.
 */
#include "analyze/virtual_service_rules.h"

#include "base/mem.h"
#include "wire/json.h"

/* A match on a prefix of the path. */
struct prefix_match {
    const char *rule;  /* "route \"name\"" or "#1", as it is told */
    const char *match; /* "#0" or its name */
    const char *prefix;
    const json_t *json;
};
typedef VEC(struct prefix_match) prefix_match_vec;

struct walk {
    struct analysis *analysis;
    const struct analyze_object *object;
    const char *section;   /* "http", "tcp", "tls" */
    struct map seen;       /* text of a match -> name of the rule that has it */
    bool catch_all_before; /* a rule without matches was met */
    prefix_match_vec prefixes;
};

static const char *name_text(struct analysis *analysis, const json_t *named, size_t index)
{
    const char *name = json_path_string_or(named, "name", "");

    return name[0] ? ANALYSIS_TEXT(analysis, "\"%s\"", name)
                   : ANALYSIS_TEXT(analysis, "#%zu", index);
}

/* Equal for matches that mean the same: keys sorted, without the match's own name. */
static const char *match_text(struct analysis *analysis, const json_t *match)
{
    SCOPED(json_drop) json_t *copy = json_copy((json_t *)match);
    SCOPED(mem_drop) char *text = NULL;

    (void)json_object_del(copy, "name");
    text = json_format_str(copy, JSON_FORMAT_SORTED);
    return arena_strdup(&analysis->arena, text);
}

static void unreachable_report(struct walk *walk, size_t rule, const char *name, const char *reason)
{
    analysis_report(walk->analysis, ANALYZE_UNREACHABLE_RULE, walk->object,
                    ANALYSIS_TEXT(walk->analysis, "spec.%s[%zu]", walk->section, rule), name,
                    reason, NULL);
}

/* Whether an earlier rule has the very match; remembers it if not. */
static bool match_is_used(struct walk *walk, const char *rule, const json_t *match, size_t index)
{
    const char *text = match_text(walk->analysis, match);
    const char *first = map_get_str(&walk->seen, text);

    if (!first) {
        (void)map_put(&walk->seen, slice_str(text), (void *)rule, NULL);
        return false;
    }
    analysis_report(walk->analysis, ANALYZE_INEFFECTIVE_MATCH, walk->object, NULL, rule,
                    name_text(walk->analysis, match, index), first, NULL);
    return true;
}

static void rule_check(struct walk *walk, const json_t *rule, size_t index)
{
    const json_t *matches = json_object_get(rule, "match");
    const char *name = name_text(walk->analysis, rule, index);
    size_t used_count = 0;
    size_t i;
    json_t *match;

    if (json_array_size(matches) == 0) {
        if (walk->catch_all_before)
            unreachable_report(walk, index, name, "only the last rule can have no matches");
        walk->catch_all_before = true;
        return;
    }
    json_array_foreach(matches, i, match)
    {
        struct prefix_match found = {name, NULL, json_path_string(match, "uri.prefix"), match};

        if (walk->catch_all_before) {
            unreachable_report(walk, index, name, "route without matches defined before");
        } else if (match_is_used(walk, name, match, i)) {
            used_count++;
        } else if (found.prefix && found.prefix[0]) {
            found.match = name_text(walk->analysis, match, i);
            VEC_PUSH(&walk->prefixes, found);
        }
    }
    if (used_count == json_array_size(matches))
        unreachable_report(walk, index, name, "all matches used by prior rules");
}

/* ---- prefixes ---- */

/* How a value is matched: exactly or by prefix; other ways ask for nothing here. */
struct string_match {
    bool is_exact;
    const char *value; /* "": any */
};

static struct string_match string_match_get(const json_t *match)
{
    const char *exact = json_path_string_or(match, "exact", "");

    if (exact[0])
        return (struct string_match){true, exact};
    return (struct string_match){false, json_path_string_or(match, "prefix", "")};
}

/* Whether what the later match asks of a value is no more than what the earlier one asks. */
static bool string_is_covered(struct string_match earlier, struct string_match later)
{
    return !later.value[0] || (earlier.value[0] && earlier.is_exact == later.is_exact &&
                               slice_starts_with(slice_str(earlier.value), slice_str(later.value)));
}

static bool value_is_covered(const json_t *earlier, const json_t *later)
{
    return string_is_covered(string_match_get(earlier), string_match_get(later));
}

static bool values_are_covered(const json_t *earlier, const json_t *later, const char *key)
{
    const json_t *a = json_object_get(earlier, key);
    const json_t *b = json_object_get(later, key);
    const char *name;
    json_t *value;

    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)a, name, value)
    {
        const json_t *other = json_object_get(b, name);

        if (!other || !value_is_covered(value, other))
            return false;
    }
    return true;
}

/* A match that names no method stands for GET. */
static bool method_is_covered(const json_t *earlier, const json_t *later)
{
    static const struct string_match get = {true, "GET"};
    struct string_match a = string_match_get(json_object_get(earlier, "method"));
    struct string_match b = string_match_get(json_object_get(later, "method"));

    return string_is_covered(a.value[0] ? a : get, b.value[0] ? b : get);
}

static bool match_is_covered(const struct prefix_match *earlier, const struct prefix_match *later)
{
    const json_t *a = earlier->json;
    const json_t *b = later->json;

    return strcmp(earlier->prefix, later->prefix) != 0 &&
           slice_starts_with(slice_str(later->prefix), slice_str(earlier->prefix)) &&
           json_get_int(a, "port", 0) == json_get_int(b, "port", 0) && method_is_covered(a, b) &&
           value_is_covered(json_object_get(a, "authority"), json_object_get(b, "authority")) &&
           values_are_covered(a, b, "headers") && values_are_covered(a, b, "queryParams") &&
           values_are_covered(a, b, "withoutHeaders");
}

static void prefixes_check(struct walk *walk)
{
    struct analysis *analysis = walk->analysis;

    for (size_t i = 0; i < walk->prefixes.count; i++) {
        for (size_t k = i + 1; k < walk->prefixes.count && !analysis_is_full(analysis); k++) {
            const struct prefix_match *a = &walk->prefixes.items[i];
            const struct prefix_match *b = &walk->prefixes.items[k];

            if (match_is_covered(a, b))
                analysis_report(
                    analysis, ANALYZE_INEFFECTIVE_MATCH, walk->object, NULL, b->rule,
                    ANALYSIS_TEXT(analysis, "%s of prefix %s", b->match, b->prefix),
                    ANALYSIS_TEXT(analysis, "%s of prefix %s on %s", a->match, a->prefix, a->rule),
                    NULL);
        }
    }
}

void virtual_service_rules_check(struct analysis *analysis, const struct analyze_object *object)
{
    static const char *const sections[] = {"http", "tcp", "tls"};

    for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
        struct walk walk = {.analysis = analysis, .object = object, .section = sections[s]};
        size_t i;
        json_t *rule;

        map_init(&walk.seen, 0);
        json_array_foreach(json_object_get(object->spec, sections[s]), i, rule)
        {
            rule_check(&walk, rule, i);
        }
        prefixes_check(&walk);
        VEC_DEINIT(&walk.prefixes);
        map_deinit(&walk.seen);
    }
}
