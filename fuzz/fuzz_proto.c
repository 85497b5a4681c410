/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte picks a message, the rest are its bytes. What was decoded is encoded and decoded
 * again and must give the same bytes; it is printed as JSON, and JSON that can be read is read.
 */
#include "wire/proto.h"
#include "xds/pb/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode_again(struct arena *arena, const struct proto_message *desc, const void *message)
{
    struct buf first;
    struct buf second;
    void *again;
    int rc;

    buf_init(&first, 0);
    buf_init(&second, 0);
    rc = proto_encode(desc, message, &first);
    ASSERT(rc == 0);
    rc = proto_decode(desc, buf_slice(&first), NULL, arena, &again, NULL, NULL);
    ASSERT(rc == 0);
    rc = proto_encode(desc, again, &second);
    ASSERT(rc == 0 && slice_eq(buf_slice(&first), buf_slice(&second)));
    buf_deinit(&first);
    buf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct proto_limits limits = {.depth_max = 50, .memory_max = 1 << 24};
    const struct proto_message *desc;
    struct proto_report report = {0};
    struct error err = {0};
    struct arena arena;
    void *message;
    void *again;

    if (size == 0)
        return 0;
    desc = pb_registry.messages[data[0] % pb_registry.message_count];
    arena_init(&arena, 0);
    if (proto_decode(desc, slice_make(data + 1, size - 1), &limits, &arena, &message, &report,
                     &err) == 0) {
        json_t *json = proto_to_json(desc, message, &pb_registry);

        encode_again(&arena, desc, message);
        if (proto_from_json(desc, json, &pb_registry, &arena, &again, NULL, &err) == 0)
            encode_again(&arena, desc, again);
        json_decref(json);
    }
    arena_deinit(&arena);
    return 0;
}
