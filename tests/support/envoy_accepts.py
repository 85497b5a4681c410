# SPDX-License-Identifier: Apache-2.0
"""Asks a real Envoy, which rejects unknown fields, whether it accepts xDS resources given as JSON.

The resources go into files, and every `ads` source in them is pointed at these files, so no server is needed.

Place   tests/golden
Limits  what Envoy can only judge later (secrets, an endpoint that answers) is not judged
"""
import copy
import json
import os
import re
import subprocess
import time
import urllib.request

from ports import told_port

TYPES = {"clusters": ("cds.json", "envoy.config.cluster.v3.Cluster"),
         "endpoints": ("eds.json", "envoy.config.endpoint.v3.ClusterLoadAssignment"),
         "listeners": ("lds.json", "envoy.config.listener.v3.Listener"),
         "routes": ("rds.json", "envoy.config.route.v3.RouteConfiguration")}
BY_NAME = {"endpoints": "eds", "routes": "rds"}      # Envoy reads one resource a file of these
SETTLE_S, WAIT_S = 0.5, 15


def file_of(folder, kind, name):
    """The file that holds one resource: its name, made fit for a path."""
    return os.path.join(folder, f"{kind}-{re.sub('[^A-Za-z0-9.-]', '_', name)}.json")


def to_files(value, folder):
    """The value with each config source of routes and endpoints made the file of the resource it asks for."""
    if isinstance(value, list):
        return [to_files(v, folder) for v in value]
    if not isinstance(value, dict):
        return value
    out = {key: to_files(v, folder) for key, v in value.items()}
    for name, source, kind in (("serviceName", "edsConfig", "eds"), ("service_name", "eds_config", "eds"),
                               ("routeConfigName", "configSource", "rds"), ("route_config_name", "config_source", "rds")):
        if source in value and name in value:
            out[source] = {"path_config_source": {"path": file_of(folder, kind, value[name])}, "resource_api_version": "V3"}
    return out


def unbound(listener):
    """The listener without its sockets, so that many Envoys and no rights are needed."""
    listener = copy.deepcopy(listener)
    listener.pop("bindToPort", None)
    listener["bind_to_port"] = False
    for name in ("reuse_port", "enable_reuse_port", "enableReusePort"):
        listener.pop(name, None)
    return listener


def complaints(envoy, resources, folder):
    """What Envoy has against the resources ({"clusters": [...], ...}): a list of texts, empty when it takes all."""
    folder = str(folder)
    for kind, (name, message) in TYPES.items():
        items = resources.get(kind, [])
        if kind == "listeners":
            items = [unbound(item) for item in items]
        items = [{"@type": f"type.googleapis.com/{message}", **to_files(item, folder)} for item in items]
        files = {os.path.join(folder, name): items}
        if kind in BY_NAME:
            files = {file_of(folder, BY_NAME[kind], item.get("name") or item.get("clusterName") or item["cluster_name"]): [item]
                     for item in items}
        for path, content in files.items():
            with open(path, "w", encoding="utf-8") as f:
                json.dump({"version_info": "1", "resources": content}, f)
    bootstrap = {
        "node": {"id": "golden", "cluster": "golden"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "dynamic_resources": {f"{k}_config": {"path_config_source": {"path": os.path.join(folder, f"{k}.json")},
                                              "resource_api_version": "V3"} for k in ("lds", "cds")}}
    path = os.path.join(folder, "bootstrap.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(bootstrap, f)
    log, admin = os.path.join(folder, "envoy.log"), os.path.join(folder, "admin")
    with open(log, "w", encoding="utf-8") as f:
        process = subprocess.Popen([envoy, "-c", path, "--reject-unknown-dynamic-fields", "--disable-hot-restart",
                                    "--admin-address-path", admin, "--concurrency", "1", "-l", "warning"], stdout=f, stderr=f)
    try:
        return listen_to(process, admin, resources, log)
    finally:
        process.kill()
        process.wait()


def listen_to(process, admin, resources, log):
    def ask(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{told_port(admin)}{path}", timeout=5) as answer:
            return answer.read().decode()
    deadline, stats = time.monotonic() + WAIT_S, {}
    wanted = {"cluster_manager.cds": 1, "listener_manager.lds": 1}
    while time.monotonic() < deadline and process.poll() is None:
        try:
            stats = dict(re.findall(r"^(\S+): (\d+)$", ask("/stats?filter=update_(success|rejected|failure)"), re.M))
        except (OSError, ValueError):       # not listening yet, or the file is not whole
            time.sleep(0.05)
            continue
        done = all(int(stats.get(f"{k}.update_success", 0)) + int(stats.get(f"{k}.update_rejected", 0)) >= n
                   for k, n in wanted.items())
        if done:
            time.sleep(SETTLE_S)        # routes and endpoints are read after their listener and cluster
            stats = dict(re.findall(r"^(\S+): (\d+)$", ask("/stats?filter=update_(success|rejected|failure)"), re.M))
            break
        time.sleep(0.05)
    resolved = {f"cluster.{c.get('altStatName', c['name'])}.update_failure" for c in resources.get("clusters", [])
                if c.get("type") in ("STRICT_DNS", "LOGICAL_DNS")}      # whether its names exist is not the question
    found = [f"{name}: {value}" for name, value in stats.items()
             if name.endswith(("update_rejected", "update_failure")) and value != "0" and name not in resolved]
    if process.poll() is not None or not stats:
        found.append("Envoy did not stay up")
    with open(log, encoding="utf-8") as f:
        lines = [line.strip() for line in f if re.search(r"reject|error|unknown field|Unable", line, re.I)]
    found += [line[:600] for line in lines]
    if not found:
        have = ask("/config_dump?include_eds")
        found += [f"{kind}: Envoy does not show {r['name']}" for kind in ("clusters", "listeners")
                  for r in resources.get(kind, []) if json.dumps(r["name"]) not in have]
    return found
