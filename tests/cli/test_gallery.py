from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from likewise import cli
from photos import album


def test_a_gallery_is_written_and_said_what_it_holds(tmp_path: Path) -> None:
    album(tmp_path / "album")
    runner = CliRunner()
    runner.invoke(cli.likewise, ["-c", str(tmp_path), "index", str(tmp_path / "album"), "--model", "classical"])
    (tmp_path / "album" / "03.png").unlink()
    words = ["-c", str(tmp_path), "gallery", str(tmp_path / "site"), "--originals", "copy", "--title", "Album"]
    first = runner.invoke(cli.likewise, words)
    assert first.exit_code == 0, first.output
    assert "28 images in" in first.stdout
    assert "10 nearest (28 images asked)" in first.stdout
    assert "03.png" in first.stderr
    assert "1 image without its original" in first.stderr
    assert "<title>Album</title>" in (tmp_path / "site" / "index.html").read_text()
    assert "0 files written" in runner.invoke(cli.likewise, words).stdout
