/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf bodies built by hand, field by field, as `kubectl create` sends them. */
#include "test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "kube/objects/protobuf.h"

static void put_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_append_char(out, (char)(value | 0x80));
    buf_append_char(out, (char)value);
}

static void put_number(struct buf *out, unsigned field, uint64_t value)
{
    put_varint(out, field << 3);
    put_varint(out, value);
}

static void put_bytes(struct buf *out, unsigned field, struct slice bytes)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len);
    buf_append(out, bytes);
}

static void put_text(struct buf *out, unsigned field, const char *text)
{
    put_bytes(out, field, slice_str(text));
}

/* Appends `inner` as a field and empties it. */
static void put_message(struct buf *out, unsigned field, struct buf *inner)
{
    put_bytes(out, field, buf_slice(inner));
    buf_deinit(inner);
    buf_init(inner, 0);
}

static void envelope(struct buf *out, const char *api_version, const char *kind, struct buf *object)
{
    struct buf meta;

    buf_init(&meta, 0);
    put_text(&meta, 1, api_version);
    put_text(&meta, 2, kind);
    buf_append(out, slice_make("k8s\0", 4));
    put_message(out, 1, &meta);
    put_message(out, 2, object);
    put_text(out, 3, "");
    put_text(out, 4, "");
    buf_deinit(&meta);
    buf_deinit(object);
}

static void assert_decodes(struct buf *body, const char *expected_text)
{
    json_t *got = NULL;
    json_t *expected = NULL;
    struct error err = {0};
    char *text;

    if (kube_protobuf_decode(buf_slice(body), &got, &err) != 0)
        fail_msg("refused: %s", err.reason);
    assert_int_equal(json_parse(slice_str(expected_text), NULL, &expected, NULL), 0);
    text = json_format_str(got, JSON_FORMAT_COMPACT);
    if (!json_equal(got, expected))
        fail_msg("got %s, expected %s", text, expected_text);
    mem_free(text);
    json_decref(got);
    json_decref(expected);
    buf_deinit(body);
}

static void service_with_ports(void **state)
{
    struct buf body, object, meta, label, spec, port, target;

    (void)state;
    buf_init(&body, 0), buf_init(&object, 0), buf_init(&meta, 0), buf_init(&label, 0);
    buf_init(&spec, 0), buf_init(&port, 0), buf_init(&target, 0);
    put_text(&meta, 1, "web");
    put_text(&meta, 2, ""); /* empty texts mean absent */
    put_text(&label, 1, "app");
    put_text(&label, 2, "web");
    put_message(&meta, 11, &label);
    put_message(&object, 1, &meta);
    put_number(&target, 1, 1);
    put_number(&target, 2, 0);
    put_text(&target, 3, "http");
    put_text(&port, 1, "http");
    put_number(&port, 3, 80);
    put_message(&port, 4, &target);
    put_number(&port, 5, 0);
    put_message(&spec, 1, &port);
    put_number(&spec, 999, 7); /* unknown: dropped */
    put_message(&object, 2, &spec);
    envelope(&body, "v1", "Service", &object);
    assert_decodes(&body,
                   "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web\","
                   "\"labels\":{\"app\":\"web\"}},\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":"
                   "80,\"targetPort\":\"http\"}]}}");
}

static void secret_bytes_are_base64(void **state)
{
    struct buf body, object, entry;

    (void)state;
    buf_init(&body, 0), buf_init(&object, 0), buf_init(&entry, 0);
    put_text(&entry, 1, "key");
    put_bytes(&entry, 2, slice_make("\0\xff", 2));
    put_message(&object, 2, &entry);
    put_text(&object, 3, "Opaque");
    envelope(&body, "v1", "Secret", &object);
    assert_decodes(&body, "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"data\":{\"key\":\"AP8=\"},"
                          "\"type\":\"Opaque\"}");
}

static void deployment_keeps_zero_replicas(void **state)
{
    struct buf body, object, spec;

    (void)state;
    buf_init(&body, 0), buf_init(&object, 0), buf_init(&spec, 0);
    put_number(&spec, 1, 0); /* a pointer: zero is a value */
    put_number(&spec, 5, 0); /* minReadySeconds: zero means absent */
    put_message(&object, 2, &spec);
    envelope(&body, "apps/v1", "Deployment", &object);
    assert_decodes(&body, "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/v1\",\"spec\":{"
                          "\"replicas\":0}}");
}

static void malformed_bodies_are_refused(void **state)
{
    static const struct slice bodies[] = {
        SLICE(""),
        SLICE("k8s"),
        SLICE("json"),
        SLICE("k8s\0"),
        SLICE("k8s\0\x0a\x04\x12\x02"
              "Po"),
        SLICE("k8s\0\x0a\x05\x12\x03"
              "Pod\x12\x7f"),
        SLICE("k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x02\x0a\x7f"),
        SLICE("k8s\0\x0a\x0d\x0a\x02v1\x12\x07Unknown\x12\x00"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        json_t *object = NULL;
        struct error err = {0};

        if (kube_protobuf_decode(bodies[i], &object, &err) == 0)
            fail_msg("body %zu should be refused", i);
        assert_true(err.reason[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_with_ports),
        cmocka_unit_test(secret_bytes_are_base64),
        cmocka_unit_test(deployment_keeps_zero_replicas),
        cmocka_unit_test(malformed_bodies_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
