"""The command line, run as a program, gives the hits of the library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import likewise
from fakes import colours


def run(*words: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "likewise", *words], input=data, capture_output=True, check=False)


def test_library_and_command_line_agree(tmp_path: Path) -> None:
    gallery, queries = tmp_path / "gallery", tmp_path / "queries"
    for folder, seed in ((gallery, 1), (queries, 2)):
        folder.mkdir()
        for key, data in colours(30 if seed == 1 else 4, seed).items():
            (folder / key).write_bytes(data)
    done = run("-c", str(tmp_path), "index", str(gallery))
    assert done.returncode == 0, done.stderr
    assert b"30 new" in done.stdout
    told = run("-c", str(tmp_path), "search", str(queries), "-k", "5", "--json")
    answers = [json.loads(line) for line in told.stdout.splitlines()]
    with likewise.open(tmp_path) as photos:
        for answer, path in zip(answers, sorted(queries.iterdir()), strict=True):
            hits = photos.search(path, k=5)
            assert [(hit["key"], hit["score"]) for hit in answer["hits"]] == [(hit.key, hit.score) for hit in hits]
    piped = run("-c", str(tmp_path), "search", "-", "-k", "1", data=sorted(queries.iterdir())[0].read_bytes())
    assert piped.stdout.decode().split("\t")[2].strip() == answers[0]["hits"][0]["path"]


def test_help_is_quick_to_load() -> None:
    program = "import sys, likewise.cli; print([n for n in ('numpy', 'PIL', 'rich', 'torch') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_errors_are_one_line_and_an_exit_code(tmp_path: Path) -> None:
    done = run("-c", str(tmp_path), "search", "nothing.png")
    assert done.returncode == 1
    assert done.stderr.startswith(b"likewise: no collection in ")
    assert done.stderr.count(b"\n") == 1
    assert run("search").returncode == 2
