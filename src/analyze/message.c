/* SPDX-License-Identifier: Apache-2.0 */
/* The message table, and messages as text, JSON and YAML.
 */
#include "analyze/message.h"

#include "wire/json.h"
#include "wire/yaml.h"

#include <strings.h>

#define DOCUMENTATION_URL "https://istio.io/v1.31/docs/reference/config/analysis/"

static const struct {
    const char *code;
    size_t argument_count;
    const char *text;
} templates[] = {
#define ANALYZE_MESSAGE_TEMPLATE(name, code, level, arguments, text) {code, arguments, text},
    ANALYZE_MESSAGE_MAP(ANALYZE_MESSAGE_TEMPLATE)
#undef ANALYZE_MESSAGE_TEMPLATE
};

static const char *const level_names[] = {
    [ANALYZE_INFO] = "Info", [ANALYZE_WARNING] = "Warning", [ANALYZE_ERROR] = "Error"};

const char *analyze_level_name(enum analyze_level level)
{
    return level_names[level];
}

int analyze_level_parse(const char *text)
{
    for (int i = 0; i < ANALYZE_LEVEL_COUNT; i++)
        if (strcasecmp(level_names[i], text) == 0)
            return i;
    return -1;
}

bool analyze_code_is_known(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(templates); i++)
        if (strcmp(templates[i].code, code) == 0)
            return true;
    return false;
}

const char *analyze_message_template(enum analyze_message_id id)
{
    return templates[id].text;
}

size_t analyze_message_argument_count(enum analyze_message_id id)
{
    return templates[id].argument_count;
}

static void log_format(const struct analyze_message *message, bool color, struct buf *out)
{
    static const char *const starts[] = {
        [ANALYZE_INFO] = "", [ANALYZE_WARNING] = "\033[33m", [ANALYZE_ERROR] = "\033[1;31m"};
    bool has_reference = message->reference[0] != '\0';

    (void)buf_printf(out, "%s%s%s [%s] (%s%s%s) %s", color ? starts[message->level] : "",
                     level_names[message->level], color ? "\033[0m" : "", message->code,
                     message->origin, has_reference ? " " : "", message->reference, message->text);
}

static json_t *message_tree(const struct analyze_message *message)
{
    json_t *tree = json_object();
    char url[128] = DOCUMENTATION_URL "ist";
    size_t len = strlen(url);
    size_t digits = strlen(message->code) - 3;

    memcpy(url + len, message->code + 3, digits);
    memcpy(url + len + digits, "/?ref=istioctl-analyze", sizeof "/?ref=istioctl-analyze");
    (void)json_set_string(tree, "code", message->code);
    (void)json_set_string(tree, "documentationUrl", url);
    (void)json_set_string(tree, "level", level_names[message->level]);
    (void)json_set_string(tree, "message", message->text);
    (void)json_set_string(tree, "origin", message->origin);
    if (message->reference[0])
        (void)json_set_string(tree, "reference", message->reference);
    return tree;
}

/* As Go prints it: a tab a level. */
static void json_list_format(const json_t *list, struct buf *out)
{
    size_t i;
    json_t *item;

    (void)buf_append_str(out, "[");
    json_array_foreach(list, i, item)
    {
        const char *key;
        json_t *value;
        const char *separator = "\n\t{\n";

        (void)buf_append_str(out, i ? "," : "");
        json_object_foreach(item, key, value)
        {
            SCOPED(json_drop) json_t *name = json_string(key);

            (void)buf_printf(out, "%s\t\t", separator);
            (void)json_format(name, JSON_FORMAT_COMPACT, out);
            (void)buf_append_str(out, ": ");
            (void)json_format(value, JSON_FORMAT_COMPACT, out);
            separator = ",\n";
        }
        (void)buf_append_str(out, "\n\t}");
    }
    (void)buf_append_str(out, json_array_size(list) ? "\n]" : "]");
}

size_t analyze_messages_format(const struct analyze_message *messages, size_t count,
                               enum analyze_level level_min, enum analyze_format format, bool color,
                               struct buf *out)
{
    SCOPED(json_drop) json_t *list = json_array();
    size_t shown = 0;

    for (size_t i = 0; i < count; i++) {
        if (messages[i].level < level_min)
            continue;
        if (format == ANALYZE_FORMAT_LOG) {
            (void)buf_append_str(out, shown ? "\n" : "");
            log_format(&messages[i], color, out);
        } else {
            json_array_append_new(list, message_tree(&messages[i]));
        }
        shown++;
    }
    if (format == ANALYZE_FORMAT_JSON)
        json_list_format(list, out);
    else if (format == ANALYZE_FORMAT_YAML)
        (void)yaml_format(list, out);
    return shown;
}
