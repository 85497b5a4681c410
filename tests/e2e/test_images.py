# SPDX-License-Identifier: Apache-2.0
"""Images that are not in the sandbox's store: from a registry on this machine, over skopeo."""
import json
import os
import subprocess

import pytest

import registry
from cluster import wait_until
from test_pods import IMAGE, pod, sh

STORE = os.environ["WEFT_IMAGES"]


@pytest.fixture
def pushed(own_sandbox, tmp_path):
    """The name of an image that lies in a registry alone; afterwards the store forgets it again."""
    with registry.serve(str(tmp_path)) as address:
        name = f"{address}/e2e/box:1"
        subprocess.run(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{STORE}:{IMAGE}",
                        f"docker://{name}"], check=True, timeout=120)
        yield name
    index = os.path.join(STORE, "index.json")
    with open(index, encoding="utf-8") as f:
        content = json.load(f)
    content["manifests"] = [m for m in content["manifests"] if name not in m.get("annotations", {}).values()]
    with open(index, "w", encoding="utf-8") as f:
        json.dump(content, f)


def test_an_image_is_pulled_from_a_local_registry(cluster, pushed):
    manifest = pod("pulled", sh("app", "echo from the registry", image=pushed), restartPolicy="Never")
    cluster.apply(json.dumps(manifest), "default")
    try:
        wait_until(lambda: cluster.get("pod", "pulled")["status"]["phase"] == "Succeeded", 60, "the pod did not run")
        assert cluster.out("logs", "pulled") == "from the registry\n"
        events = cluster.get("events", "--field-selector", "involvedObject.name=pulled")["items"]
        assert f'Successfully pulled image "{pushed}"' in [e["message"] for e in events]
    finally:
        cluster.out("delete", "pod", "pulled", "--wait=false")
