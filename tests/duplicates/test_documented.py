"""docs/duplicates.md: its command lines are understood, and its numbers are those of the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from likewise import cli
from likewise.duplicates import confirming, threshold

PAGE = (Path(__file__).parents[2] / "docs" / "duplicates.md").read_text("utf-8")


def test_the_command_lines_are_understood() -> None:
    blocks = [block for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S) if not kind]
    lines = [re.split(r" +[#|>]", line)[0] for block in blocks for line in block.splitlines() if line]
    assert len(lines) == 9
    for line in lines:
        program, name, *words = shlex.split(line)
        assert program == "likewise"
        cli.likewise.commands[name].make_context(name, words)


def test_the_numbers_are_those_of_the_program() -> None:
    assert f"{confirming.SIDE} × {confirming.SIDE}" in PAGE
    assert f"{confirming.LEAST:.2f} and more is a copy" in PAGE
    usual = f"{threshold.VERIFIED_AT_EASE:g}; of more than {confirming.HELD:,} pictures {threshold.VERIFIED:g}"
    assert f"| {usual} |" in PAGE
    assert f"| {threshold.UNVERIFIED:g}, or the least" in PAGE
