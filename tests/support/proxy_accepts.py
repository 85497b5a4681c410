# SPDX-License-Identifier: Apache-2.0
"""Asks weft-proxy whether it accepts xDS resources given as JSON: as static resources of one bootstrap.

Place   tests/golden
Limits  `--mode validate` compiles everything and opens nothing
"""
import copy
import json
import os
import subprocess


def inline(value, routes):
    """The value with each `rds` replaced by the route configuration that it names."""
    if isinstance(value, list):
        return [inline(v, routes) for v in value]
    if not isinstance(value, dict):
        return value
    out = {key: inline(v, routes) for key, v in value.items()}
    if "rds" in out:
        out["routeConfig"] = routes[out.pop("rds")["routeConfigName"]]
    return out


def static_cluster(cluster, endpoints):
    """The cluster with its discovered endpoints inside."""
    cluster = copy.deepcopy(cluster)
    if cluster.get("type") == "EDS":
        cluster["type"] = "STATIC"
        cluster["loadAssignment"] = endpoints[cluster.pop("edsClusterConfig")["serviceName"]]
    return cluster


def complaints(proxy, resources, folder):
    """What weft-proxy has against the resources: a text, empty when it takes all."""
    routes = {r["name"]: r for r in resources["routes"]}
    endpoints = {e["clusterName"]: e for e in resources["endpoints"]}
    bootstrap = {"node": {"id": "golden", "cluster": "golden"},
                 "static_resources": {"listeners": inline(resources["listeners"], routes),
                                      "clusters": [static_cluster(c, endpoints) for c in resources["clusters"]]}}
    path = os.path.join(str(folder), "weft-proxy.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(bootstrap, f)
    done = subprocess.run([proxy, "-c", path, "--mode", "validate"], capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr
