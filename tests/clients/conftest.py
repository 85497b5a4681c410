# SPDX-License-Identifier: Apache-2.0
"""The official Python client on an API server: a bare sandbox of the suite's own, or the one of WEFT_E2E_KUBECONFIG."""
import os
import uuid

import pytest
from kubernetes import client, config

from cluster import wait_until
from sandbox import sandbox, sandbox_env

NAME = os.environ.get("WEFT_E2E_NAME", "clients")


@pytest.fixture(scope="session")
def kubeconfig():
    given = os.environ.get("WEFT_E2E_KUBECONFIG")
    if given:
        yield given
        return
    sandbox("up", "--bare", name=NAME)
    yield sandbox_env(NAME)["KUBECONFIG"]
    sandbox("down", name=NAME)


@pytest.fixture(scope="session")
def api(kubeconfig):
    """An ApiClient; each class of the client's own is made of it."""
    return config.new_client_from_config(kubeconfig)


@pytest.fixture
def core(api):
    return client.CoreV1Api(api)


@pytest.fixture
def space(core):
    """A namespace of the test's own."""
    name = "clients-" + uuid.uuid4().hex[:8]
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    wait_until(lambda: core.list_namespaced_service_account(name).items, 20, "no default service account")
    yield name
    core.delete_namespace(name)
