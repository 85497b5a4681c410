# SPDX-License-Identifier: Apache-2.0
"""Twenty clients at once on the same object: no update is lost, whatever way they write."""
import threading

import pytest
from kubernetes import client, dynamic

CLIENTS, TURNS = 20, 5


def together(work):
    """Runs work(n) for each client at the same time; the first failure is raised."""
    failures, gate = [], threading.Barrier(CLIENTS)

    def run(number):
        try:
            gate.wait()
            work(number)
        except Exception as failure:
            failures.append(failure)
    threads = [threading.Thread(target=run, args=[number]) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if failures:
        raise failures[0]


def make(core, space, **data):
    core.create_namespaced_config_map(space, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="one"), data=data))


def retried(call):
    """A conflict is answered with another attempt, as programs do."""
    while True:
        try:
            return call()
        except client.ApiException as refused:
            if refused.status != 409:
                raise


def test_updates_with_a_version(core, space):
    make(core, space, n="0")

    def add():
        seen = core.read_namespaced_config_map("one", space)
        seen.data["n"] = str(int(seen.data["n"]) + 1)
        core.replace_namespaced_config_map("one", space, seen)
    together(lambda number: [retried(add) for turn in range(TURNS)])
    assert core.read_namespaced_config_map("one", space).data == {"n": str(CLIENTS * TURNS)}


def test_patches(core, space):
    make(core, space)

    def patch(number):
        for turn in range(TURNS):
            retried(lambda: core.patch_namespaced_config_map("one", space, {"data": {f"k{number}": str(turn)}}))
    together(patch)
    assert core.read_namespaced_config_map("one", space).data == {f"k{n}": str(TURNS - 1) for n in range(CLIENTS)}


def test_applies(api, core, space):
    """Each manager owns a field of its own; twenty create the object at once, too."""
    maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")

    def apply(number):
        for turn in range(TURNS):
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "all"},
                    "data": {f"k{number}": str(turn), "same": "x"}}
            retried(lambda: maps.server_side_apply(body, name="all", namespace=space, field_manager=f"m{number}"))
    together(apply)
    made = core.read_namespaced_config_map("all", space)
    assert made.data == {"same": "x", **{f"k{n}": str(TURNS - 1) for n in range(CLIENTS)}}
    owners = {entry.manager: entry.fields_v1 for entry in made.metadata.managed_fields}
    assert owners == {f"m{n}": {"f:data": {f"f:k{n}": {}, "f:same": {}}} for n in range(CLIENTS)}


def test_generated_names(core, space):
    made = []

    def create(number):
        meta = client.V1ObjectMeta(generate_name="g-")
        for _ in range(TURNS):
            made.append(core.create_namespaced_config_map(space, client.V1ConfigMap(metadata=meta)).metadata.name)
    together(create)
    assert len(set(made)) == CLIENTS * TURNS and all(name.startswith("g-") and len(name) == 7 for name in made)


def test_one_creates_and_one_deletes(core, space):
    won = []

    def create(number):
        try:
            make(core, space)
            won.append(number)
        except client.ApiException as refused:
            assert refused.status == 409 and "already exists" in refused.body
    together(create)
    assert len(won) == 1
    gone = []

    def delete(number):
        try:
            core.delete_namespaced_config_map("one", space)
            gone.append(number)
        except client.ApiException as refused:
            assert refused.status in (404, 409)
    together(delete)
    assert len(gone) >= 1
    with pytest.raises(client.ApiException):
        core.read_namespaced_config_map("one", space)


def test_too_large(core, space):
    with pytest.raises(client.ApiException) as refused:
        make(core, space, a="x" * (3 * 1024 * 1024 + 1))
    assert refused.value.status == 413 and "limit is 3145728" in refused.value.body
