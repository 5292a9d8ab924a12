"""What a person does on the page, done in a browser."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

TILE = "#results .results-body a.picture"
HIT = ".asking .tile .told"


def drop(page: Any, path: Path, place: int = 0) -> None:
    """Drop a file on one of the places that are offered."""
    page.evaluate(
        """([data, place]) => {
          const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
          const carried = new DataTransfer();
          carried.items.add(new File([bytes], "dropped.jpg", {type: "image/jpeg"}));
          const fire = (on, kind) => on.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
          fire(document.body, "dragenter");
          fire(document.querySelectorAll(".dropping .place")[place], "drop");
        }""",
        [base64.b64encode(path.read_bytes()).decode(), place],
    )


def opened(page: Any, where: str = "/") -> Any:
    page.goto(where)
    page.wait_for_selector(f"{TILE} img.there")
    return page


def asked(page: Any) -> Any:
    """Search from the first picture."""
    opened(page).locator(TILE).first.click()
    page.wait_for_selector(HIT)
    return page


def test_the_gallery_is_there_at_once_in_its_own_shapes(page: Any) -> None:
    opened(page)
    assert page.locator("#results-title").text_content() == "25 pictures"
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('.tile img.there')].map((each) =>
          [each.clientWidth / each.clientHeight, each.getAttribute('width') / each.getAttribute('height')])"""
    )
    assert boxes
    assert all(abs(shown - true) < 0.05 * true for shown, true in boxes)


def test_a_dropped_picture_brings_results_a_click_searches_on_and_back_leads_back(
    page: Any, queries: list[Path]
) -> None:
    drop(opened(page), queries[0])
    page.wait_for_selector(HIT)
    first = page.url
    assert re.search(r"q=upload:[0-9a-f]{32}", first)
    before = page.locator(TILE).first.get_attribute("title")
    page.locator(TILE).nth(2).click()
    page.wait_for_url("**q=key:**")
    assert page.locator("#trail li").count() == 3
    page.go_back()
    page.wait_for_url(first)
    page.wait_for_function("key => document.querySelector('.results-body a.picture')?.title === key", arg=before)
    page.go_back()
    page.wait_for_function("() => document.getElementById('results-title').textContent === '25 pictures'")


def test_a_breadcrumb_leads_back_to_its_question(page: Any) -> None:
    asked(page)
    first = page.url
    page.locator(TILE).nth(3).click()
    page.wait_for_function("() => document.querySelectorAll('#trail li').length === 3")
    page.locator("#trail a").nth(1).click()
    page.wait_for_url(first)
    assert page.locator("#trail li").count() == 2


def test_an_address_alone_brings_the_whole_question(page: Any) -> None:
    key = asked(page).locator(TILE).first.get_attribute("title")
    opened(page, f"/?q=key:{key}&q=-0.5*key:{page.locator(TILE).nth(1).get_attribute('title')}&k=12")
    assert page.locator(".part").count() == 2
    assert page.locator(".part[data-away=true]").count() == 1


def test_a_box_drawn_by_mouse_searches_that_part(page: Any) -> None:
    box = asked(page).locator(".drawable").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.8, steps=4)
    with page.expect_request("**/v1/search") as sent:
        page.mouse.up()
    region = sent.value.post_data_json["query"][0]["region"]
    left, top, width, height = (float(each.rstrip("%")) for each in region.split(","))
    assert (left, top, width, height) == pytest.approx((20, 20, 50, 60), abs=1.5)


def test_a_box_moved_by_keys_searches_that_part(page: Any) -> None:
    asked(page).get_by_role("button", name="Search a part").click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    with page.expect_request("**/v1/search") as sent:
        page.keyboard.press("Enter")
    assert sent.value.post_data_json["query"][0]["region"] == "27%,25%,50%,52%"


def test_more_and_less_like_a_picture_mix_it_into_the_question(page: Any) -> None:
    asked(page).locator(TILE).nth(1).focus()
    with page.expect_request("**/v1/search") as sent:
        page.keyboard.press("-")
    assert [part.get("weight", 1) for part in sent.value.post_data_json["query"]] == [1, -0.5]
    page.wait_for_selector(".part[data-away=true]")
    slider = page.locator(".weight input").nth(1)
    slider.focus()
    with page.expect_request("**/v1/search") as sent:
        page.keyboard.press("ArrowLeft")
    assert sent.value.post_data_json["query"][1]["weight"] == -0.6


def test_a_picked_value_filters_the_gallery(page: Any, drawn: Path) -> None:
    opened(page).keyboard.press("f")
    kind = sorted(each.name for each in drawn.iterdir() if not each.name.startswith("."))[1]
    page.locator(".chip", has_text=kind).click()
    page.wait_for_function("() => document.getElementById('results-title').textContent.startsWith('6 pictures pass')")
    assert all(
        title.startswith(kind) for title in page.locator(TILE).evaluate_all("all => all.map(each => each.title)")
    )


def test_a_wrong_filter_is_told_where_it_stands(page: Any) -> None:
    page.allowed.append("400")
    opened(page).keyboard.press("f")
    page.locator("#where").fill("folder = ")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('where-error').textContent.includes('where')")
    assert page.locator("#where").get_attribute("aria-invalid") == "true"
    page.locator("#where").fill("width > 10")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{TILE} img.there")
    assert page.locator("#where-error").text_content() == ""


def test_the_large_view_goes_by_keys_and_closes(page: Any) -> None:
    opened(page).locator(TILE).first.focus()
    page.keyboard.press("Space")
    page.wait_for_selector(".lightbox .high.there")
    assert page.locator(".lightbox .place").text_content() == "1 of 25"
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".lightbox .high.there")
    assert page.locator(".lightbox .place").text_content() == "2 of 25"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".lightbox .place").text_content() == "1 of 25"
    page.keyboard.press("Escape")
    assert not page.locator(".lightbox").is_visible()
    assert page.evaluate("document.activeElement.matches('a.picture')")


def test_query_and_hit_stand_side_by_side_with_what_they_have_in_common(page: Any) -> None:
    size = {"width": 96, "height": 96}
    told = {"inliers": 3, "query": size, "hit": size, "matches": [[10, 10, 20, 20], [50, 50, 60, 60], [90, 5, 80, 5]]}
    page.route("**/v1/explain", lambda route: route.fulfill(json=told))
    asked(page).locator(TILE).first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("c")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.pair img')].filter(each => each.naturalWidth).length === 2"
    )
    page.get_by_text("3 places are the same in both").wait_for()
    assert page.locator(".lines line").count() == 3


def test_copies_are_folded_under_a_count_that_opens(page: Any) -> None:
    asked(page)
    page.get_by_role("switch", name="Fold copies").check()
    page.wait_for_url("**fold=1**")
    page.goto(re.sub(r"q=[^&]*", "q=key:" + page.locator(TILE).nth(3).get_attribute("title"), page.url) + "&k=204")
    page.locator(".copies").first.click()
    page.wait_for_selector(".lightbox .high.there")
    assert page.locator(".lightbox .place").text_content() == "2 of 2"


def selected(page: Any, count: int = 3) -> Any:
    opened(page).locator(TILE).first.focus()
    page.keyboard.press("x")
    page.locator(TILE).nth(count - 1).click(modifiers=["Shift"])
    page.wait_for_function(
        "count => document.querySelector('#bar strong').textContent === `${count} selected`", arg=count
    )
    return page


def exported(page: Any, name: str) -> bytes:
    page.locator("#bar summary").click()
    with page.expect_download() as coming:
        page.get_by_role("button", name=name).click()
    return Path(coming.value.path()).read_bytes()


def test_a_selection_is_exported_as_lists(page: Any) -> None:
    keys = exported(selected(page), "List of paths").decode().splitlines()
    assert len(keys) == 3
    assert [row["key"] for row in csv.DictReader(io.StringIO(exported(page, "Table").decode()))] == keys
    assert [each["key"] for each in json.loads(exported(page, "Data"))] == keys


def test_a_selection_is_exported_as_a_page_that_asks_nobody(page: Any) -> None:
    text = exported(selected(page), "Page with").decode()
    assert text.count('src="data:image/') == 3
    assert "default-src 'none'" in text


def test_a_selection_is_exported_as_an_archive_of_the_originals(page: Any, drawn: Path) -> None:
    page.add_init_script("delete window.showSaveFilePicker")
    with zipfile.ZipFile(io.BytesIO(exported(selected(page), "Originals"))) as packed:
        assert packed.testzip() is None
        assert len(packed.namelist()) == 3
        assert all(packed.read(name) == (drawn / name).read_bytes() for name in packed.namelist())


def test_escape_clears_a_selection(page: Any) -> None:
    selected(page).keyboard.press("Escape")
    assert not page.locator("#bar").is_visible()


def test_a_server_that_is_away_is_told_and_asked_again(page: Any) -> None:
    page.allowed.append("ERR_FAILED")
    page.route("**/v1/collections", lambda route: route.abort())
    page.goto("/")
    page.get_by_text("The server does not answer").wait_for()
    page.unroute("**/v1/collections")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(f"{TILE} img.there")


def test_a_busy_server_is_waited_for(page: Any) -> None:
    page.allowed.append("429")
    seen: list[int] = []

    def busy_once(route: Any) -> None:
        seen.append(1)
        if len(seen) == 1:
            route.fulfill(status=429, headers={"Retry-After": "1"}, content_type="application/problem+json", body="{}")
        else:
            route.continue_()

    page.route("**/v1/search", busy_once)
    opened(page).locator(TILE).first.click()
    page.locator("#notices", has_text="The server is busy").wait_for()
    page.wait_for_selector(HIT)
    assert len(seen) == 2


def test_a_guarded_server_asks_for_a_token_once_and_keeps_it_for_the_tab(page: Any) -> None:
    page.allowed.append("401")

    def guarded(route: Any) -> None:
        if route.request.headers.get("authorization") == "Bearer right":
            route.continue_()
        else:
            body = json.dumps({"type": "/problems/no-token", "status": 401, "detail": "a token is needed"})
            route.fulfill(status=401, content_type="application/problem+json", body=body)

    page.route("**/v1/**", guarded)
    page.goto("/")
    page.get_by_label("Token").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("does not know this token").wait_for()
    page.get_by_label("Token").fill("right")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{TILE} img.there")
    assert page.locator(f"{TILE} img.there").first.get_attribute("src").startswith("blob:")
    page.reload()
    page.wait_for_selector(f"{TILE} img.there")


def test_an_expired_upload_is_told_with_the_way_out(page: Any) -> None:
    page.allowed.append("404")
    page.goto(f"/?q=upload:{'0' * 32}")
    page.get_by_text("this one is gone").wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    asked(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_what_a_reader_of_screens_needs_has_names_and_contrast(browser: Any, address: str, colours: str) -> None:
    source = os.environ.get("AXE")
    if source is None:
        pytest.skip("axe-core is not here: `npm pack axe-core`, unpack it, and name its axe.min.js in AXE")
    context = browser.new_context(bypass_csp=True, base_url=address, color_scheme=colours, reduced_motion="reduce")
    page = context.new_page()
    found = []
    for prepare in (opened, asked, selected):
        prepare(page)
        page.keyboard.press("f")
        page.wait_for_selector(".chip")
        page.add_script_tag(content=Path(source).read_text("utf-8"))
        told = page.evaluate(
            "async () => (await axe.run()).violations.map(({impact, id, nodes}) => [impact, id, nodes[0].html])"
        )
        found += [each for each in told if each[0] in ("serious", "critical")]
    context.close()
    assert found == []
