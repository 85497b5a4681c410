#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_proto.py PEER PROTOC API_DIR: random messages of every type, through weft's codec and Google's.

Bytes from Python must decode, re-encode to the same message, and print as JSON that Python reads as the same message;
JSON from Python must give the same message too.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as F

SEED = int(os.environ.get("TEST_SEED", "20261125"))
ROUNDS = int(os.environ.get("TEST_ROUNDS", "6"))
TEXTS = ["", "a", "outbound|9080|v1|reviews.default.svc.cluster.local", "é€😀", 'quote " back \\ line\n', "x" * 200]
INTS = {"i32": [0, 1, -1, 127, 128, 2**31 - 1, -2**31], "u32": [0, 1, 127, 128, 300, 2**32 - 1],
        "i64": [0, 1, -1, 2**63 - 1, -2**63, 2**53 + 1], "u64": [0, 1, 2**64 - 1, 2**63, 1 << 35]}
DOUBLES = [0.0, 1.0, -2.5, 0.1, 1e300, 1e-300, 123456789.125, float("inf"), float("-inf")]
FLOATS = [0.0, 1.0, -2.5, 0.10000000149011612, 16777216.0, 3.4028234663852886e+38]
KINDS = {F.TYPE_INT32: "i32", F.TYPE_SINT32: "i32", F.TYPE_SFIXED32: "i32", F.TYPE_UINT32: "u32",
         F.TYPE_FIXED32: "u32", F.TYPE_INT64: "i64", F.TYPE_SINT64: "i64", F.TYPE_SFIXED64: "i64",
         F.TYPE_UINT64: "u64", F.TYPE_FIXED64: "u64"}


class Maker:
    def __init__(self, pool, factory, names, rng):
        self.pool, self.factory, self.names, self.rng = pool, factory, names, rng

    def new(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))()

    def scalar(self, field):
        if field.type in KINDS:
            return self.rng.choice(INTS[KINDS[field.type]])
        if field.type == F.TYPE_STRING:
            return self.rng.choice(TEXTS)
        if field.type == F.TYPE_BYTES:
            return bytes(self.rng.randrange(256) for _ in range(self.rng.choice([0, 1, 2, 3, 150])))
        if field.type == F.TYPE_BOOL:
            return self.rng.random() < 0.5
        if field.type == F.TYPE_ENUM:
            return self.rng.choice(field.enum_type.values).number
        return self.rng.choice(DOUBLES if field.type == F.TYPE_DOUBLE else FLOATS)

    def known(self, message, depth):
        """Fills a message whose content has rules of its own; False for a plain one."""
        name = message.DESCRIPTOR.full_name
        if name == "google.protobuf.Duration":
            message.seconds = self.rng.choice([0, 1, -1, 86400, 315576000000])
            message.nanos = self.rng.choice([0, 500000000, 1000, 1]) * (-1 if message.seconds < 0 else 1)
            if abs(message.seconds) == 315576000000:
                message.nanos = 0
        elif name == "google.protobuf.Timestamp":
            message.seconds, message.nanos = self.rng.choice([0, 1764064432]), self.rng.choice([0, 5000000])
        elif name == "google.protobuf.Any":
            if depth > 0:
                inner = self.new(self.rng.choice(self.names))
                self.fill(inner, depth - 1)
                message.type_url = "type.googleapis.com/" + inner.DESCRIPTOR.full_name
                message.value = inner.SerializeToString()
            else:
                message.type_url = "type.googleapis.com/google.protobuf.Empty"
        elif name == "google.protobuf.Value":
            kind = self.rng.choice(["null", "number", "string", "bool"] + (["struct", "list"] if depth > 0 else []))
            if kind == "null":
                message.null_value = 0
            elif kind == "number":
                message.number_value = self.rng.choice([0.0, -1.5, 42.0, 1e20])
            elif kind == "string":
                message.string_value = self.rng.choice(TEXTS)
            elif kind == "bool":
                message.bool_value = self.rng.random() < 0.5
            elif kind == "struct":
                message.struct_value.SetInParent()
                for key in self.rng.sample(["a", "b", "", "é"], self.rng.randrange(3)):
                    self.fill(message.struct_value.fields[key], depth - 1)
            else:
                message.list_value.SetInParent()
                for _ in range(self.rng.randrange(3)):
                    self.fill(message.list_value.values.add(), depth - 1)
        else:
            return False
        return True

    def fill(self, message, depth):
        if self.known(message, depth):
            return
        done = set()
        fields = list(message.DESCRIPTOR.fields)
        self.rng.shuffle(fields)
        for field in fields:
            if self.rng.random() < 0.4 or (field.containing_oneof and field.containing_oneof.name in done):
                continue
            if field.type == F.TYPE_MESSAGE and depth == 0 and \
                    not field.message_type.full_name.startswith("google.protobuf."):
                continue
            if field.containing_oneof:
                done.add(field.containing_oneof.name)
            self.fill_field(message, field, depth)

    def fill_field(self, message, field, depth):
        value = getattr(message, field.name) if field.type == F.TYPE_MESSAGE or field.label == F.LABEL_REPEATED else None
        if field.label != F.LABEL_REPEATED:
            if field.type == F.TYPE_MESSAGE:
                value.SetInParent()
                self.fill(value, max(0, depth - 1))
            else:
                setattr(message, field.name, self.scalar(field))
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            key, entry = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
            for _ in range(self.rng.randrange(4)):
                k = self.scalar(key)
                if entry.type == F.TYPE_MESSAGE:
                    value[k].SetInParent()
                    self.fill(value[k], max(0, depth - 1))
                else:
                    value[k] = self.scalar(entry)
        else:
            for _ in range(self.rng.choice([0, 1, 2, 5])):
                if field.type == F.TYPE_MESSAGE:
                    self.fill(value.add(), max(0, depth - 1))
                else:
                    value.append(self.scalar(field))


def load(protoc, api):
    files = [os.path.join(api, "xds", f) for f in sorted(os.listdir(os.path.join(api, "xds")))]
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([protoc, "-I" + api, "--include_imports", "--descriptor_set_out=" + out.name] + files,
                       check=True)
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    names = []

    def walk(prefix, message):
        if not message.options.map_entry:
            names.append(prefix + "." + message.name)
        for nested in message.nested_type:
            walk(prefix + "." + message.name, nested)

    for file in descriptors.file:
        pool.Add(file)
        if not file.name.startswith("google/protobuf/"):
            for message in file.message_type:
                walk(file.package, message)
    empty = descriptor_pb2.FileDescriptorProto(name="google/protobuf/empty.proto", package="google.protobuf",
                                               syntax="proto3")
    empty.message_type.add(name="Empty")
    pool.Add(empty)
    return pool, names


def main():
    peer_path, protoc, api = sys.argv[1:]
    pool, names = load(protoc, api)
    factory = message_factory.MessageFactory(pool)
    rng = random.Random(SEED)
    maker = Maker(pool, factory, names, rng)
    peer = subprocess.Popen([peer_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    failures = 0

    def ask(request):
        peer.stdin.write(request + "\n")
        peer.stdin.flush()
        return peer.stdout.readline().rstrip("\n")

    def fail(name, what, detail):
        nonlocal failures
        failures += 1
        if failures <= 10:
            print(f"FAIL {name}: {what}: {detail}"[:1500])

    def same(name, what, answer, expected):
        if answer.startswith("ERROR"):
            return fail(name, what, answer)
        got = maker.new(name)
        try:
            got.ParseFromString(bytes.fromhex(answer))
        except Exception as error:
            return fail(name, what, f"{error}: {answer}")
        if got != expected and got.SerializeToString(deterministic=True) != \
                expected.SerializeToString(deterministic=True):
            fail(name, what, f"got {got}\nexpected {expected}")

    count = 0
    for _ in range(ROUNDS):
        for name in names:
            message = maker.new(name)
            maker.fill(message, rng.choice([1, 2, 3, 5]))
            count += 1
            answer = ask(f"B {name} {message.SerializeToString().hex()}")
            binary, _, text = answer.partition(" ")
            if answer.startswith("ERROR"):
                fail(name, "bytes in", answer)
                continue
            same(name, "bytes out", binary, message)
            try:
                parsed = json_format.Parse(text, maker.new(name), descriptor_pool=pool)
                if parsed.SerializeToString(deterministic=True) != message.SerializeToString(deterministic=True) \
                        and parsed != message:
                    fail(name, "JSON out", f"{text}\nexpected {message}")
            except json_format.ParseError as error:
                fail(name, "JSON out", f"{error}: {text}")
            for original in (False, True):
                text = json_format.MessageToJson(message, descriptor_pool=pool, indent=None,
                                                 preserving_proto_field_name=original)
                text = json.dumps(json.loads(text), ensure_ascii=rng.random() < 0.5)
                same(name, "JSON in", ask(f"J {name} {text}"), message)
    peer.stdin.close()
    status = peer.wait(timeout=20)
    print(f"{count} messages of {len(names)} types, seed {SEED}: {failures} failures, peer exit {status}")
    sys.exit(1 if failures or status else 0)


main()
