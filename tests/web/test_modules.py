"""The pure modules of the page, run in the browser that they are for."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest

WEB = files("likewise.service") / "web"


def run(page: Any, module: str, body: str, given: object = None) -> Any:
    page.goto("/")
    return page.evaluate(f"async (given) => {{ const m = await import('/web/{module}'); {body} }}", given)


@pytest.mark.parametrize(
    "part",
    [
        {"kind": "key", "name": "2019/a cat=2@home.jpg", "weight": 1, "region": None},
        {"kind": "key", "name": "50,0,1,1@key:x", "weight": -0.5, "region": [25, 0, 50.5, 100]},
        {"kind": "text", "name": "3*text:at night\n&q=key:b", "weight": 2, "region": None},
        {"kind": "upload", "name": "0" * 32, "weight": 0.1, "region": [0, 0, 10, 10]},
    ],
)
def test_an_address_brings_back_the_question_it_was_made_of(page: Any, part: dict[str, Any]) -> None:
    state = {
        "terms": [part],
        "picked": {"label": ["a'b", "x=y"]},
        "where": "width > 1 and key != '#'",
        "k": 36,
        "fold": True,
    }
    state |= {
        "liked": ["a&b"],
        "disliked": ["c"],
        "layers": {"vgg19/fc1": 0.5},
        "from": "2024-01-01",
        "significance": 0.001,
    }
    told = run(page, "state.js", "return m.fromAddress(m.toAddress(m.changed(m.START, given)));", state)
    assert {name: told[name] for name in state} == state


def test_the_start_has_an_empty_address_and_nonsense_is_left_out(page: Any) -> None:
    assert run(page, "state.js", "return m.toAddress(m.START);") == ""
    told = run(page, "state.js", "return m.fromAddress('?q=nonsense&view=evil&k=-3&from=yesterday&chance=7');")
    assert (told["terms"], told["view"], told["k"], told["from"], told["significance"]) == ([], "", 0, "", 1)


def test_picked_values_are_quoted_and_numbers_are_bare(page: Any) -> None:
    state = {
        "picked": {"label": ["it's", "b"], "year": ["1999"]},
        "from": "2024-01-01",
        "to": "",
        "where": "a = 1 or b = 2",
    }
    told = run(page, "where.js", "return m.expression(given, {year: 'number'});", state)
    assert told == "label in ('it''s', 'b') and year = 1999 and date >= 2024-01-01 and (a = 1 or b = 2)"


def test_rows_are_as_wide_as_the_page_keep_shapes_and_never_overlap(page: Any) -> None:
    told = run(
        page,
        "layout.js",
        """const rows = new m.Rows({width: 1000, height: 180, gap: 8, below: 20});
        const shapes = Array.from({length: 200}, (_, i) => m.shape(100 + (i * 37) % 400, 100 + (i * 53) % 300));
        for (let i = 0; i < 200; i += 7) rows.append(shapes.slice(i, i + 7));
        return {rows: rows.rows, boxes: rows.boxes, shapes};""",
    )
    assert len(told["boxes"]) == 200
    for row in told["rows"]:
        boxes = told["boxes"][row["first"] : row["end"]]
        if row["full"]:
            assert boxes[-1]["x"] + boxes[-1]["width"] == pytest.approx(1000)
        assert all(a["x"] + a["width"] + 8 == pytest.approx(b["x"]) for a, b in pairwise(boxes))
    shapes = [box["width"] / box["height"] for box in told["boxes"]]
    assert shapes == pytest.approx(told["shapes"])
    assert all(a["bottom"] + 8 == pytest.approx(b["top"]) for a, b in pairwise(told["rows"]))


def test_rows_laid_piece_by_piece_are_those_laid_at_once(page: Any) -> None:
    told = run(
        page,
        "layout.js",
        """const shapes = Array.from({length: 90}, (_, i) => 0.5 + (i * 7919 % 100) / 60);
        const make = (step) => { const rows = new m.Rows({width: 777, height: 150, gap: 6});
          for (let i = 0; i < 90; i += step) rows.append(shapes.slice(i, i + step)); return rows.boxes; };
        return [make(90), make(1), make(13)];""",
    )
    assert told[0] == told[1] == told[2]


def test_a_zip_name_cannot_leave_the_folder(page: Any) -> None:
    told = run(
        page, "zip.js", "return given.map(m.safe);", ["../../etc/x.jpg", "/a/b.jpg", "C:\\x.jpg", "..", "ok/ü.jpg"]
    )
    assert told == ["etc/x.jpg", "a/b.jpg", "C__x.jpg", "picture", "ok/ü.jpg"]


def test_a_formula_in_a_key_is_a_text_in_the_table(page: Any) -> None:
    told = run(page, "export.js", "return m.asCsv([{key: '=1+1', metadata: {'a,b': 'x\"y'}}]);")
    assert told.splitlines()[0].endswith(',"a,b"')
    assert told.splitlines()[1].startswith("'=1+1,")
    assert told.splitlines()[1].endswith('"x""y"')


def test_every_text_that_is_shown_is_in_the_file_of_texts_and_every_text_there_is_shown(page: Any) -> None:
    keys = set(run(page, "text.js", "return m.keys();"))
    sources = {each.name: each.read_text("utf-8") for each in WEB.iterdir() if each.name.endswith((".js", ".html"))}
    del sources["text.js"]
    everything = "\n".join(sources.values())
    used = set(re.findall(r"(?<![.\w])text\(\s*\"([^\"]+)\"", everything)) | set(
        re.findall(r'data-text="([^"]+)"', everything)
    )
    assert used <= keys
    families = ("teach.", "map.", "layers.", "rerank.", "view.", "hit.", "keys.", "select.", "export.")
    unused = {key for key in keys if f'"{key}"' not in everything and not key.startswith(families)}
    assert unused == set()


def test_only_the_file_of_the_api_fetches_and_nothing_asks_another_server() -> None:
    for each in WEB.iterdir():
        if each.name.endswith((".js", ".css", ".html")):
            text = each.read_text("utf-8")
            assert each.name == "api.js" or not re.search(
                r"(?<![#.\w])fetch\(|XMLHttpRequest|EventSource|sendBeacon", text
            ), each.name
            assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?https?://", text), each.name
