# SPDX-License-Identifier: Apache-2.0
"""Which cluster the end to end tests run on.

With WEFT_E2E_KUBECONFIG set it is that one, as it stands (mesh and BookInfo must be there). Otherwise a sandbox
instance of the tests' own, started before the first test and taken down after the last one; a sandbox that
somebody uses is not touched.
"""
import os
import time
import uuid

import pytest

from cluster import Cluster, wait_until
from sandbox import NAME, sandbox, sandbox_env

ORDER = ("test_api.py", "test_kubectl.py", "test_helm.py", "test_walk.py", "test_mesh_config.py", "test_traffic.py", "test_analyze.py", "test_pods.py",
         "test_autoscale.py", "test_browser.py", "test_ratingsapp.py", "test_samples.py", "test_bad_input.py", "test_load.py", "test_sandbox.py")

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


def pytest_collection_modifyitems(items):
    """The API and the walk first: what follows makes little sense without them."""
    items.sort(key=lambda item: ORDER.index(item.path.name) if item.path.name in ORDER else len(ORDER))


@pytest.fixture(scope="session")
def own_sandbox():
    """The name of the tests' own sandbox, running; tests that need one are skipped on another cluster."""
    if os.environ.get("WEFT_E2E_KUBECONFIG"):
        pytest.skip("runs on the cluster of WEFT_E2E_KUBECONFIG")
    began = time.monotonic()
    sandbox("up")
    print(f"\nsandbox {NAME} up in {time.monotonic() - began:.1f} s")
    yield NAME
    if not os.environ.get("WEFT_E2E_KEEP"):
        sandbox("down")


@pytest.fixture(scope="session")
def cluster(request):
    given = os.environ.get("WEFT_E2E_KUBECONFIG")
    if not given:
        request.getfixturevalue("own_sandbox")
        given = sandbox_env()["KUBECONFIG"]
    return Cluster(given)


@pytest.fixture
def ns(cluster):
    """A namespace of the test's own."""
    name = "api-" + uuid.uuid4().hex[:8]
    cluster.out("create", "namespace", name)
    wait_until(lambda: cluster.get("serviceaccount", "default", "-n", name), 20, "no default service account")
    yield name
    cluster.out("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def metrics(cluster):
    """What pods use is measured: always on the sandbox, elsewhere where metrics.k8s.io is served."""
    if os.environ.get("WEFT_E2E_KUBECONFIG") and \
            cluster.run("get", "--raw", "/apis/metrics.k8s.io/v1beta1", check=False).returncode != 0:
        pytest.skip("the cluster measures no processor use (metrics.k8s.io)")


@pytest.fixture(scope="session")
def gateway(cluster):
    """(host, port) of the ingress gateway; WEFT_E2E_GATEWAY=HOST:PORT where its address cannot be reached."""
    given = os.environ.get("WEFT_E2E_GATEWAY")
    if given:
        host, _, port = given.rpartition(":")
        return host, int(port)
    return cluster.gateway()


RULES = ("virtual-service-all-v1.yaml", "destination-rule-all.yaml")


@pytest.fixture
def plain(cluster):
    """BookInfo without any rule but the gateway's, before and after the test."""
    def clean():
        cluster.out("delete", "virtualservices", "-n", "bookinfo", "--ignore-not-found", "productpage", "reviews",
                    "ratings", "details")
        cluster.out("delete", "destinationrules", "-n", "bookinfo", "--ignore-not-found", "productpage", "reviews",
                    "ratings", "details")
    clean()
    yield
    clean()


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, driven by playwright-core."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: tools/install-deps test")
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is missing: tools/install-deps test")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A fresh visitor; a failed load of any part of a page fails the test."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(15000)
    failed = []
    page.on("requestfailed", lambda request: failed.append(f"{request.url}: {request.failure}"))
    page.on("response", lambda r: r.status >= 400 and "favicon" not in r.url and failed.append(f"{r.url}: {r.status}"))
    yield page
    context.close()
    assert not failed, failed
