#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the tables of resource kinds (src/api) from api/*.yaml; api/README.md has the notation.

usage: gen_api.py tables.c kinds.h FILE.yaml...
"""
import os
import re
import sys

import yaml

SCALARS = {  # notation: (enum api_type, C type, has a has_ flag)
    "string": ("STRING", "const char *", False),
    "bool": ("BOOL", "bool ", True),
    "int32": ("INT32", "int32_t ", True),
    "int64": ("INT64", "int64_t ", True),
    "uint32": ("UINT32", "uint32_t ", True),
    "number": ("NUMBER", "double ", True),
    "bytes": ("BYTES", "const char *", False),
    "time": ("TIME", "const char *", False),
    "microtime": ("MICRO_TIME", "const char *", False),
    "duration": ("DURATION", "int64_t ", True),
    "quantity": ("QUANTITY", "const char *", False),
    "intstr": ("INT_OR_STRING", "struct api_int_or_string ", True),
    "any": ("ANY", None, False),
}
FLAGS = {"cluster": None, "status": "STATUS", "scale": "SCALE", "generation": "GENERATION", "idle": "IDLE",
         "virtual": "VIRTUAL", "body": "BODY"}


# Columns whose cells src/api/table_cells.c computes.
CODE_COLUMNS = {"Ready", "Status", "Restarts", "Readiness Gates", "External-IP", "Port(s)", "Endpoints", "Ports", "Data",
                "Roles", "Last Seen", "Object", "Source", "Message", "Targets", "Hosts", "Address", "Request", "Limit"}


def fail(where, why):
    sys.exit("gen_api: %s: %s" % (where, why))


def snake(name):
    name = name.replace("IPs", "Ips")
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"[^A-Za-z0-9]", "_", name).lower()
    return name + "_" if name in ("default", "if", "for", "int", "union", "register") else name


def c_string(text):
    return "NULL" if text is None else '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


class Field:
    """One line of a type: `name: [number] type[?] attribute...`."""

    def __init__(self, owner, name, text):
        words = text.split()
        self.where = "%s.%s" % (owner, name)
        self.name, self.number, self.inline = name, 0, 0
        if re.match(r"^\d+(\.\d+)?$", words[0]):
            parts = words.pop(0).split(".")
            self.number = int(parts[-1])
            self.inline = int(parts[0]) if len(parts) == 2 else 0
        self.shape = []  # "list" / "map", outermost first
        while words and words[0] in ("list", "map"):
            self.shape.append(words.pop(0))
        if not words:
            fail(self.where, "no type")
        self.base = words.pop(0)
        self.pointer = self.base.endswith("?")
        self.base = self.base.rstrip("?")
        self.flags, self.values = set(), {}
        for word in words:
            key, eq, value = word.partition("=")
            if key == "merge" and not eq:
                value, eq = "", "="
            if eq:
                self.values[key] = value
            else:
                self.flags.add(key)
        known = {"required", "immutable", "set", "atomic", "retain", "unbound", "present"}
        known_values = {"as", "default", "enum", "form", "keys", "max", "merge", "min", "unique"}
        self.member_name = snake(self.values.get("as", name))
        for word in (self.flags - known) | (set(self.values) - known_values):
            fail(self.where, "unknown attribute " + word)


class Generator:
    def __init__(self):
        self.files = {}  # type -> the YAML file that defines it, without .yaml
        self.types = {}  # name -> {field name: Field}
        self.struct_fields = {}  # name -> the fields that its C struct holds, absent: all
        self.atomic = set()  # types that server-side apply owns whole
        self.packages = {}  # type -> its package in OpenAPI documents
        self.kinds = []
        self.bound = []  # types with a C struct, dependencies first
        self.schemas = {}  # definition text -> C name, of lists, maps and constrained scalars
        self.schema_order = []
        self.strings = {}  # tuple of strings -> C name

    def load(self, path):
        with open(path) as stream:
            doc = yaml.safe_load(stream)
        for name, fields in (doc.get("types") or {}).items():
            if name in self.types:
                fail(path, "type %s is defined twice" % name)
            fields = dict(fields or {})
            if fields.pop("_atomic", False):
                self.atomic.add(name)
            if "_struct" in fields:
                self.struct_fields[name] = fields.pop("_struct")
            self.files[name] = os.path.basename(path).split(".")[0]
            self.types[name] = {key: Field(name, key, str(text)) for key, text in fields.items()}
        for name, kind in (doc.get("kinds") or {}).items():
            kind = dict({"group": doc.get("group"), "versions": doc.get("versions"), "crd": doc.get("crd", False),
                         "categories": doc.get("categories", [])}, **kind)
            kind["kind"], kind["type"] = name, kind.get("type", name)
            self.kinds.append(kind)

    def finish_kinds(self):
        for kind in self.kinds:
            fields = self.types.setdefault(kind["type"], {})
            head = {"apiVersion": "string", "kind": "string"}
            if "spec" in kind:
                head.update(metadata="1 ObjectMeta present", spec=kind["spec"] + " present")
            if "status" in kind:
                head["status"] = kind["status"] + " present"
            for name, text in head.items():
                fields.setdefault(name, Field(kind["type"], name, text))
            if kind.get("struct") and kind["type"] not in self.struct_fields:
                self.struct_fields[kind["type"]] = [f for f in fields if f not in ("status",) or kind["kind"] in
                                                    ("Pod", "Node", "Service", "Namespace")]
        for name, fields in self.types.items():
            for field in fields.values():
                if field.base not in SCALARS and field.base not in self.types:
                    fail(field.where, "unknown type " + field.base)
        for name in [n for n in self.types if self.files.get(n) == "meta"]:
            self.packages[name] = "io.k8s.apimachinery.pkg.apis.meta.v1"
        for kind in self.kinds:
            if kind.get("struct"):
                self.bind(kind["type"])
            if not kind["crd"]:
                self.pack(kind["type"], "io.k8s.api.%s.%s" % (kind["group"].split(".")[0] or "core", kind["versions"][0]))

    def pack(self, name, package):
        """A type belongs to the first kind that reaches it."""
        if name in self.packages or name in SCALARS:
            return
        self.packages[name] = package
        for field in self.types[name].values():
            self.pack(field.base, package)

    def bind(self, name):
        """Adds the C struct of a type and, before it, those that it holds."""
        if name in self.bound or name in SCALARS:
            return
        self.bound.append(name)
        for field in self.held(name):
            self.bind(field.base)

    def held(self, name):
        only = self.struct_fields.get(name)
        for field in self.types[name].values():
            if only is not None and field.name not in only:
                continue
            if field.base == "any" or "unbound" in field.flags or len(field.shape) > 1:
                continue
            yield field

    # C declarations

    def element(self, field):
        """C type of one value (of an element, for lists and maps)."""
        if field.base in SCALARS:
            return SCALARS[field.base][1]
        return "struct api_%s " % snake(field.base)

    def member(self, field):
        name, element = field.member_name, self.element(field)
        suffix = "_ns" if field.base == "duration" else ""
        if field.shape == ["list"]:
            return ["%s*%s;" % (element, name), "size_t %s_count;" % name]
        if field.shape == ["map"]:
            entry = "string" if field.base == "string" else snake(field.base)
            return ["struct api_%s_entry *%s;" % (entry, name), "size_t %s_count;" % name]
        if field.base in SCALARS:
            lines = ["%s%s%s;" % (element, name, suffix)]
            return lines + (["bool has_%s;" % name] if SCALARS[field.base][2] else [])
        return ["%s*%s;" % (element, name)]

    def offsets(self, owner, field):
        name = field.member_name
        struct = "struct api_%s" % snake(owner)
        place = "(int32_t)offsetof(%s, %%s)" % struct
        value = place % (name + ("_ns" if field.base == "duration" and not field.shape else ""))
        if field.shape:
            return value, place % (name + "_count")
        if field.base in SCALARS and SCALARS[field.base][2]:
            return value, place % ("has_" + name)
        return value, "-1"

    def header(self):
        out = ["/* Generated by tools/gen_api.py from the YAML files of api/. Do not edit. */", "/* SPDX-License-Identifier: Apache-2.0 */",
               "#ifndef WEFT_API_KINDS_H", "#define WEFT_API_KINDS_H", "", '#include "api/schema.h"',
               '#include "base/prelude.h"', "",
               "/* Texts are NULL, lists are NULL with count 0, objects are NULL when absent; numbers and",
               " * booleans have a has_ flag; durations are nanoseconds. All live in the arena of api_decode. */",
               "", "struct api_int_or_string {", "    bool is_string;", "    int64_t number;    /* unless is_string */",
               "    const char *text;  /* when is_string */", "};", "",
               "struct api_string_entry {", "    const char *key;", "    const char *value;", "};", ""]
        entries = set()
        for name in self.bound:
            out.append("struct api_%s;" % snake(name))
            entries.update(f.base for f in self.held(name) if f.shape == ["map"] and f.base != "string")
        out.append("")
        for base in sorted(entries):
            if base not in SCALARS:
                out.append("struct api_%s_entry;" % snake(base))
        for name in self.bound:
            out += ["", "/* %s */" % name, "struct api_%s {" % snake(name)]
            members = [line for field in self.held(name) for line in self.member(field)]
            out += ["    " + line for line in members or ["char unused;"]] + ["};"]
        for base in sorted(entries):
            element = SCALARS[base][1] if base in SCALARS else "struct api_%s " % snake(base)
            out += ["", "struct api_%s_entry {" % snake(base), "    const char *key;", "    %svalue;" % element, "};"]
        out.append("")
        for name in self.bound:
            out.append("extern const struct api_schema api_%s_schema;" % snake(name))
        return "\n".join(out + ["", "#endif", ""])

    # tables

    def string_table(self, items):
        key = tuple(items)
        if key not in self.strings:
            self.strings[key] = "strings_%d" % len(self.strings)
        return self.strings[key]

    def object_name(self, name):
        return "api_%s_schema" % snake(name) if name in self.bound else "type_%s" % snake(name)

    def define(self, body):
        if body not in self.schemas:
            self.schemas[body] = "schema_%d" % len(self.schemas)
            self.schema_order.append(body)
        return self.schemas[body]

    def bounds(self, field):
        out = []
        for key in ("min", "max"):
            if key in field.values:
                out.append(".has_%s = true, .%s = %s" % (key, key, field.values[key]))
        return out

    def form(self, field):
        return [".form = FORMAT_" + field.values["form"].upper()] if "form" in field.values else []

    def schema(self, field):
        """C name of the schema of a field's value."""
        if field.base in SCALARS:
            parts = [".type = API_" + SCALARS[field.base][0]]
            if "enum" in field.values:
                parts.append(".enums = " + self.string_table(field.values["enum"].split("|")))
            if not field.shape:
                parts += self.bounds(field) + self.form(field)
            name = self.define(", ".join(parts))
        else:
            name = self.object_name(field.base)
        for depth, shape in reversed(list(enumerate(field.shape))):
            parts = [".type = API_" + shape.upper(), ".item = &" + name]
            if depth == 0:
                parts += self.bounds(field) + self.form(field)
            if shape == "list" and depth == 0:
                parts += self.list_parts(field)
            if shape == "map" and depth == 0 and "atomic" in field.flags:
                parts.append(".is_atomic = true")
            name = self.define(", ".join(parts))
        return name

    def list_parts(self, field):
        parts = []
        keys = field.values.get("keys", field.values.get("merge", ""))
        if "set" in field.flags:
            parts.append(".list_kind = API_LIST_SET")
        elif keys and "atomic" not in field.flags:
            parts.append(".list_kind = API_LIST_MAP, .list_keys = " + self.string_table(keys.split(",")))
        if "merge" in field.values:
            parts.append(".merge_key = " + c_string(field.values["merge"]))
        if "unique" in field.values:
            parts.append(".unique = " + c_string(field.values["unique"]))
        if "retain" in field.flags:
            parts.append(".retain_keys = true")
        return parts

    def field_line(self, owner, field):
        parts = [".name = " + c_string(field.name), ".schema = &" + self.schema(field)]
        if field.number:
            parts.append(".number = %d" % field.number)
        if field.inline:
            parts.append(".inline_number = %d" % field.inline)
        for flag in ("required", "immutable"):
            if flag in field.flags:
                parts.append(".%s = true" % flag)
        if "present" in field.flags:
            parts.append(".is_present = true")
        if field.pointer:
            parts.append(".keeps_zero = true")
        if "default" in field.values:
            parts.append(".default_json = " + c_string(field.values["default"]))
        offset, extra = "-1", "-1"
        if owner in self.bound and field in list(self.held(owner)):
            offset, extra = self.offsets(owner, field)
        return "    {%s, .offset = %s, .extra_offset = %s}," % (", ".join(parts), offset, extra)

    def objects(self):
        out = []
        for name, fields in self.types.items():
            lines = [self.field_line(name, fields[key]) for key in sorted(fields)]
            if lines:
                out += ["static const struct api_field fields_%s[] = {" % snake(name)] + lines + ["};"]
            retain = any("retain" in f.flags for f in fields.values() if not f.shape)
            out.append("%sconst struct api_schema %s = {.type = API_OBJECT, .name = %s, .fields = %s, .field_count = %d%s%s%s};" % (
                "" if name in self.bound else "static ", self.object_name(name), c_string(name),
                "fields_" + snake(name) if lines else "NULL", len(lines),
                ", .struct_size = sizeof(struct api_%s)" % snake(name) if name in self.bound else "",
                (", .retain_keys = true" if retain else "") +
                (", .package = " + c_string(self.packages[name]) if name in self.packages else ""), ", .is_atomic = true" if name in self.atomic else ""))
        return out

    def column(self, column):
        """`Name[:type][*] [= form(path[, extra])]` of a built-in kind, or the map of a custom one."""
        if isinstance(column, dict):
            return self.column_row(column["name"], column.get("type", "string"), "TEXT", column["path"], "",
                                   column.get("description", ""), column.get("priority", 0))
        head, _, text = column.partition(" = ")
        name, _, kind = head.rstrip("*").partition(":")
        if name == "Age" and not text:
            return self.column_row(name, "date", "AGE", ".metadata.creationTimestamp", "<unknown>", "", 0)
        form = re.match(r"^(text|int|count|map|join|age|format)\((.*?)(?:, (.*))?\)$", text)
        if text and not form:
            fail("column " + head, "unknown form " + text)
        if not text and name not in CODE_COLUMNS:
            fail("column " + head, "no form, and no code for it")
        return self.column_row(name, kind or "string", form[1].upper() if form else "CODE", form[2] if form else None,
                               (form[3] or "") if form else "", "", 1 if head.endswith("*") else 0)

    def column_row(self, name, kind, form, path, extra, description, priority):
        return ("{.name = %s, .type = %s, .form = API_COLUMN_%s, .json_path = %s, .extra = %s, .description = %s, "
                ".priority = %d}" % (c_string(name), c_string(kind), form, c_string(path), c_string(extra),
                                     c_string(description), priority))

    def kind(self, index, kind):
        out = ["static const struct api_version versions_%d[] = {%s};" % (index, ", ".join(
            "{.name = %s, .storage = %s}" % (c_string(v.rstrip("!")), "true" if v == self.storage(kind) else "false")
            for v in kind["versions"]))]
        columns = kind.get("columns", [])
        if columns:
            out.append("static const struct api_column columns_%d[] = {%s};" % (index, ",\n    ".join(map(self.column, columns))))
        subs = [self.subresource(name, str(text)) for name, text in kind.get("subresources", {}).items()]
        if subs:
            out.append("static const struct api_subresource subresources_%d[] = {%s};" % (index, ",\n    ".join(subs)))
        flags = ["API_KIND_" + FLAGS[f] for f in kind.get("flags", []) if FLAGS[f]]
        if "cluster" not in kind.get("flags", []):
            flags.append("API_KIND_NAMESPACED")
        if kind["crd"]:
            flags += ["API_KIND_CRD", "API_KIND_GENERATION"]
        entry = ["    {.group = %s, .kind = %s, .plural = %s, .singular = %s," % (
            c_string(kind["group"]), c_string(kind["kind"]), c_string(kind["plural"]), c_string(kind["kind"].lower())),
            "     .description = %s," % c_string(kind.get("description")),
            "     .versions = versions_%d, .version_count = %d, .flags = %s," % (index, len(kind["versions"]), " | ".join(flags) or "0"),
            "     .short_names = %s, .categories = %s," % (self.string_table(kind.get("short", [])), self.string_table(kind["categories"])),
            "     .field_labels = %s," % self.string_table(kind.get("selectable", [])),
            "     .subresources = %s, .subresource_count = %d," % ("subresources_%d" % index if subs else "NULL", len(subs)),
            "     .columns = %s, .column_count = %d, .schema = &%s}," % (
                "columns_%d" % index if columns else "NULL", len(columns), self.object_name(kind["type"]))]
        return out, entry

    def subresource(self, name, text):
        """`[group/version] Kind verb,verb`, the words of a subresource."""
        words = text.split()
        if len(words) not in (2, 3):
            fail("subresource " + name, "is not `[group/version] Kind verb,verb`")
        group, _, version = words[0].partition("/") if len(words) == 3 else (None, None, None)
        return "{.name = %s, .group = %s, .version = %s, .kind = %s, .verbs = %s}" % tuple(
            map(c_string, (name, group, version, words[-2], words[-1])))

    def storage(self, kind):
        marked = [v for v in kind["versions"] if v.endswith("!")]
        return (marked or kind["versions"])[0]

    def tables(self):
        objects = self.objects()
        kinds, entries = [], []
        for index, kind in enumerate(self.kinds):
            lines, entry = self.kind(index, kind)
            kinds += lines
            entries += entry
        out = ["/* Generated by tools/gen_api.py from the YAML files of api/. Do not edit. */", "/* SPDX-License-Identifier: Apache-2.0 */",
               '#include "api/tables.h"', '#include "api/formats.h"', '#include "api/kinds.h"', ""]
        for items, name in self.strings.items():
            out.append("static const char *const %s[] = {%s};" % (name, ", ".join([c_string(i) for i in items] + ["NULL"])))
        out += ["static const struct api_schema %s;" % self.object_name(n) for n in self.types if n not in self.bound]
        out += ["static const struct api_schema %s;" % self.schemas[body] for body in self.schema_order]
        out += ["static const struct api_schema %s = {%s};" % (self.schemas[body], body) for body in self.schema_order]
        out += objects + kinds
        out += ["const struct api_kind api_kind_table[] = {"] + entries + ["};",
                "const size_t api_kind_table_count = sizeof(api_kind_table) / sizeof(api_kind_table[0]);", "",
                "const struct api_schema *const api_type_table[] = {"]
        out += ["    &%s," % self.object_name(name) for name in sorted(self.types)]
        out += ["};", "const size_t api_type_table_count = sizeof(api_type_table) / sizeof(api_type_table[0]);", ""]
        return "\n".join(out)


def main(args):
    generator = Generator()
    for path in args[2:]:
        generator.load(path)
    generator.finish_kinds()
    with open(args[0], "w") as out:
        out.write(generator.tables())
    with open(args[1], "w") as out:
        out.write(generator.header())


if __name__ == "__main__":
    main(sys.argv[1:])
