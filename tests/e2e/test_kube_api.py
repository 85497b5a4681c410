# SPDX-License-Identifier: Apache-2.0
"""The table of API behaviour: the requests of kube_api/*.yaml, and what Kubernetes 1.34 answers, field by field.

The rows are those of the kube-api reference; support/kube_rows.py has the notation. On the sandbox by default, on any
other server with WEFT_E2E_KUBECONFIG: the very same rows.
"""
import os
import uuid

import pytest

from kube_rows import Section, Server, load

ROWS = load(os.path.join(os.path.dirname(__file__), "kube_api"))


@pytest.fixture(scope="module")
def sections(cluster):
    """Sections by name, each with a namespace of its own that goes at the end."""
    server, made = Server(cluster.kubeconfig), {}

    def get(name):
        if name not in made:
            made[name] = Section(server, "rows-" + uuid.uuid4().hex[:8])
            cluster.out("create", "namespace", made[name].known["ns"])
        return made[name]
    yield get
    for section in made.values():
        ns = section.known["ns"]
        cluster.out("delete", "customresourcedefinition", f"boats.{ns}.test", "--ignore-not-found", "--wait=false")
        cluster.out("delete", "namespace", ns, ns + "-b", "--ignore-not-found", "--wait=false")


@pytest.mark.parametrize("name, row", ROWS, ids=[f"{name}: {row['name']}" for name, row in ROWS])
def test_row(sections, name, row):
    wrong = sections(name).run(row)
    if wrong:
        pytest.fail(f"{row['do']}\n  " + "\n  ".join(wrong), pytrace=False)
