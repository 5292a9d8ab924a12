"""Teaching, the map and its pure parts, in a browser."""

from __future__ import annotations

from typing import Any

import pytest

STATS = "JSON.parse(JSON.stringify(document.querySelector('.map').likewiseMap.stats))"


def run(page: Any, module: str, body: str, given: object = None) -> Any:
    page.goto("/")
    return page.evaluate(f"async (given) => {{ const m = await import('/web/{module}'); {body} }}", given)


def test_the_place_under_the_pointer_stays_there_while_the_map_grows(page: Any) -> None:
    found = run(
        page,
        "mapview.js",
        "const c = new m.Camera().fit([-1, -1, 1, 1], 800, 600); const a = c.world(100, 50); c.zoom(3, 100, 50);"
        " const b = c.world(100, 50);"
        " c.pan(30, 40); return [a, b, c.screen(...b)]",
    )
    assert found[0] == pytest.approx(found[1])
    assert found[2] == pytest.approx([130, 90])


def test_runs_of_points_find_what_looking_at_each_point_finds(page: Any) -> None:
    found = run(
        page,
        "mapview.js",
        """
        let seed = 7; const random = () => ((seed = (seed * 16807) % 2147483647) / 2147483647);
        const points = Float32Array.from({length: 6000}, () => 2 * random() - 1);
        const chunks = new m.Chunks(points), box = [-0.2, -0.1, 0.4, 0.5], line = [[-0.5, -0.5], [0.5, -0.4], [0, 0.6]];
        const each = (test) => [...Array(3000).keys()].filter((i) => test(points[2 * i], points[2 * i + 1]));
        const plain = each((x, y) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
        const far = (i) => Math.hypot(points[2 * i] - 0.1, points[2 * i + 1] - 0.1);
        const best = [...Array(3000).keys()].reduce((a, b) => (far(b) < far(a) ? b : a));
        return {within: chunks.within(box), plain, most: chunks.within(box, 10).length, nearest: chunks.nearest(0.1, 0.1, 0.5), best,
          inside: chunks.inside(line), lined: each((x, y) => m.isInside(x, y, line)), none: chunks.nearest(9, 9, 0.1)};
        """,
    )
    assert found["within"] == found["plain"]
    assert len(found["plain"]) > 100
    assert found["most"] == 11
    assert found["nearest"] == found["best"]
    assert found["none"] == -1
    assert found["inside"] == found["lined"]


def test_slow_frames_bring_fewer_points_and_quick_ones_more(page: Any) -> None:
    slow, quick = run(
        page,
        "mapview.js",
        "const of = (ms) => { const p = new m.Pace(); for (let i = 0; i < 100; i++) p.tick(i * ms, i > 0); return p.step(100000); };"
        " return [of(60), of(8)]",
    )
    assert (slow, quick) == (50, 1)


@pytest.mark.parametrize("gl", [True, False])
def test_only_what_can_be_seen_is_drawn(page: Any, gl: bool) -> None:
    found = run(
        page,
        "mapdraw.js",
        """
        const { Camera, Chunks } = await import("/web/mapview.js");
        const canvas = Object.assign(document.createElement("canvas"), {width: 200, height: 200});
        if (given && !canvas.cloneNode().getContext("webgl")) return null;
        const points = Float32Array.from({length: 40000}, (_, i) => (i % 2 ? 0 : i / 20000 - 1));
        const drawer = m.drawer(canvas, {gl: given}), chunks = new Chunks(points), camera = new Camera().fit([-1, -1, 1, 1], 200, 200);
        drawer.put(points); drawer.colour(new Uint8Array(20000));
        const palette = new Float32Array(64).fill(1);
        const draw = (step) => drawer.draw(camera, chunks.runs(camera.seen()), {palette, size: 3, step, ratio: 1});
        const all = draw(1), some = draw(10);
        camera.zoom(50);
        return [all, some, draw(1)];
        """,
        gl,
    )
    if found is None:
        pytest.skip("this chromium has no WebGL")
    assert found[0] == 20000
    assert found[1] == 2000
    assert found[2] < 2000


def test_thumbs_change_the_answer_and_a_concept_is_kept_and_searched(page: Any) -> None:
    page.goto("/?view=teach")
    page.wait_for_selector("#results [data-index] a")
    page.locator("#results [data-index] a").first.focus()
    page.keyboard.press("l")
    page.wait_for_function("location.search.includes('liked=')")
    page.wait_for_selector(".asking .tile .told")
    page.locator('#results [data-index="2"] [data-name="dislike"]').dispatch_event("click")
    page.wait_for_function("location.search.includes('disliked=')")
    page.locator('.teach input[name="concept"]').fill("mine")
    page.locator('.teach form button[type="submit"]').click()
    page.locator(".saved .name", has_text="mine").click()
    page.wait_for_function("location.search.includes('q=concept:mine')")
    page.locator('.saved button[aria-label="Forget mine"]').click()
    page.locator(".saved li", has_text="None yet").wait_for()


def test_the_map_is_made_shown_and_chosen_from(page: Any) -> None:
    page.goto("/?view=map")
    page.wait_for_selector(".map .legend li", timeout=60_000)
    page.wait_for_function(f"{STATS}.pictures > 0", timeout=30_000)  # 25 pictures have room
    stage = page.locator("canvas.over")
    box = stage.bounding_box()
    page.locator('[data-tool="box"]').click()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3, steps=3)
    page.mouse.up()
    page.locator(".actions", has_text="25 chosen").wait_for()
    stage.focus()
    page.keyboard.press("Escape")
    page.locator(".actions").wait_for(state="hidden")
    page.keyboard.press("Enter")
    page.locator(".map .card button", has_text="Search from it").click()
    page.wait_for_function("location.search.includes('q=key:') && !location.search.includes('view=map')")
