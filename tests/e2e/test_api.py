# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes API as the stock kubectl uses it, without the mesh: what these tests expect, a real Kubernetes 1.34 does."""
import json
import re
import subprocess
import uuid

from cluster import KUBECTL, wait_until

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {tier: gold}}
data: {colour: red, size: "3"}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: one
        image: 127.0.0.1:1/one:1
        env: [{name: A, value: a}, {name: B, value: b}]
        ports: [{containerPort: 80}]
      - {name: two, image: "127.0.0.1:1/two:1"}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: admin, port: 9000}]
"""


def test_versions_and_health(cluster):
    version = json.loads(cluster.out("version", "-o", "json"))
    assert version["serverVersion"]["major"] == "1" and int(version["serverVersion"]["minor"]) >= 34
    assert cluster.out("get", "--raw", "/readyz").strip() == "ok"
    listed = cluster.out("api-resources")
    for name in ("pods", "services", "configmaps", "deployments", "replicasets", "endpointslices", "namespaces"):
        assert re.search(rf"^{name}\s", listed, re.M), listed


def test_namespace_comes_and_goes(cluster):
    name = "api-" + uuid.uuid4().hex[:8]
    assert cluster.out("create", "namespace", name) == f"namespace/{name} created\n"
    assert f'namespaces "{name}" already exists' in cluster.fails("create", "namespace", name)
    assert cluster.out("label", "namespace", name, "team=a") == f"namespace/{name} labeled\n"
    assert re.search(rf"^{name}\s+Active\s+\S+\s+kubernetes.io/metadata.name={name},team=a$",
                     cluster.out("get", "namespace", "--show-labels"), re.M)
    cluster.apply(CONFIG, name)
    wait_until(lambda: "ca.crt" in cluster.get("configmap", "kube-root-ca.crt", "-n", name)["data"], 20, "no root")
    assert f'namespace "{name}" deleted' in cluster.out("delete", "namespace", name)
    assert "not found" in cluster.fails("get", "configmap", "settings", "-n", name)


def test_apply_says_what_it_did(cluster, ns):
    assert cluster.apply(CONFIG, ns) == "configmap/settings created\n"
    assert cluster.apply(CONFIG, ns) == "configmap/settings unchanged\n"
    assert cluster.apply(CONFIG.replace("red", "blue"), ns) == "configmap/settings configured\n"
    assert cluster.get("configmap", "settings", "-n", ns)["data"] == {"colour": "blue", "size": "3"}
    cluster.apply(CONFIG.replace('colour: red, ', ''), ns)
    assert cluster.get("configmap", "settings", "-n", ns)["data"] == {"size": "3"}
    assert cluster.out("delete", "-n", ns, "-f", "-", stdin=CONFIG).startswith('configmap "settings" deleted')


def test_create_get_and_output_forms(cluster, ns):
    assert cluster.out("create", "configmap", "made", "--from-literal=a=1", "-n", ns) == "configmap/made created\n"
    assert cluster.out("get", "configmap", "made", "-n", ns, "-o", "jsonpath={.data.a}") == "1"
    assert cluster.out("get", "configmap", "made", "-n", ns, "-o", "name") == "configmap/made\n"
    assert "\n  a: \"1\"\n" in cluster.out("get", "configmap", "made", "-n", ns, "-o", "yaml")
    assert re.search(r"^NAME\s+DATA\s+AGE\nmade\s+1\s+\d+s$", cluster.out("get", "configmap", "made", "-n", ns), re.M)
    assert cluster.out("get", "configmap", "made", "-n", ns, "-o", "custom-columns=N:.metadata.name") == "N\nmade\n"
    assert 'configmaps "none" not found' in cluster.fails("get", "configmap", "none", "-n", ns)
    assert "no resources found" in (cluster.run("get", "pods", "-n", ns).stderr).lower()
    cluster.out("create", "secret", "generic", "key", "--from-literal=k=v", "-n", ns)
    assert cluster.get("secret", "key", "-n", ns)["data"] == {"k": "dg=="}


def test_selectors(cluster, ns):
    cluster.apply(CONFIG, ns)
    cluster.apply(CONFIG.replace("settings", "other").replace("gold", "silver"), ns)

    def names(*args):
        return cluster.out("get", "configmaps", "-n", ns, "-o", "name", *args).split()
    assert names("-l", "tier=gold") == ["configmap/settings"]
    assert names("-l", "tier in (silver,bronze)") == ["configmap/other"]
    assert names("-l", "tier,tier!=gold") == ["configmap/other"]
    assert names("--field-selector", "metadata.name=other") == ["configmap/other"]
    assert cluster.out("delete", "configmaps", "-n", ns, "-l", "tier").count("deleted") == 2


def test_patches(cluster, ns):
    cluster.apply(CONFIG, ns)
    cluster.out("patch", "configmap", "settings", "-n", ns, "--type=merge", "-p", '{"data":{"colour":null,"new":"1"}}')
    assert cluster.get("configmap", "settings", "-n", ns)["data"] == {"size": "3", "new": "1"}
    cluster.out("patch", "configmap", "settings", "-n", ns, "--type=json", "-p",
                '[{"op":"test","path":"/data/new","value":"1"},{"op":"replace","path":"/data/new","value":"2"}]')
    assert cluster.get("configmap", "settings", "-n", ns)["data"]["new"] == "2"
    cluster.apply(DEPLOYMENT, ns)
    cluster.out("patch", "deployment", "web", "-n", ns, "-p",
                '{"spec":{"template":{"spec":{"containers":[{"name":"one","env":[{"name":"B","value":"c"}]}]}}}}')
    containers = cluster.get("deployment", "web", "-n", ns)["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in containers] == ["one", "two"]
    assert {e["name"]: e["value"] for e in containers[0]["env"]} == {"A": "a", "B": "c"}
    assert cluster.out("label", "deployment", "web", "-n", ns, "x=y") == "deployment.apps/web labeled\n"
    assert cluster.out("annotate", "deployment", "web", "-n", ns, "x=y") == "deployment.apps/web annotated\n"


def test_conflict_and_immutable_fields(cluster, ns):
    cluster.apply(CONFIG, ns)
    old = cluster.get("configmap", "settings", "-n", ns)
    cluster.apply(CONFIG.replace("red", "blue"), ns)
    old["data"]["colour"] = "green"
    said = cluster.fails("replace", "-n", ns, "-f", "-", stdin=json.dumps(old))
    assert "the object has been modified" in said, said
    cluster.apply(DEPLOYMENT, ns)
    said = cluster.fails("apply", "-n", ns, "-f", "-", stdin=DEPLOYMENT.replace("{app: web}", "{app: x}"))
    assert "field is immutable" in said, said


def test_bad_objects_are_refused(cluster, ns):
    said = cluster.fails("apply", "-n", ns, "-f", "-", stdin=CONFIG.replace("name: settings", "name: Not_Valid"))
    assert "Not_Valid" in said and "metadata.name" in said, said
    said = cluster.fails("apply", "-n", ns, "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicas: many"))
    assert "replicas" in said, said
    said = cluster.fails("apply", "-n", ns, "-f", "-", stdin=SERVICE.replace("port: 9000", "port: 90000"))
    assert "spec.ports[1].port" in said and "65535" in said, said
    said = cluster.fails("apply", "-n", ns, "-f", "-", stdin=CONFIG.replace("v1", "v7"))
    assert 'no matches for kind "ConfigMap" in version "v7"' in said, said


def test_deployment_makes_pods(cluster, ns):
    assert cluster.apply(DEPLOYMENT, ns) == "deployment.apps/web created\n"
    pods = wait_until(lambda: len(p := cluster.pods("app=web", ns)) == 2 and p, 20, "no two pods")
    owner = pods[0]["metadata"]["ownerReferences"][0]
    assert owner["kind"] == "ReplicaSet" and re.fullmatch(r"web-[a-z0-9]+", owner["name"])
    assert re.fullmatch(rf"{owner['name']}-[a-z0-9]{{5}}", pods[0]["metadata"]["name"])
    assert cluster.out("scale", "deployment/web", "--replicas=3", "-n", ns) == "deployment.apps/web scaled\n"
    wait_until(lambda: len(cluster.pods("app=web", ns)) == 3, 20, "no three pods")
    cluster.out("delete", "pod", pods[0]["metadata"]["name"], "-n", ns, "--grace-period=0", "--force")
    wait_until(lambda: len(cluster.pods("app=web", ns)) == 3, 20, "the deleted pod was not replaced")
    assert re.search(r"^web\s+0/3\s+3\s+0\s+\d+s$", cluster.out("get", "deployment", "web", "-n", ns), re.M)
    assert "restarted" in cluster.out("rollout", "restart", "deployment/web", "-n", ns)
    wait_until(lambda: len(cluster.get("replicasets", "-n", ns)["items"]) == 2, 20, "no second ReplicaSet")
    cluster.out("delete", "deployment", "web", "-n", ns)
    wait_until(lambda: not cluster.get("replicasets", "-n", ns)["items"] and not cluster.pods("app=web", ns), 60,
               "ReplicaSets or pods stay behind")


def test_service_gets_an_address_and_slices(cluster, ns):
    cluster.apply(SERVICE, ns)
    service = cluster.get("service", "web", "-n", ns)["spec"]
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", service["clusterIP"]) and service["type"] == "ClusterIP"
    assert [p["targetPort"] for p in service["ports"]] == [8080, 9000]
    slices = wait_until(lambda: cluster.get("endpointslices", "-n", ns, "-l", "kubernetes.io/service-name=web")["items"],
                        20, "no EndpointSlice")
    assert slices[0]["addressType"] == "IPv4"
    assert re.search(r"^web\s+ClusterIP\s+\S+\s+<none>\s+80/TCP,9000/TCP\s+\d+s$",
                     cluster.out("get", "services", "-n", ns), re.M)


def test_watch_sees_changes(cluster, ns):
    watch = subprocess.Popen([KUBECTL, "--kubeconfig", cluster.kubeconfig, "get", "configmaps", "-n", ns, "-l", "tier",
                              "--watch", "--no-headers", "--output-watch-events"], stdout=subprocess.PIPE, text=True)
    try:
        cluster.apply(CONFIG, ns)
        assert watch.stdout.readline().split()[:2] == ["ADDED", "settings"]
        cluster.apply(CONFIG.replace("red", "blue"), ns)
        assert watch.stdout.readline().split()[:2] == ["MODIFIED", "settings"]
        cluster.out("delete", "configmap", "settings", "-n", ns)
        assert watch.stdout.readline().split()[:2] == ["DELETED", "settings"]
    finally:
        watch.kill()
        watch.wait()


def test_describe_and_events(cluster, ns):
    cluster.apply(DEPLOYMENT, ns)
    wait_until(lambda: cluster.pods("app=web", ns), 20, "no pods")
    described = wait_until(lambda: "ScalingReplicaSet" in (d := cluster.out("describe", "deployment", "web", "-n", ns))
                           and d, 20, "no event of the deployment")
    assert re.search(r"^Name:\s+web$", described, re.M) and re.search(r"^Replicas:\s+2 desired", described, re.M)
    assert re.search(r"^\s+two:$", described, re.M)


CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.NAME.test}
spec:
  group: NAME.test
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat, shortNames: [bo]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Sails, type: integer, jsonPath: .spec.sails}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {sails: {type: integer}, name: {type: string}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""


def test_custom_resources(cluster, ns):
    boat = f"apiVersion: {ns}.test/v1\nkind: Boat\nmetadata: {{name: b}}\nspec: {{sails: 2}}\n"
    cluster.out("apply", "-f", "-", stdin=CRD.replace("NAME", ns))
    try:
        cluster.out("wait", "--for=condition=Established", f"crd/boats.{ns}.test", "--timeout=20s")
        wait_until(lambda: cluster.run("get", "boats", "-n", ns, check=False).returncode == 0, 20, "boats are unknown")
        assert cluster.apply(boat, ns) == f"boat.{ns}.test/b created\n"
        assert cluster.apply(boat.replace("sails: 2", "sails: 3"), ns) == f"boat.{ns}.test/b configured\n"
        assert re.search(r"^NAME\s+SAILS\nb\s+3$", cluster.out("get", "bo", "-n", ns), re.M)
        cluster.out("patch", "boat", "b", "-n", ns, "--subresource=status", "--type=merge", "-p", '{"status":{"ok":true}}')
        assert cluster.get("boat", "b", "-n", ns)["status"] == {"ok": True}
    finally:
        cluster.out("delete", "crd", f"boats.{ns}.test")
    wait_until(lambda: cluster.run("get", "boats", "-n", ns, check=False).returncode != 0, 20, "boats are still known")
