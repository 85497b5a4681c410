/* SPDX-License-Identifier: Apache-2.0 */
/* The C half of test_proto.py: one request a line, one answer a line.
 *
 *   B <message name> <hex>     decode bytes; answers "<hex of encode> <JSON>"
 *   J <message name> <JSON>    read JSON; answers "<hex of encode>"
 *
 * A failure answers "ERROR <path>: <reason>".
 */
#include "base/arena.h"
#include "base/mem.h"
#include "wire/base64.h"
#include "wire/proto.h"
#include "xds/pb/registry.h"

#include <stdio.h>
#include <stdlib.h>

static void answer_error(const struct error *err)
{
    char text[ERR_PATH_SIZE + ERR_REASON_SIZE];

    printf("ERROR %s\n", err_format(err, text, sizeof text));
}

static void hex_print(const struct proto_message *desc, const void *message)
{
    SCOPED(buf_deinit) struct buf bytes = {0};
    SCOPED(buf_deinit) struct buf hex = {0};

    buf_init(&bytes, 0);
    buf_init(&hex, 0);
    if (proto_encode(desc, message, &bytes) < 0 || hex_encode(buf_slice(&bytes), &hex) < 0)
        abort();
    printf("%s", hex.data ? hex.data : "");
}

static void bytes_answer(const struct proto_message *desc, struct slice hex, struct arena *arena)
{
    SCOPED(buf_deinit) struct buf bytes = {0};
    SCOPED(json_drop) json_t *json = NULL;
    SCOPED(mem_drop) char *text = NULL;
    struct proto_report report = {0};
    struct error err = {0};
    void *message;

    buf_init(&bytes, 0);
    if (hex_decode(hex, &bytes) < 0)
        abort();
    if (proto_decode(desc, buf_slice(&bytes), NULL, arena, &message, &report, &err) < 0) {
        answer_error(&err);
        return;
    }
    if (report.unknown_count > 0) {
        printf("ERROR unknown %s\n", report.paths[0]);
        return;
    }
    hex_print(desc, message);
    json = proto_to_json(desc, message, &pb_registry);
    text = json_format_str(json, JSON_FORMAT_COMPACT);
    printf(" %s\n", text);
}

static void json_answer(const struct proto_message *desc, struct slice text, struct arena *arena)
{
    SCOPED(json_drop) json_t *json = NULL;
    struct error err = {0};
    void *message;

    if (json_parse(text, NULL, &json, &err) < 0 ||
        proto_from_json(desc, json, &pb_registry, arena, &message, NULL, &err) < 0) {
        answer_error(&err);
        return;
    }
    hex_print(desc, message);
    printf("\n");
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    while ((len = getline(&line, &size, stdin)) > 2) {
        struct slice rest = slice_trim(slice_make(line + 2, (size_t)len - 2));
        const struct proto_message *desc;
        struct arena arena;
        struct slice name;

        slice_split_next(&rest, ' ', &name);
        desc = proto_registry_find(&pb_registry, name);
        arena_init(&arena, 0);
        if (!desc)
            printf("ERROR no message %.*s\n", SLICE_ARG(name));
        else if (line[0] == 'B')
            bytes_answer(desc, rest, &arena);
        else
            json_answer(desc, rest, &arena);
        fflush(stdout);
        arena_deinit(&arena);
    }
    free(line);
    return 0;
}
