"""The page of a static gallery in a real browser, from a file host and from the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from browsers import chromium, served
from fakes import RandomDirections
from likewise import gallery
from likewise.collection import Collection
from likewise.gallery.codes import coded
from photos import encoded, photo, write

COUNT = 300


class Site:
    def __init__(self, folder: Path, keys: list[str], near: np.ndarray, scores: list[list[float]]) -> None:
        self.folder, self.keys, self.near, self.scores = folder, keys, near, scores


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    place = tmp_path_factory.mktemp("site") / "photos"
    for i in range(COUNT):
        write(place / f"kind {i % 5}" / f"{i:03d} & ö.png", encoded(photo(i, 80, 60)), age_days=i)
    out = place.parent / "site"
    with Collection.create(place, RandomDirections()) as collection:
        collection.index(place)
        gallery.export(collection, out, gallery.Wanted(originals="copy"))
        keys = [record.key for record in collection.records()]
        near = coded(collection.store.snapshot(), "cosine", unit=True).nearest(np.arange(COUNT), 10)
        found = [collection.search(f"key:{key}", 3) for key in keys[:5]]
        scores = [[hit.score for hit in hits] for hits in found]
    return Site(out, keys, near, scores)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(params=["http", "file"])
def address(request: pytest.FixtureRequest, site: Site) -> Iterator[str]:
    if request.param == "file":
        yield (site.folder / "index.html").as_uri()
    else:
        with served(site.folder) as url:
            yield url


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page; the server of `address` outlives it, as it may still be loading."""
    opened = browser.new_page(viewport={"width": 1200, "height": 800})
    opened.set_default_timeout(15_000)
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    yield opened
    opened.close()
    assert faults == []


def shown(page: Any) -> list[str]:
    """The keys in sight, in order."""
    labels = [tile.get_attribute("aria-label") for tile in page.query_selector_all("#grid li .open")]
    return [label.split(": ", 1)[-1] for label in labels]


def begun(page: Any, address: str, hash_: str = "") -> None:
    page.goto(f"{address}{hash_}")
    page.wait_for_selector("body.ready")


def test_hits_are_those_that_the_export_promises(page: Any, address: str, site: Site) -> None:
    begun(page, address, f"#like={quote(site.keys[3], safe='')}")
    page.wait_for_selector("#status:has-text('most similar')")
    assert shown(page)[:10] == [site.keys[i] for i in site.near[3]]
    best = page.inner_text("#grid li:first-child .caption b")
    assert float(best.split("·")[1]) == pytest.approx(site.scores[3][0], abs=0.02)


def test_nothing_is_asked_of_anybody_else(page: Any, address: str, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    begun(page, address, "#view=map")
    page.wait_for_selector("#map:not([hidden])")
    start = address.removesuffix("index.html")
    assert asked
    assert all(url.startswith((start, "data:", "blob:")) for url in asked)


def test_pictures_are_there_before_and_without_a_script(browser: Any, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((site.folder / "index.html").as_uri())
    assert plain.locator("#grid img").count() == 60
    assert plain.locator("#status").inner_text() == f"{COUNT} images"
    context.close()


def test_only_what_is_in_sight_is_in_the_document_and_all_can_be_reached(page: Any, address: str, site: Site) -> None:
    begun(page, address)
    assert 0 < page.locator("#grid li").count() < 120
    page.focus("#grid li .open")
    page.keyboard.press("End")
    page.wait_for_selector(f"#grid li[data-place='{COUNT - 1}']")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == site.keys[-1]
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == site.keys[-2]
    page.keyboard.press("Home")
    page.wait_for_selector("#grid li[data-place='0']")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == site.keys[0]
    assert page.locator("#grid li").count() < 120


def test_filters_narrow_searches_too_and_are_in_the_address(page: Any, address: str, site: Site) -> None:
    begun(page, address)
    page.click("#filters summary")
    page.select_option("#facets select", "kind 2")
    page.wait_for_selector("#status:has-text('60 of 300 images')")
    page.keyboard.press("Escape")
    page.click("#filters summary")
    page.hover("#grid li:first-child")
    page.click("#grid li:first-child .like")
    page.wait_for_selector("#status:has-text('59 most similar of those that pass')")
    assert all("kind 2/" in key for key in shown(page))
    assert "is-folder=kind+2" in page.url
    page.go_back()
    page.wait_for_selector("#status:has-text('60 of 300 images')")
    page.go_back()
    page.wait_for_selector("#status:text-is('300 images')")


def test_names_and_dates_narrow(page: Any, address: str, site: Site) -> None:
    begun(page, address)
    page.keyboard.press("/")
    page.keyboard.type("07 ö")
    page.wait_for_selector("#status:has-text('13 of 300 images')")
    assert shown(page) == [key for key in site.keys if "07" in key]
    begun(page, address, "#from=2023-11-13&to=2023-11-14")
    page.reload()
    page.wait_for_selector("#status:has-text('2 of 300 images')")
    begun(page, address, "#find=nothing+at+all")
    page.reload()
    page.wait_for_selector("#none:not([hidden])")


def test_the_large_view_shows_the_original_steps_and_gives_the_focus_back(page: Any, address: str, site: Site) -> None:
    begun(page, address)
    page.focus("#grid li:nth-child(2) .open")
    page.keyboard.press("Enter")
    page.wait_for_selector("#lightbox[open] .near img")
    assert "originals/" in page.get_attribute("#lightbox .picture", "src")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"#lightbox .name:text-is('{site.keys[2]}')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#lightbox", state="hidden")
    page.wait_for_selector("#grid li[data-place='2'] .open:focus")
    assert "open=" not in page.url
    page.keyboard.press("s")
    page.wait_for_selector("#status:has-text('most similar')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#status:text-is('300 images')")


def test_queries_can_be_mixed(page: Any, address: str, site: Site) -> None:
    keys = [quote(site.keys[i], safe="") for i in (1, 2)]
    begun(page, address, f"#like={keys[0]}&open={keys[1]}")
    page.click("#lightbox .away")
    page.wait_for_selector("#parts li:nth-child(2) .away")
    assert site.keys[2] not in shown(page)[:100]
    page.click("#parts li:nth-child(2) button")
    page.wait_for_selector("#parts li:nth-child(2)", state="detached")
    assert shown(page)[:10] == [site.keys[i] for i in site.near[1]]


def test_the_map_shows_and_opens_pictures(page: Any, address: str, site: Site) -> None:
    begun(page, address)
    page.keyboard.press("m")
    page.wait_for_selector("#map:not([hidden])")
    page.wait_for_selector("#map canvas")
    page.keyboard.press("Tab")
    page.focus("#map canvas")
    for key in ("+", "-", "ArrowLeft", "ArrowUp", "0"):
        page.keyboard.press(key)
    box = page.locator("#map canvas").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.wheel(0, 200)
    for dx in range(0, 200, 5):
        page.mouse.click(middle[0] + dx, middle[1])
        if page.locator("#lightbox[open]").count():
            break
    assert page.locator("#lightbox[open]").count() == 1
    assert "view=map" in page.url


def test_a_link_to_an_image_that_is_not_there_says_so(page: Any, address: str) -> None:
    begun(page, address, "#like=gone.jpg")
    page.wait_for_selector("#status:has-text('No image here is called gone.jpg')")


def test_a_damaged_file_is_told(browser: Any, site: Site, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(site.folder, copy)
    (data,) = (copy / "data").glob("images-*.bin")
    data.write_bytes(b"nothing")
    opened = browser.new_page()
    with served(copy) as url:
        opened.goto(url)
        opened.wait_for_selector("#status:has-text('This gallery cannot be read')")
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["", "#open=", "#view=map", "#like="])
def test_axe_finds_no_fault(browser: Any, site: Site, scheme: str, view: str) -> None:
    """Needs axe-core's script, which is not part of this repository: `npm pack axe-core`, and its path in AXE."""
    axe = os.environ.get("AXE", "")
    if not Path(axe).is_file():
        pytest.skip("AXE names no axe.min.js: npm pack axe-core")
    context = browser.new_context(color_scheme=scheme, bypass_csp=True, viewport={"width": 900, "height": 700})
    opened = context.new_page()
    with served(site.folder) as url:
        end = quote(site.keys[0], safe="") if view.endswith("=") else ""
        begun(opened, url, view + end)
        opened.add_script_tag(path=axe)
        found = opened.evaluate(
            "async () => (await axe.run()).violations.map((v) => [v.id, v.nodes.map((n) => n.html)])"
        )
    context.close()
    assert found == []
