"""Every example of docs/queries.md runs as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import likewise
from fakes import NamedColours
from likewise import cli, encoders
from likewise.collection import Collection

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text("utf-8")
NAMES = ("cat.jpg", "people.jpg", "dog.jpg", "front.jpg", "side.jpg", "back.jpg", "queries/1.jpg", "holidays/cat.jpg")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the page names, as a collection whose model has text."""
    monkeypatch.setitem(encoders._FAMILIES, "named-colours", "fakes:named_colours")
    monkeypatch.chdir(tmp_path)
    from PIL import Image

    for name, (red, green, blue) in zip(NAMES, [(i * 30, 250 - i * 30, i * i * 5) for i in range(8)], strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (640, 480), (red, green, blue)).save(tmp_path / name)
    with Collection.create(tmp_path, NamedColours()) as made:
        made.index(tmp_path)
    return tmp_path


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S)


def test_the_command_lines_run(place: Path) -> None:
    lines = [line.partition("   #")[0] for block in blocks("") for line in block.splitlines() if line]
    assert len(lines) >= 5
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "likewise"
        result = CliRunner().invoke(cli.likewise, words, standalone_mode=False)
        assert result.exception is None, (line, result.exception)
        assert result.return_value == 0, (line, result.stderr)
        assert result.stdout.count("\n") > 0
    assert (place / "out" / "cat.png").is_file()
    assert (place / "out.html").is_file()


def test_the_python_runs(place: Path) -> None:
    (block,) = blocks("python")
    seen: dict[str, object] = {"likewise": likewise}
    exec(compile(block, "docs/queries.md", "exec"), seen)
    assert seen["dusk"].name == "cat.jpg + 0.5 × at dusk"  # type: ignore[attr-defined]
