"""docs/reranking.md names every reranker with the numbers that it has, and its command lines are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from likewise import cli, rerank

PAGE = (Path(__file__).parents[2] / "docs" / "reranking.md").read_text("utf-8")


def test_every_reranker_stands_in_the_table_with_its_usual_numbers() -> None:
    pytest.importorskip("cv2")
    told = re.findall(r"^\| `([\w-]+[^`]*)` \|", PAGE, re.M)
    assert [each.partition(":")[0] for each in told[: len(rerank.names())]] == rerank.names()
    for each in told[: len(rerank.names())]:
        assert rerank.load(each.partition(":")[0]).name == each


def test_the_command_lines_are_understood() -> None:
    pytest.importorskip("cv2")
    blocks = [block for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S) if not kind]
    lines = [line.partition("   #")[0] for block in blocks for line in block.splitlines() if line]
    assert len(lines) >= 7
    for line in lines:
        program, command, *words = shlex.split(line)
        assert program == "likewise"
        found = cli.likewise.commands[command]
        parsed = found.make_context(command, [word for word in words if not word.endswith(".json")] + _files(words))
        assert isinstance(parsed, click.Context)
        if parsed.params.get("rerank"):
            assert rerank.load(parsed.params["rerank"]).steps


def _files(words: list[str]) -> list[str]:
    """Files that are there, in the place of those that the page compares."""
    return [__file__ for word in words if word.endswith(".json")]
