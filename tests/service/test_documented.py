"""The examples of docs/service.md, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from serving import draw, served

_PAGE = Path(__file__).parents[2] / "docs/service.md"
_EXAMPLES = [
    line for block in re.findall(r"(?s)```sh\n(.*?)```", _PAGE.read_text("utf-8")) for line in block.splitlines()
]

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def test_every_example_answers_what_it_says(photos: Path, tmp_path: Path) -> None:
    draw("lines", 50, side=64).save(tmp_path / "cat.jpg")
    assert len(_EXAMPLES) >= 20
    with served(photos) as (_, port):
        for example in _EXAMPLES:
            command, _, wanted = example.partition("# → ")
            fails = "" if "--no-fail" in command else "--fail-with-body"
            program = command.replace("--no-fail", "").replace("curl ", f"curl -sS {fails} ", 1)
            done = subprocess.run(
                ["sh", "-c", program],
                cwd=tmp_path,
                env=os.environ | {"HERE": f"http://localhost:{port}"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{example}\n{done.stdout}{done.stderr}"
            assert wanted.strip() in done.stdout, f"{example}\n{done.stdout}"
    assert (tmp_path / "03.png").read_bytes() == (photos / "lines/03.png").read_bytes()
    assert (tmp_path / "head").stat().st_size == 100
