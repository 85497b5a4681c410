# SPDX-License-Identifier: Apache-2.0
"""The mesh comes to a bare cluster and goes: istioctl install, a second control plane, Helm, and nothing left."""
import os
import re
import subprocess
import urllib.error
import urllib.request

import pytest

from cluster import TOP, Cluster, wait_until
from sandbox import NAME, sandbox, sandbox_env

BARE = NAME + "-bare"
ISTIOCTL = os.path.join(TOP, "build/bin/istioctl")
SYSTEM = "istio-system"
HELLO = """
apiVersion: v1
kind: Pod
metadata: {name: hello, labels: {app: hello}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: hello, image: weft/ratings-api:v1, command: [sleep, "3600"]}]
"""


@pytest.fixture(scope="module")
def bare():
    """A sandbox without a mesh; these tests install and remove, so they have one of their own. Elsewhere:
    WEFT_E2E_BARE_KUBECONFIG, a cluster without a mesh that has weft's images and weft/ratings-api:v1."""
    given = os.environ.get("WEFT_E2E_BARE_KUBECONFIG")
    if given:
        cluster = Cluster(given)
        yield cluster
        istioctl(cluster, "uninstall", "--purge", "-y")
        cluster.out("delete", "namespace", SYSTEM, "--ignore-not-found")
        return
    if os.environ.get("WEFT_E2E_KUBECONFIG"):
        pytest.skip("installs and removes the mesh: runs on a sandbox of its own")
    try:
        sandbox("up", "--bare", name=BARE)
        yield Cluster(sandbox_env(BARE)["KUBECONFIG"])
    finally:
        sandbox("down", name=BARE, check=False)


def command(cluster, *words, code=0, stdin=""):
    done = subprocess.run(words, capture_output=True, text=True, timeout=150, input=stdin,
                          env={**os.environ, "KUBECONFIG": cluster.kubeconfig})
    assert done.returncode == code, f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def istioctl(cluster, *words, **more):
    return command(cluster, ISTIOCTL, *words, **more)


def ports(cluster, service):
    return [p["port"] for p in cluster.get("service", service, "-n", SYSTEM)["spec"]["ports"]]


def remains(cluster):
    """What of a mesh is in the cluster, the namespace aside."""
    kinds = ("deployments,services,configmaps,secrets,serviceaccounts,roles,rolebindings,hpa,clusterroles,"
             "clusterrolebindings,crds,mutatingwebhookconfigurations,validatingwebhookconfigurations")
    names = cluster.out("get", kinds, "-A", "-o", "name").split()
    return [name for name in names if re.search("istio|/values", name)]


def test_install_asks_and_prints_a_line_per_part(bare):
    out = istioctl(bare, "install", stdin="n\n", code=1)
    assert out.endswith("Proceed? (y/N) Cancelled.\n")
    out = istioctl(bare, "install", stdin="y\n")
    assert re.findall("✔ (.*?)(?: \\(.*)?$", out, re.M) == ["Istio core installed", "Istiod installed",
                                                           "Ingress gateways installed", "Installation complete"]
    again = istioctl(bare, "install", "-y")
    assert again.count("(unchanged: ") == 3
    assert "✔ Istio is installed and verified successfully\n" in istioctl(bare, "verify-install")


def test_five_blocks(bare):
    out = bare.out("get", "all", "-n", SYSTEM)
    blocks = [re.match("[a-z]+", block).group() for block in
              (b.split("\n")[1] for b in out.strip().split("\n\n"))]
    assert blocks == ["pod", "service", "deployment", "replicaset", "horizontalpodautoscaler"]
    assert ports(bare, "istio-ingressgateway") == [15021, 80, 443, 15012, 15443]
    assert ports(bare, "istiod") == [15010, 15012, 443, 15014]
    if "metrics.k8s.io/" not in bare.out("api-versions"):
        pytest.skip("this cluster measures nothing: its autoscalers have no targets")
    wait_until(lambda: re.findall(r"cpu: (\d+)%/80%", bare.out("get", "hpa", "-n", SYSTEM))[1], 60,
               "the autoscalers have no live targets")


def test_proxy_status_and_version(bare):
    out = wait_until(lambda: istioctl(bare, "proxy-status").splitlines()[1], 20, "no proxy is connected")
    name, cluster_id, istiod, version, count, _ = re.split(" {2,}| (?=\\()", out)
    assert name.endswith("." + SYSTEM) and cluster_id == "Kubernetes" and istiod.startswith("istiod-")
    assert int(count) >= 3
    assert f"data plane version: {version} (1 proxies)\n" in istioctl(bare, "version")


def test_another_profile_and_back(bare):
    istioctl(bare, "install", "-y", "--set", "profile=demo")
    assert 31400 in ports(bare, "istio-ingressgateway") and 15012 not in ports(bare, "istio-ingressgateway")
    assert bare.out("get", "hpa", "-n", SYSTEM) == ""
    out = istioctl(bare, "install", "-y")
    assert "  Removed Deployment istio-system/istio-egressgateway.\n" in out
    assert ports(bare, "istio-ingressgateway") == [15021, 80, 443, 15012, 15443]


SHOP_GATEWAY = """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  components:
    ingressGateways:
    - name: istio-ingressgateway
    - name: shop-gateway
      namespace: shop
      label: {istio: shop}
      k8s: {service: {type: ClusterIP, ports: [{name: http, port: 8000, targetPort: 8000}]}}
"""
SHOP = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop}
spec:
  selector: {istio: shop}
  servers: [{port: {number: 8000, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: ["*"]
  gateways: [shop]
  http: [{directResponse: {status: 418, body: {string: "closed"}}}]
"""


def test_a_second_gateway_in_a_namespace_of_its_own(bare, tmp_path):
    (tmp_path / "gateways.yaml").write_text(SHOP_GATEWAY)
    bare.out("create", "namespace", "shop")
    istioctl(bare, "install", "-y", "-f", str(tmp_path / "gateways.yaml"))
    bare.apply(SHOP, "shop")
    pod = bare.pod("istio=shop", "shop")

    def answer():
        try:
            urllib.request.urlopen(f"http://{bare.address('shop-gateway', 'shop')}:8000/", timeout=5)
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
    wait_until(lambda: answer() == (418, "closed"), 20, "the second gateway does not do as it is told")
    assert f"{pod}.shop" in istioctl(bare, "proxy-status", "-n", "shop")
    assert "✔ Istio is installed" in istioctl(bare, "verify-install")
    out = istioctl(bare, "install", "-y")
    assert "  Removed Deployment shop/shop-gateway.\n" in out and "istio-ingressgateway" not in out
    bare.out("delete", "namespace", "shop")


def test_second_control_plane(bare):
    istioctl(bare, "install", "-y", "--set", "profile=minimal", "--revision", "canary")
    bare.out("create", "namespace", "canary")
    bare.out("label", "namespace", "canary", "istio.io/rev=canary")
    bare.apply(HELLO, "canary")
    bare.wait_ready("canary")
    pod = bare.get("pod", "hello", "-n", "canary")
    assert pod["metadata"]["annotations"]["istio.io/rev"] == "canary"
    wait_until(lambda: "istiod-canary-" in istioctl(bare, "proxy-status", "-n", "canary"), 20,
               "hello is not connected to the second control plane")
    bare.out("delete", "namespace", "canary")
    out = istioctl(bare, "uninstall", "-y", "--revision", "canary")
    assert "istiod-canary" in out and out.endswith("✔ Uninstall complete\n")
    assert not [name for name in remains(bare) if "canary" in name]
    assert "✔ Istio is installed" in istioctl(bare, "verify-install")


def test_kube_inject_uses_the_cluster_s_settings(bare, tmp_path):
    (tmp_path / "pod.yaml").write_text(HELLO)
    out = istioctl(bare, "kube-inject", "-f", str(tmp_path / "pod.yaml"))
    assert "image: docker.io/weft/proxyv2:" in out and "name: istio-init" in out


def test_command_line_s_own_image(bare):
    """The image of the command line runs as a job does in a cluster."""
    containers = bare.get("deployment", "istiod", "-n", SYSTEM)["spec"]["template"]["spec"]["containers"]
    image = containers[0]["image"].replace("/pilot:", "/weft:")
    bare.out("run", "cli", f"--image={image}", "--restart=Never", "--", "version", "--remote=false")
    wait_until(lambda: bare.get("pod", "cli")["status"]["phase"] == "Succeeded", 60, "the command did not end well")
    assert bare.out("logs", "cli").startswith("client version: ")
    bare.out("delete", "pod", "cli")


def test_purge_leaves_nothing(bare):
    istioctl(bare, "uninstall", "--purge", "-y")
    assert remains(bare) == []
    wait_until(lambda: bare.get("pods", "-n", SYSTEM)["items"] == [], 60, "pods of the mesh are left")
    assert "Istio is not present" not in istioctl(bare, "version")      # said on standard error


def test_helm_installs_upgrades_and_removes(bare, tmp_path):
    chart = str(tmp_path / "weft")
    subprocess.run([os.path.join(TOP, "tools/build-chart"), chart], check=True, timeout=60)
    for verb in (["install", "--create-namespace"], ["upgrade", "--set", "profile=demo"]):
        out = command(bare, "helm", verb[0], "weft", chart, "-n", SYSTEM, "--wait", "--timeout", "90s", *verb[1:])
        assert "STATUS: deployed" in out
        assert "✔ Istio is installed" in istioctl(bare, "verify-install")
    assert 31400 in ports(bare, "istio-ingressgateway")
    command(bare, "helm", "uninstall", "weft", "-n", SYSTEM, "--wait")
    assert bare.out("get", "deployments,services,hpa", "-n", SYSTEM) == ""
