# SPDX-License-Identifier: Apache-2.0
"""Our samples against Istio's own: the same file names and, in each, the same objects. ISTIO_SRC names its sources."""
import os

import pytest
import yaml

from cluster import SAMPLES

ISTIO_SRC = os.environ.get("ISTIO_SRC")
FOLDERS = ("bookinfo", "helloworld", "httpbin", "sleep", "curl", "tcp-echo")
LEFT_OUT = ("bookinfo/swagger.yaml",)          # a description of the HTTP API, no object of a cluster


def manifests(top):
    for folder in FOLDERS:
        for where, _, names in os.walk(os.path.join(top, folder)):
            for name in names:
                path = os.path.relpath(os.path.join(where, name), top)
                if name.endswith(".yaml") and path not in LEFT_OUT:
                    yield path


def objects(path):
    """The objects of a file, by kind and name."""
    with open(path, encoding="utf-8") as f:
        return {(o["kind"], o.get("metadata", {}).get("name")): o for o in yaml.safe_load_all(f) if o}


@pytest.fixture(scope="module")
def theirs():
    if not ISTIO_SRC:
        pytest.skip("ISTIO_SRC is not set: Istio's samples are not there")
    return os.path.join(ISTIO_SRC, "samples")


def test_same_files(theirs):
    assert sorted(manifests(SAMPLES)) == sorted(manifests(theirs))


@pytest.mark.parametrize("path", sorted(manifests(SAMPLES)))
def test_same_objects(theirs, path):
    assert objects(os.path.join(SAMPLES, path)) == objects(os.path.join(theirs, path))
