# SPDX-License-Identifier: Apache-2.0
"""Container images out of files of this machine: OCI layouts, built in seconds and without a network.

Place   tools/build-image (one image from the command line), samples/*/build-images, deploy/build-images
Owns    a store: one OCI layout (oci-layout, index.json, blobs/sha256/); each descriptor in index.json names its
        image in the annotation org.opencontainers.image.ref.name
Limits  plain tar layers, no whiteouts; equal content gives equal digests, so images share layers
Spec    OCI image format 1.1
"""
import fcntl
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile

NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"      # lets `ctr images import` take the layout as it is
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

PASSWD = """root:x:0:0:root:/root:/bin/sh
app:x:1000:1000:app:/:/bin/sh
app1:x:1001:1001:app:/:/bin/sh
istio-proxy:x:1337:1337:istio-proxy:/:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/sh
"""
GROUP = "root:x:0:\napp:x:1000:\napp1:x:1001:\nistio-proxy:x:1337:\nnogroup:x:65534:\n"


class Layer:
    """Files to be: path in the image -> (kind, content or target, mode)."""

    def __init__(self):
        self.entries = {}

    def folder(self, path, mode=0o755):
        self._parents(path)
        self.entries[path.strip("/")] = ("folder", None, mode)

    def text(self, path, content, mode=0o644):
        self._parents(path)
        self.entries[path.strip("/")] = ("file", content.encode(), mode)

    def copy(self, source, path, mode=None):
        with open(source, "rb") as f:
            content = f.read()
        self._parents(path)
        self.entries[path.strip("/")] = ("file", content, mode or (os.stat(source).st_mode & 0o777))

    def link(self, path, target):
        self._parents(path)
        self.entries[path.strip("/")] = ("link", target, 0o777)

    def program(self, source, path=None):
        """A program and the libraries that it loads, each at the path where the loader looks for it."""
        self.copy(source, path or source, 0o755)
        out = subprocess.run(["ldd", source], capture_output=True, text=True).stdout
        missing = re.findall(r"(\S+) => not found", out)
        if missing:
            raise FileNotFoundError(f"{source} needs {', '.join(missing)}, which this machine lacks")
        for library in re.findall(r"(?:=> |^\s+)(/\S+)", out, re.M):
            self.copy(library, library, 0o755)

    def leave_out(self, below):
        """Drops what the layer `below` it holds already."""
        self.entries = {path: entry for path, entry in self.entries.items() if below.entries.get(path) != entry}
        return self

    def _parents(self, path):
        parts = path.strip("/").split("/")
        for i in range(1, len(parts)):
            self.entries.setdefault("/".join(parts[:i]), ("folder", None, 0o755))

    def tar(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path in sorted(self.entries):
                kind, value, mode = self.entries[path]
                info = tarfile.TarInfo(path)
                info.mode = mode
                if kind == "folder":
                    info.type = tarfile.DIRTYPE
                    tar.addfile(info)
                elif kind == "link":
                    info.type, info.linkname = tarfile.SYMTYPE, value
                    tar.addfile(info)
                else:
                    info.size = len(value)
                    tar.addfile(info, io.BytesIO(value))
        return out.getvalue()


def shell_add(layer):
    busybox = "/bin/busybox"
    layer.program(busybox)
    for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if name not in ("busybox", "init", "linuxrc"):
            layer.link("/bin/" + name, "busybox")
    layer.program("/usr/bin/curl")


def base_layer(shell=True):
    """What every image holds: certificates, users, folders; and a shell with the small tools (busybox), curl."""
    layer = Layer()
    if shell:
        shell_add(layer)
    layer.copy("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt")
    layer.text("/etc/passwd", PASSWD)
    layer.text("/etc/group", GROUP)
    layer.text("/etc/nsswitch.conf", "hosts: files dns\n")
    for path in ("/proc", "/sys", "/dev", "/run", "/root", "/var/log", "/var/run/secrets"):
        layer.folder(path)
    layer.folder("/tmp", 0o1777)
    layer.folder("/var/tmp", 0o1777)
    return layer


class Store:
    """The OCI layout in a folder, locked while it is open."""

    def __init__(self, path):
        self.path = path
        self.blobs = os.path.join(path, "blobs/sha256")
        os.makedirs(self.blobs, exist_ok=True)
        self.lock = open(os.path.join(path, ".lock"), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self._write("oci-layout", b'{"imageLayoutVersion":"1.0.0"}\n')
        self.manifests = {}
        index = os.path.join(path, "index.json")
        if os.path.exists(index):
            with open(index, encoding="utf-8") as f:
                self.manifests = {m["annotations"][NAME]: m for m in json.load(f)["manifests"]}

    def add(self, names, layers, config):
        """Adds an image under every name. Layers are Layer objects or descriptors of `layer`."""
        descriptors = [self.layer(x) if isinstance(x, Layer) else x for x in layers]
        settings = {"architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z", "config": config,
                    "rootfs": {"type": "layers", "diff_ids": [d["digest"] for d in descriptors]}}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self._json(CONFIG, settings),
                    "layers": descriptors}
        descriptor = self._json(MANIFEST, manifest)
        for name in names:
            self.manifests[name] = {**descriptor, "annotations": {NAME: name, CONTAINERD_NAME: name}}

    def layer(self, layer):
        return self._blob(LAYER, layer.tar())

    def close(self):
        """Writes the index and drops what no image uses any more."""
        index = {"schemaVersion": 2, "mediaType": INDEX,
                 "manifests": [self.manifests[name] for name in sorted(self.manifests)]}
        self._write("index.json", json.dumps(index, indent=1).encode() + b"\n")
        used = set()
        for descriptor in self.manifests.values():
            used.add(descriptor["digest"])
            with open(self._blob_path(descriptor["digest"]), encoding="utf-8") as f:
                manifest = json.load(f)
            used.update(d["digest"] for d in manifest["layers"] + [manifest["config"]])
        for name in os.listdir(self.blobs):
            if "sha256:" + name not in used:
                os.unlink(os.path.join(self.blobs, name))
        self.lock.close()

    def _blob_path(self, digest):
        return os.path.join(self.blobs, digest.split(":")[1])

    def _json(self, media_type, value):
        return self._blob(media_type, json.dumps(value, separators=(",", ":")).encode())

    def _blob(self, media_type, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        if not os.path.exists(self._blob_path(digest)):
            self._write(os.path.relpath(self._blob_path(digest), self.path), content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def _write(self, name, content):
        target = os.path.join(self.path, name)
        if os.path.exists(target) and os.path.getsize(target) == len(content):
            with open(target, "rb") as f:
                if f.read() == content:
                    return
        with open(target + ".new", "wb") as f:
            f.write(content)
        os.replace(target + ".new", target)
