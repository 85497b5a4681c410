# SPDX-License-Identifier: Apache-2.0
"""A real browser (Debian's Chromium, driven by playwright-core) sees the stars and signs in."""
import pytest

from bookinfo import wait_in_force

NS = "bookinfo"
NETWORKING = "bookinfo/networking/"


@pytest.fixture
def bookinfo(page, gateway):
    """The visitor's way to the product page."""
    page.url_of_page = f"http://{gateway[0]}:{gateway[1]}/productpage"
    return page


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
def test_stars_under_each_rule(cluster, gateway, plain, bookinfo, file, kind, expected):
    cluster.apply_file(NETWORKING + "destination-rule-all.yaml", NS)
    cluster.apply_file(NETWORKING + file, NS)
    wait_in_force(gateway, {kind})
    assert colours(bookinfo) == expected


def test_signed_in_users(cluster, gateway, plain, bookinfo, browser):
    cluster.apply_file(NETWORKING + "destination-rule-all.yaml", NS)
    cluster.apply_file(NETWORKING + "virtual-service-reviews-jason-v2-v3.yaml", NS)
    wait_in_force(gateway, {"red"})
    assert colours(bookinfo) == ({RED}, 9)
    sign_in(bookinfo, "jason")
    assert colours(bookinfo) == ({BLACK}, 9)
    bookinfo.click("text=Sign out")
    bookinfo.wait_for_selector("#sign-in-button")
    assert colours(bookinfo) == ({RED}, 9)
    sign_in(bookinfo, "alice")
    assert colours(bookinfo) == ({RED}, 9)
