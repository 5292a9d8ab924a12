"""Every example of docs/filters.md runs as it stands, and its tables are those of the language."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image as Picture

import likewise
from fakes import NamedColours
from likewise import cli, encoders
from likewise.collection import Collection
from likewise.filters import FACTS, Filter, literals, syntax

PAGE = (Path(__file__).parents[2] / "docs" / "filters.md").read_text("utf-8")
NAMES = ("cat.jpg", "tiger/1.jpg", "tiger/2.jpg", "lion/1.jpg", "old/1.jpg")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collection with the folders that the page names, wide and narrow pictures, and a label."""
    monkeypatch.setitem(encoders._FAMILIES, "named-colours", "fakes:named_colours")
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(NAMES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Picture.new("RGB", (1200 if i % 2 else 150, 60 + i), (i * 30, 250 - i * 30, 7)).save(tmp_path / name)
    with Collection.create(tmp_path, NamedColours()) as made:
        made.index(tmp_path)
        known = made.store.known("tiger/1.jpg")
        assert known is not None
        assert known.record is not None
        with made.store.write() as writer:
            writer.refresh([replace(known.record, metadata={"label": "not a tiger"})])
    return tmp_path


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S)


def test_the_command_lines_run(place: Path) -> None:
    lines = [line.partition("   #")[0] for block in blocks("") for line in block.splitlines() if line]
    assert len(lines) >= 6
    told = {}
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "likewise"
        result = CliRunner().invoke(cli.likewise, words, standalone_mode=False)
        assert result.exception is None, (line, result.exception)
        assert not result.return_value, (line, result.stderr)
        told[line] = result.stdout
    first, _, listed, *_ = told.values()
    assert [line.split("\t")[2] for line in first.splitlines()] == [str(place / "tiger/1.jpg")]
    assert listed == "cat.jpg\nold/1.jpg\ntiger/2.jpg\n"
    with likewise.open() as opened:
        assert "cat.jpg" not in {record.key for record in opened.records()}


def test_the_python_runs(place: Path) -> None:
    (block,) = blocks("python")
    seen: dict[str, object] = {"likewise": likewise}
    exec(compile(block, "docs/filters.md", "exec"), seen)
    with likewise.open() as opened:
        assert [record.key for record in opened.records("folder = 'tiger'")] == ["tiger/2.jpg"]


def test_every_field_and_every_limit_of_the_page_is_that_of_the_language() -> None:
    table = PAGE.partition("## Fields")[2].partition("## Conditions")[0]
    named = re.findall(r"^\| (`.*?) \| (\w+) \|", table, re.M)
    told = {name: kind for names, kind in named for name in re.findall(r"`(\w+)`", names)}
    assert told == dict(FACTS) | {alias: FACTS[name] for alias, name in syntax.ALIASES.items()}
    assert {unit.lower() for unit in re.findall(r"`(\w+)`", table) if unit.endswith("B")} == set(literals.UNITS) - {"b"}
    assert f"Up to {syntax.MOST_CONDITIONS} conditions" in PAGE
    assert f"`not`s {syntax.MOST_DEPTH} deep" in PAGE


def test_every_condition_of_the_page_can_be_read() -> None:
    wanted = [
        text for text in re.findall(r"`([^`\n]+)`", PAGE) if re.search(r"\w ?(=|<|>|!=|is missing|is null)", text)
    ]
    read = [text for text in wanted if not text.startswith(("`", "=", "likewise ", "Filter", "--"))]
    assert len(read) >= 12
    for text in read:
        Filter.parse(text)
