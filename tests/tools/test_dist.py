# SPDX-License-Identifier: Apache-2.0
"""What leaves the house: the download of `make dist`, and the images in a registry."""
import glob
import json
import os
import subprocess
import urllib.request

import pytest
import yaml

from registry import serve

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
IMAGES = os.environ.get("WEFT_IMAGES", os.path.join(TOP, "build/images"))


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def documents(text):
    return [o for o in yaml.load_all(text, LOADER) if o]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The tarball in a folder of its own, and PATH as the tutorial sets it."""
    run(os.path.join(TOP, "tools/build-dist"))
    [tarball] = glob.glob(os.path.join(TOP, "build/dist/weft-*-linux-*.tar.gz"))
    folder = tmp_path_factory.mktemp("download")
    run("tar", "-C", str(folder), "-xzf", tarball)
    [top] = [os.path.join(folder, name) for name in os.listdir(folder)]
    return top, {**os.environ, "PATH": f"{top}/bin:{os.environ['PATH']}"}


def test_istioctl_runs_from_the_download(unpacked):
    top, env = unpacked
    version = os.path.basename(top).split("-", 1)[1]
    assert run("istioctl", "version", "--remote=false", env=env, cwd="/") == f"client version: {version}\n"
    kinds = [o["kind"] for o in documents(run("istioctl", "manifest", "generate", env=env, cwd="/"))]
    assert kinds.count("Deployment") == 2 and kinds.count("CustomResourceDefinition") == 15
    libraries = run("ldd", f"{top}/bin/weft")
    assert f"{top}/bin/../lib/libjansson" in libraries and "not found" not in libraries


def test_link_beside_the_makefile(unpacked):
    name = os.path.basename(unpacked[0])
    assert os.path.exists(os.path.join(TOP, name, "bin/istioctl"))


def test_files_of_the_download(unpacked):
    top = unpacked[0]
    for path in ("README.md", "LICENSE", "samples/bookinfo/platform/kube/bookinfo.yaml",
                 "samples/bookinfo/networking/bookinfo-gateway.yaml", "samples/ratingsapp/ratings-api-service.yaml",
                 "manifests/profiles/demo.yaml", "manifests/charts/weft/Chart.yaml"):
        assert os.path.isfile(os.path.join(top, path)), path
    assert not glob.glob(f"{top}/samples/**/*.c", recursive=True)
    with open(os.path.join(top, "README.md"), encoding="utf-8") as f:
        assert "@" not in f.read()


def test_chart_of_the_download_brings_the_crds(unpacked):
    top, env = unpacked
    chart = run("helm", "template", "weft", f"{top}/manifests/charts/weft", "-n", "istio-system", "--include-crds",
                "--set", "profile=empty", env=env)
    ours = run("istioctl", "manifest", "generate", "--set", "profile=empty", env=env)
    assert documents(chart) == documents(ours)


# --- images ---


def get(url, accept="application/json"):
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.fixture
def registry(tmp_path):
    """The address of a registry of the test's own."""
    with serve(str(tmp_path)) as address:
        yield address


def test_images_reach_the_hub(registry):
    env = {**os.environ, "SKOPEO_FLAGS": "--dest-tls-verify=false"}
    out = run(os.path.join(TOP, "tools/push-images"), IMAGES, f"{registry}/mesh", "pilot", "proxyv2", "weft", env=env)
    assert out.count("pushed ") == 3
    names = get(f"http://{registry}/v2/_catalog")["repositories"]
    assert names == ["mesh/pilot", "mesh/proxyv2", "mesh/weft"]
    for name in names:
        [tag] = get(f"http://{registry}/v2/{name}/tags/list")["tags"]
        manifest = get(f"http://{registry}/v2/{name}/manifests/{tag}", "application/vnd.oci.image.manifest.v1+json")
        config = get(f"http://{registry}/v2/{name}/blobs/{manifest['config']['digest']}")["config"]
        assert config["User"] == "1337", f"{name} runs as root"


def test_push_says_what_is_wrong(tmp_path):
    (tmp_path / "index.json").write_text('{"manifests": []}')
    done = subprocess.run([os.path.join(TOP, "tools/push-images"), str(tmp_path), "127.0.0.1:1/x"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "has no image of weft/" in done.stderr
    done = subprocess.run([os.path.join(TOP, "tools/push-images"), IMAGES, "127.0.0.1:1/x", "pilot"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "127.0.0.1:1/x/pilot" in done.stderr
