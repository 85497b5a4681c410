# SPDX-License-Identifier: Apache-2.0
"""What programs written with the official Python client do: typed calls, watches, the dynamic client, and the election
of a leader."""
import json
import subprocess
import sys
import threading

import pytest
from kubernetes import client, dynamic, watch

from cluster import wait_until

CANDIDATE = """
import sys, threading
from kubernetes import config
from kubernetes.leaderelection import leaderelection
from kubernetes.leaderelection.electionconfig import Config
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
config.load_kube_config(sys.argv[1])
def lead():
    print("leads", flush=True)
    threading.Event().wait()
leaderelection.LeaderElection(Config(ConfigMapLock("leader", *sys.argv[2:]), lease_duration=3,
    renew_deadline=2, retry_period=1, onstarted_leading=lead, onstopped_leading=None)).run()
"""


def config_map(name, **data):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"of": "test"}), data=data)


def test_typed_calls(api, core, space):
    made = core.create_namespaced_config_map(space, config_map("a", x="1"))
    assert made.metadata.uid and made.metadata.managed_fields[0].manager == "OpenAPI-Generator"
    core.patch_namespaced_config_map("a", space, {"data": {"y": "2"}})
    assert core.read_namespaced_config_map("a", space).data == {"x": "1", "y": "2"}
    listed = core.list_namespaced_config_map(space, label_selector="of=test")
    assert [item.metadata.name for item in listed.items] == ["a"]
    made.data = {"x": "9"}
    with pytest.raises(client.ApiException) as refused:
        core.replace_namespaced_config_map("a", space, made)
    assert refused.value.status == 409

    apps = client.AppsV1Api(api)
    labels = {"app": "web"}
    container = client.V1Container(name="one", image="example.invalid/one:1")
    template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels=labels),
                                        spec=client.V1PodSpec(containers=[container]))
    spec = client.V1DeploymentSpec(replicas=0, selector=client.V1LabelSelector(match_labels=labels), template=template)
    apps.create_namespaced_deployment(space, client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec))
    apps.patch_namespaced_deployment_scale("web", space, {"spec": {"replicas": 0}})
    wait_until(lambda: apps.read_namespaced_deployment_status("web", space).status.observed_generation, 20, "no status")
    gone = core.delete_namespaced_config_map("a", space)
    assert gone.status == "Success"


def test_watch(core, space):
    start = core.list_namespaced_config_map(space).metadata.resource_version
    core.create_namespaced_config_map(space, config_map("a", x="1"))
    core.patch_namespaced_config_map("a", space, {"data": {"x": "2"}})
    core.delete_namespaced_config_map("a", space)
    seen = []
    for event in watch.Watch().stream(core.list_namespaced_config_map, space, resource_version=start,
                                      label_selector="of=test", timeout_seconds=20):
        seen.append((event["type"], event["object"].data["x"]))
        if event["type"] == "DELETED":
            break
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


def test_watch_from_another_thread(core, space):
    seen, stream = [], watch.Watch()

    def follow():
        for event in stream.stream(core.list_namespaced_config_map, space, label_selector="of=test", timeout_seconds=30):
            seen.append(event["object"].metadata.name)
            if len(seen) == 3:
                stream.stop()
    follower = threading.Thread(target=follow)
    follower.start()
    for name in ("a", "b", "c"):
        core.create_namespaced_config_map(space, config_map(name))
    follower.join(40)
    assert sorted(seen) == ["a", "b", "c"]


def test_dynamic_client_and_server_side_apply(api, space):
    found = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}, "data": {"a": "1", "b": "1"}}
    found.server_side_apply(body, name="d", namespace=space, field_manager="one")
    body["data"] = {"a": "2"}
    with pytest.raises(dynamic.exceptions.ConflictError):
        found.server_side_apply(body, name="d", namespace=space, field_manager="two")
    applied = found.server_side_apply(body, name="d", namespace=space, field_manager="two", force_conflicts=True)
    assert applied.data.to_dict() == {"a": "2", "b": "1"}
    body["data"] = {}
    assert found.server_side_apply(body, name="d", namespace=space, field_manager="one").data.to_dict() == {"a": "2"}


def test_leader_election(core, kubeconfig, space):
    """The second candidate leads once the first was killed and its time is over."""
    def candidate(name):
        process = subprocess.Popen([sys.executable, "-c", CANDIDATE, kubeconfig, space, name], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        running.append(process)
        return process

    def holder():
        note = core.read_namespaced_config_map("leader", space).metadata.annotations
        return json.loads(note["control-plane.alpha.kubernetes.io/leader"])["holderIdentity"]
    running = []
    try:
        first = candidate("first")
        assert first.stdout.readline() == "leads\n" and holder() == "first"
        second = candidate("second")
        first.kill()
        assert second.stdout.readline() == "leads\n" and holder() == "second"
    finally:
        for process in running:
            process.kill()
            process.communicate()
