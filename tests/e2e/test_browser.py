# SPDX-License-Identifier: Apache-2.0
"""A real browser (Debian's Chromium, driven by playwright-core) sees the stars and signs in."""
import os

import pytest

from bookinfo import wait_in_force

NS = "bookinfo"
NETWORKING = "bookinfo/networking/"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: tools/install-deps test")
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is missing: tools/install-deps test")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, gateway):
    """A fresh visitor; a failed load of any part of the page fails the test."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(15000)
    failed = []
    page.on("requestfailed", lambda request: failed.append(f"{request.url}: {request.failure}"))
    page.on("response", lambda r: r.status >= 400 and "favicon" not in r.url and failed.append(f"{r.url}: {r.status}"))
    page.url_of_page = f"http://{gateway[0]}:{gateway[1]}/productpage"
    yield page
    context.close()
    assert not failed, failed


def colours(page):
    """The colours that the stars have on the screen, and how many stars are filled."""
    page.goto(page.url_of_page)
    assert page.title() == "Simple Bookstore App"
    assert page.get_by_text("Book Details").is_visible()
    filled = page.locator('[id="glyphicon glyphicon-star"]')
    shown = filled.evaluate_all("stars => stars.map(s => getComputedStyle(s).color)")
    return set(shown), len(shown)


def sign_in(page, user):
    page.goto(page.url_of_page)
    page.click("#sign-in-button")
    page.fill("#username", user)
    page.fill("#password", "secret")
    page.click("dialog button[type=submit]")
    page.wait_for_selector(f"nav >> text={user}")


BLACK, RED = "rgb(0, 0, 0)", "rgb(239, 68, 68)"


@pytest.mark.parametrize("file, kind, expected", [
    ("virtual-service-all-v1.yaml", "none", (set(), 0)),
    ("virtual-service-reviews-v3.yaml", "red", ({RED}, 9)),
    ("virtual-service-reviews-test-v2.yaml", "none", (set(), 0)),
])
def test_stars_under_each_rule(cluster, gateway, plain, page, file, kind, expected):
    cluster.apply_file(NETWORKING + "destination-rule-all.yaml", NS)
    cluster.apply_file(NETWORKING + file, NS)
    wait_in_force(gateway, {kind})
    assert colours(page) == expected


def test_signed_in_users(cluster, gateway, plain, page, browser):
    cluster.apply_file(NETWORKING + "destination-rule-all.yaml", NS)
    cluster.apply_file(NETWORKING + "virtual-service-reviews-jason-v2-v3.yaml", NS)
    wait_in_force(gateway, {"red"})
    assert colours(page) == ({RED}, 9)
    sign_in(page, "jason")
    assert colours(page) == ({BLACK}, 9)
    page.click("text=Sign out")
    page.wait_for_selector("#sign-in-button")
    assert colours(page) == ({RED}, 9)
    sign_in(page, "alice")
    assert colours(page) == ({RED}, 9)
