# SPDX-License-Identifier: Apache-2.0
"""Fruit Smoothies in the mesh: a page, its API behind a proxy of its own, and a document store as opaque TCP."""
import json
import os
import threading
import urllib.error
import urllib.request

import pytest

from cluster import SAMPLES, wait_until

NS = "ratingsapp-mesh"
FILES = ("ratings-mongodb", "ratings-api-deployment", "ratings-api-service", "ratings-web-deployment",
         "ratings-web-service")
STORE = f"mongodb://ratings:smoothie@ratings-mongodb.{NS}:27017/ratingsdb"


@pytest.fixture(scope="module")
def shop(cluster):
    """The address of ratings-web, with every pod in the mesh and Ready."""
    cluster.out("create", "namespace", NS)
    cluster.out("label", "namespace", NS, "istio-injection=enabled")
    cluster.out("create", "secret", "generic", "mongosecret", "-n", NS, f"--from-literal=MONGOCONNECTION={STORE}")
    for name in FILES:
        with open(os.path.join(SAMPLES, "ratingsapp", name + ".yaml"), encoding="utf-8") as f:
            cluster.apply(f.read().replace(".ratingsapp.svc", f".{NS}.svc"), NS)
    cluster.wait_ready(NS, 3)
    yield "http://" + cluster.address("ratings-web", NS)
    cluster.out("delete", "namespace", NS)


def ask(url, body=None, status=200):
    """(content type, body) of an answer with that status; `body` is posted as JSON."""
    request = urllib.request.Request(url, data=json.dumps(body).encode() if body else None,
                                     headers={"Content-Type": "application/json"})
    try:
        answer = urllib.request.urlopen(request, timeout=15)
    except urllib.error.HTTPError as e:
        answer = e
    with answer:
        content = answer.read()
        assert answer.status == status, f"{url}: {answer.status} {content[:300]}"
        return answer.headers["Content-Type"], content


def payload(url):
    """What an answer of ratings-api carries; its envelope must be whole."""
    envelope = json.loads(ask(url)[1])
    assert set(envelope) == {"message", "status", "payload"} and envelope["status"] == 200, envelope
    return envelope["payload"]


def test_pods_have_sidecars(cluster, shop):
    for pod in cluster.get("pods", "-n", NS)["items"]:
        names = [c["name"] for c in pod["spec"]["containers"] + pod["spec"].get("initContainers", [])]
        assert "istio-proxy" in names, names


def test_seeds(shop):
    assert [(i["uid"], i["name"]) for i in payload(shop + "/api/items")] == [
        (1, "Banana"), (2, "Coconut"), (3, "Oranges"), (4, "Pineapple")]
    site = payload(shop + "/api/sites/FR")
    assert site["name"] == "Fruit Smoothies" and set(site["pages"]) == {"Home", "Rating", "Leaderboard"}
    ask(shop + "/api/sites/XX", status=404)


def test_files_and_history_fallback(shop):
    kind, index = ask(shop + "/")
    assert kind.startswith("text/html") and b"build.js" in index
    assert ask(shop + "/rating")[1] == index
    kind, picture = ask(shop + "/static/img/fruits/banana.jpeg")
    assert kind == "image/jpeg" and picture.startswith(b"\xff\xd8")
    ask(shop + "/nothing.js", status=404)


def test_ratings_make_a_leaderboard(shop):
    ids = {item["name"]: item["_id"] for item in payload(shop + "/api/items")}
    before = {row["name"]: row for row in payload(shop + "/api/items/rated")}
    body = {"userIp": "10.0.0.1", "ratings": [{"id": ids["Oranges"], "rating": 4.5}, {"id": ids["Coconut"], "rating": 2}]}
    assert json.loads(ask(shop + "/api/rate", body)[1])["message"] == "ok"
    board = payload(shop + "/api/items/rated")
    assert [row["stars"] for row in board] == sorted((row["stars"] for row in board), reverse=True)
    oranges = next(row for row in board if row["name"] == "Oranges")
    assert oranges["votes"] == before.get("Oranges", {"votes": 0})["votes"] + 1
    assert oranges["average"] == pytest.approx(oranges["stars"] / oranges["votes"])
    ask(shop + "/api/rate", {"ratings": [{"id": ids["Oranges"], "rating": 9}]}, status=400)


def test_browser_rates_a_fruit(shop, page):
    page.goto(shop + "/")
    page.click("text=Start Rating")
    page.click('[aria-label="Pineapple: 5 stars"]')
    page.click("text=SUBMIT MY RATINGS")
    page.wait_for_selector("text=Orange smoothie? Yuck.")
    assert page.title() == "Fruit Smoothies"
    assert "Pineapple" in page.inner_text("main")
    assert page.locator("footer").inner_text() == "Azure Kubernetes Service (AKS) workshop"


def test_a_store_that_came_back_is_filled_again(cluster, shop):
    """ratings-api notices that the new pod of the store holds nothing."""
    cluster.out("delete", "pod", "-n", NS, "-l", "app=ratings-mongodb")
    wait_until(lambda: len(payload(shop + "/api/items")) == 4, 60, "the items are not back")


def test_load_raises_replicas(cluster, shop, metrics):
    """The workshop's load test: /api/loadtest keeps ratings-api busy, and the autoscaler adds a pod."""
    cluster.apply_file("ratingsapp/ratings-api-hpa.yaml", NS)
    enough = threading.Event()

    def press():
        while not enough.is_set():
            try:
                urllib.request.urlopen(shop + "/api/loadtest", timeout=15).close()
            except OSError:
                enough.wait(0.1)          # the pod that came up is not yet in every proxy
    visitors = [threading.Thread(target=press) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        wait_until(lambda: cluster.get("deployment", "ratings-api", "-n", NS)["status"].get("readyReplicas", 0) > 1, 150,
                   "the autoscaler adds no pod under load", 1)
    finally:
        enough.set()
        for visitor in visitors:
            visitor.join()
        cluster.delete_file("ratingsapp/ratings-api-hpa.yaml", NS)
