#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""gen_proto.py --protoc PROTOC --root DIR --include PREFIX --registry NAME --out DIR FILE.proto...

Makes C from .proto files, at build time: for each file a header of plain structs and a source of tables for
wire/proto.h (the shape is described there), and NAME.h/NAME.c with a registry of all messages. The .proto files live
below DIR; generated headers are included as PREFIX/file.h.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from google.protobuf import descriptor_pb2 as pb

# Messages whose last name alone is ambiguous or too long: full name -> C name without pb_.
NAMES = {
    "envoy.config.cluster.v3.Filter": "cluster_filter",
    "envoy.config.core.v3.RetryPolicy": "core_retry_policy",
    "envoy.config.route.v3.FilterConfig": "route_filter_config",
    "envoy.config.route.v3.Tracing": "route_tracing",
    "envoy.config.route.v3.CorsPolicy": "route_cors_policy",
    "envoy.config.core.v3.Metadata": "metadata",
    "envoy.config.accesslog.v3.AccessLog": "access_log",
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig": "grpc_stats_config",
    "envoy.extensions.filters.http.rbac.v3.RBAC": "http_rbac",
    "envoy.extensions.filters.http.rbac.v3.RBACPerRoute": "http_rbac_per_route",
    "envoy.extensions.filters.network.rbac.v3.RBAC": "network_rbac",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager": "hcm",
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": "cluster_http_options",
    "envoy.service.discovery.v3.Resource": "discovery_resource",
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig": "istio_alpn_config",
    "io.istio.http.peer_metadata.Config": "peer_metadata_config",
    "stats.PluginConfig": "istio_stats_config",
    "stats.MetricConfig": "istio_metric_config",
    "stats.MetricDefinition": "istio_metric_definition",
    "stats.MetricType": "istio_metric_type",
    "stats.Reporter": "istio_stats_reporter",
    "xds.type.v3.TypedStruct": "xds_typed_struct",
    "udpa.type.v1.TypedStruct": "udpa_typed_struct",
}
KNOWN = {"Any": "any", "Duration": "duration", "Timestamp": "timestamp", "Struct": "struct", "Value": "value",
         "ListValue": "list_value", "Empty": "empty"}
WRAPPED = {"DoubleValue": 1, "FloatValue": 2, "Int64Value": 3, "UInt64Value": 4, "Int32Value": 5, "UInt32Value": 13,
           "BoolValue": 8, "StringValue": 9, "BytesValue": 12}
C_TYPES = {1: "double", 2: "float", 3: "int64_t", 4: "uint64_t", 5: "int32_t", 6: "uint64_t", 7: "uint32_t",
           8: "bool", 9: "struct slice", 12: "struct slice", 13: "uint32_t", 14: "int32_t", 15: "int32_t",
           16: "int64_t", 17: "int32_t", 18: "int64_t"}
TYPE_NAMES = {1: "DOUBLE", 2: "FLOAT", 3: "INT64", 4: "UINT64", 5: "INT32", 6: "FIXED64", 7: "FIXED32", 8: "BOOL",
              9: "STRING", 11: "MESSAGE", 12: "BYTES", 13: "UINT32", 14: "ENUM", 15: "SFIXED32", 16: "SFIXED64",
              17: "SINT32", 18: "SINT64"}
PACKABLE = set(TYPE_NAMES) - {9, 11, 12}
KEYWORDS = set("auto break case char const continue default do double else enum extern float for goto if inline int "
               "long register restrict return short signed sizeof static struct switch typedef union unsigned void "
               "volatile while bool true false".split())


def snake(name):
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def ident(name):
    return name + "_" if name in KEYWORDS else name


class World:
    """Every message and enum of the given files by full name."""

    def __init__(self, files):
        self.messages, self.enums, self.c_names, self.homes = {}, {}, {}, {}
        for file in files:
            for message in file.message_type:
                self.add(file, file.package + "." + message.name, message, "")
            for enum in file.enum_type:
                self.add_enum(file, file.package + "." + enum.name, enum, "")
        taken = {}
        for full, c_name in self.c_names.items():
            if c_name in taken:
                sys.exit(f"gen_proto: {full} and {taken[c_name]} are both pb_{c_name}: add one to NAMES")
            taken[c_name] = full

    def c_name(self, full, name, parent):
        return NAMES.get(full) or (parent + "_" if parent else "") + snake(name)

    def add(self, file, full, message, parent):
        c_name = self.c_name(full, message.name, parent)
        self.messages[full], self.c_names[full], self.homes[full] = message, c_name, file.name
        for nested in message.nested_type:
            self.add(file, full + "." + nested.name, nested, c_name)
        for enum in message.enum_type:
            self.add_enum(file, full + "." + enum.name, enum, c_name)

    def add_enum(self, file, full, enum, parent):
        self.enums[full], self.homes[full] = enum, file.name
        self.c_names[full] = self.c_name(full, enum.name, parent)

    def message_name(self, type_name):
        """The C name (without pb_) of a message type, known or ours."""
        full = type_name.lstrip(".")
        if full.startswith("google.protobuf.") and full not in self.messages:
            short = full.rsplit(".", 1)[1]
            if short not in KNOWN:
                sys.exit(f"gen_proto: {full} has no C struct")
            return KNOWN[short]
        return self.c_names[full]


class Field:
    """One field: its declaration in C and its row in the table."""

    def __init__(self, world, owner_c, owner, field):
        self.field, self.name, self.flags = field, ident(field.name), []
        self.type, self.sub = field.type, None
        if field.type == 10:
            sys.exit(f"gen_proto: {owner.name}.{field.name}: groups are not supported")
        repeated = field.label == 3
        oneof = field.HasField("oneof_index") and not field.proto3_optional
        self.oneof = ident(owner.oneof_decl[field.oneof_index].name) if oneof else None
        short = field.type_name.rsplit(".", 1)[1] if field.type_name.startswith(".google.protobuf.") else None
        has = field.proto3_optional
        if field.type == 11 and short in WRAPPED:
            if repeated:
                sys.exit(f"gen_proto: {owner.name}.{field.name}: repeated wrappers are not supported")
            self.type, has = WRAPPED[short], True
            self.flags.append("WRAPPER")
            self.c = C_TYPES[self.type] + " "
        elif field.type == 11:
            name = world.message_name(field.type_name)
            self.sub = f".message = &pb_{name}_desc"
            self.c = f"struct pb_{name} *"
            if short in ("Duration", "Timestamp") and not repeated:
                self.c, has = f"struct pb_{name} ", True
                self.flags.append("INLINE")
            target = world.messages.get(field.type_name[1:])
            if target is not None and target.options.map_entry:
                self.flags.append("MAP")
        else:
            self.c = C_TYPES[field.type] + " "
            if field.type == 14:
                self.sub = f".values = &pb_{world.c_names[field.type_name[1:]]}_values"
        self.has = bool(has and not self.oneof and not repeated)
        self.repeated = repeated
        if repeated:
            self.flags.append("REPEATED")
            self.c += "*"
            packed = not field.options.HasField("packed") or field.options.packed
            if self.type in PACKABLE and packed:
                self.flags.append("PACKED")
        if self.oneof:
            self.flags.append("ONEOF")
            self.presence = self.oneof + "_case"
        elif self.has:
            self.flags.append("HAS")
            self.presence = "has_" + field.name
        else:
            self.presence = self.name + "_count" if repeated else None
        self.owner_c = owner_c

    def row(self):
        flags = " | ".join("PROTO_" + f for f in self.flags) or "0"
        presence = f"offsetof(struct pb_{self.owner_c}, {self.presence})" if self.presence else "0"
        sub = self.sub or ".message = NULL"
        return (f'    {{"{self.field.name}", "{self.field.json_name}", {self.field.number}, '
                f"offsetof(struct pb_{self.owner_c}, {self.name}), {presence}, PROTO_{TYPE_NAMES[self.type]}, "
                f"{flags}, {{{sub}}}}},")


def struct_lines(world, full):
    message, c_name = world.messages[full], world.c_names[full]
    fields = [Field(world, c_name, message, f) for f in message.field]
    lines, body, cases = [], [], []
    seen = set()
    for f in fields:
        if f.oneof:
            if f.oneof in seen:
                continue
            seen.add(f.oneof)
            members = [g for g in fields if g.oneof == f.oneof]
            body += [f"    uint32_t {f.oneof}_case;", "    union {"] + [f"        {g.c}{g.name};" for g in members]
            body += ["    };"]
            cases += [f"    PB_{c_name.upper()}_CASE_{g.field.name.upper()} = {g.field.number}," for g in members]
        else:
            body.append(f"    {f.c}{f.name};")
            if f.repeated:
                body.append(f"    size_t {f.name}_count;")
    body += [f"    bool has_{f.field.name};" for f in fields if f.has]
    if cases:
        lines += ["enum {"] + cases + ["};"]
    lines += [f"/* {full} */", f"struct pb_{c_name} {{"] + (body or ["    char unused;"]) + ["};"]
    lines += [f"extern const struct proto_message pb_{c_name}_desc;", ""]
    table = sorted(fields, key=lambda f: f.field.number)
    source = []
    if table:
        source = [f"static const struct proto_field {c_name}_fields[] = {{"] + [f.row() for f in table] + ["};"]
    source += [f"const struct proto_message pb_{c_name}_desc = {{",
               f'    "{full}", {c_name + "_fields" if table else "NULL"}, {len(table)}, sizeof(struct pb_{c_name}), '
               "PROTO_KIND_PLAIN};", ""]
    return lines, source


def enum_lines(world, full):
    enum, c_name = world.enums[full], world.c_names[full]
    lines = [f"/* {full} */", "enum {"]
    lines += [f"    PB_{c_name.upper()}_{v.name} = {v.number}," for v in enum.value] + ["};"]
    lines += [f"extern const struct proto_enum pb_{c_name}_values;", ""]
    source = [f"static const struct proto_enum_value {c_name}_items[] = {{"]
    source += [f'    {{"{v.name}", {v.number}}},' for v in enum.value] + ["};"]
    source += [f"const struct proto_enum pb_{c_name}_values = "
               f'{{"{full}", {c_name}_items, {len(enum.value)}}};', ""]
    return lines, source


def stem(file_name):
    return os.path.splitext(os.path.basename(file_name))[0]


def write(path, lines):
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines).rstrip("\n") + "\n")


def file_write(world, file, args):
    name = stem(file.name)
    note = f"/* Generated by tools/gen_proto.py from {file.name}: do not edit. */"
    guard = f"WEFT_PB_{name.upper()}_H"
    header = [note, f"#ifndef {guard}", f"#define {guard}", "", '#include "wire/pb_known.h"']
    header += [f'#include "{args.include}/{stem(d)}.h"' for d in file.dependency if not d.startswith("google/protobuf/")]
    header.append("")
    source = [note, f'#include "{args.include}/{name}.h"', ""]
    here = [full for full, home in world.homes.items() if home == file.name]
    for part in (struct_lines, enum_lines):
        for full in here:
            if full not in (world.messages if part is struct_lines else world.enums):
                continue
            lines, table = part(world, full)
            header += lines
            source += table
    write(os.path.join(args.out, name + ".h"), header + ["#endif"])
    write(os.path.join(args.out, name + ".c"), source)


def registry_write(world, files, args):
    note = "/* Generated by tools/gen_proto.py: do not edit. */"
    name = args.registry
    guard = f"WEFT_PB_{name.upper()}_H"
    write(os.path.join(args.out, name + ".h"),
          [note, f"#ifndef {guard}", f"#define {guard}", "", '#include "wire/proto.h"', "",
           "/* Every message of the generated files, for Any. */",
           f"extern const struct proto_registry pb_{name};", "", "#endif"])
    known = {f"google.protobuf.{k}": v for k, v in KNOWN.items()}
    names = {f: c for f, c in world.c_names.items() if f in world.messages and not world.messages[f].options.map_entry}
    names.update(known)
    rows = [f"    &pb_{c}_desc," for _, c in sorted(names.items())]
    write(os.path.join(args.out, name + ".c"),
          [note, f'#include "{args.include}/{name}.h"', ""] +
          [f'#include "{args.include}/{stem(f.name)}.h"' for f in files] + ['#include "wire/pb_known.h"', ""] +
          ["static const struct proto_message *const all_messages[] = {"] + rows + ["};",
           f"const struct proto_registry pb_{name} = {{all_messages, {len(rows)}}};"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("protoc", "root", "include", "registry", "out"):
        parser.add_argument("--" + option, required=True)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    args.root, args.files = os.path.realpath(args.root), [os.path.realpath(f) for f in args.files]
    os.makedirs(args.out, exist_ok=True)
    with tempfile.NamedTemporaryFile(suffix=".pb") as out:
        subprocess.run([args.protoc, "-I" + args.root, "--include_imports", "--descriptor_set_out=" + out.name]
                       + args.files, check=True)
        descriptors = pb.FileDescriptorSet.FromString(out.read())
    files = [f for f in descriptors.file if not f.name.startswith("google/protobuf/")]
    world = World(files)
    for file in files:
        file_write(world, file, args)
    registry_write(world, files, args)


main()
