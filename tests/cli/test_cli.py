"""The command line as a user meets it, in this process; `tests/e2e` runs it as a program of its own."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image as Picture

from fakes import png
from likewise import cli
from likewise.stores.local import indexing

Run = Callable[..., Result]

COLOURS = {"red": (250, 10, 10), "rose": (240, 40, 60), "green": (10, 250, 10), "blue": (10, 10, 250)}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "warm").mkdir(parents=True)
    for name, colour in COLOURS.items():
        place = folder / "warm" if name in ("red", "rose") else folder
        (place / f"{name}.png").write_bytes(png(colour, 40))
    (folder / "torn.png").write_bytes(b"torn")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run("info")` is `likewise -c TMP info`; anything but a clean end fails the test unless `fails` says so."""

    def call(*words: str | Path, fails: bool = False, data: bytes | None = None) -> Result:
        arguments = ["-c", str(tmp_path), *map(str, words)]
        result = CliRunner().invoke(cli.likewise, arguments, input=data, standalone_mode=False)
        if not fails and result.exception is not None:
            raise result.exception
        return result

    return call


@pytest.fixture
def indexed(run: Run, pictures: Path) -> Path:
    run("index", pictures, "--model", "pixels")
    return pictures


def test_index_says_what_came_in_and_what_did_not(run: Run, pictures: Path) -> None:
    told = run("index", pictures, "--model", "pixels").output
    assert "4 new, 1 skipped" in told
    assert "skipped pictures/torn.png: " in told
    assert "4 images in " in told
    assert "model pixels" in told


def test_index_again_changes_nothing_and_needs_no_place(run: Run, indexed: Path) -> None:
    assert "4 unchanged, 1 skipped earlier" in run("index").output
    (indexed / "blue.png").unlink()
    assert "3 unchanged, 1 vanished, 1 skipped earlier" in run("index").output


def test_index_reads_a_list_from_standard_input(run: Run, pictures: Path) -> None:
    lines = f"{pictures / 'blue.png'}\n{pictures / 'missing.png'}\n"
    told = run("index", "-", "--model", "pixels", data=lines.encode()).output
    assert "1 new, 1 skipped" in told
    assert "missing.png" in told
    assert "no images there" in run("index").output  # what came by standard input cannot be asked for again


def test_index_shows_twenty_reasons_and_says_where_the_rest_is(run: Run, pictures: Path) -> None:
    for i in range(25):
        (pictures / f"torn{i}.png").write_bytes(b"torn")
    told = run("index", pictures, "--model", "pixels").output
    assert told.count("  skipped ") == 20
    assert "… and 6 more: likewise skipped" in told
    assert run("skipped").output.count("\n") == 26


def test_index_without_place_or_collection_is_wrong_usage(run: Run) -> None:
    result = run("index", fails=True)
    assert "name a PLACE" in str(result.exception)


def test_index_with_another_model_is_refused_with_the_way_out(run: Run, indexed: Path) -> None:
    result = run("index", indexed, "--model", "classical", fails=True)
    assert "pass --model pixels" in str(result.exception)


def test_index_with_the_same_model_named_again_is_fine(run: Run, indexed: Path) -> None:
    assert "4 unchanged" in run("index", indexed, "--model", "pixels").output


def test_index_with_another_dtype_is_refused(run: Run, indexed: Path) -> None:
    assert "float32" in str(run("index", indexed, "--dtype", "float16", fails=True).exception)


def test_a_missing_place_is_named(run: Run, tmp_path: Path) -> None:
    result = run("index", tmp_path / "nowhere", "--model", "pixels", fails=True)
    assert "nowhere" in str(result.exception)


def test_a_smaller_limit_of_pixels_skips_the_large_ones(run: Run, pictures: Path) -> None:
    told = run("index", pictures, "--model", "pixels", "--max-pixels", "0.001").output
    assert "5 skipped" in told
    assert "limit" in told


def test_search_in_a_pipe_prints_rank_score_and_path(run: Run, indexed: Path) -> None:
    lines = run("search", indexed / "warm" / "red.png", "-k", "2").output.splitlines()
    ranks, scores, paths = zip(*(line.split("\t") for line in lines), strict=True)
    assert ranks == ("1", "2")
    assert float(scores[0]) == 0.0
    assert float(scores[1]) < 0.0
    assert paths == (str(indexed / "warm" / "red.png"), str(indexed / "warm" / "rose.png"))


def test_search_for_several_names_the_query_first(run: Run, indexed: Path) -> None:
    lines = run("search", indexed, "-k", "1", fails=True).output.splitlines()
    queries = [line.split("\t")[0] for line in lines if "\t" in line]
    assert queries == ["blue.png", "green.png", "warm/red.png", "warm/rose.png"]


@pytest.fixture
def with_text(run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `indexed`, of a model that understands words."""
    from likewise import encoders

    monkeypatch.setitem(encoders._FAMILIES, "named-colours", "fakes:named_colours")
    run("index", pictures, "--model", "named-colours")
    return pictures


def test_search_by_words_where_the_model_has_text(run: Run, with_text: Path) -> None:
    assert run("search", "something green", "-k", "1").output.strip().endswith("green.png")


def test_search_by_words_without_text_says_both_reasons(run: Run, indexed: Path) -> None:
    result = run("search", "something green", fails=True)
    assert result.return_value == 1
    assert result.stderr.startswith("likewise: something green: no such file, and no key: check the path.")
    assert "pixels has no text" in result.stderr


def test_search_mixes_into_every_query(run: Run, with_text: Path) -> None:
    words = ("--plus", "text:blue=0.9", "--minus", with_text / "green.png", "-k", "1", "--json")
    lines = run("search", with_text / "warm" / "red.png", with_text / "blue.png", *words).output.splitlines()
    red, blue = (json.loads(line) for line in lines)
    assert red["query"] == f"{with_text / 'warm' / 'red.png'} + 0.9 × blue − {with_text / 'green.png'}"
    assert blue["hits"][0]["key"] == "pictures/blue.png"
    assert [part["kind"] for part in red["parts"]] == ["image", "text", "image"]


def test_the_command_and_the_library_give_the_same_hits_for_a_mix(run: Run, with_text: Path, tmp_path: Path) -> None:
    import likewise

    words = ("--plus", "text:blue=0.9", "--minus", f"{with_text / 'green.png'}@0,0,9,9", "-k", "3", "--json")
    by_command = json.loads(run("search", "key:pictures/warm/red.png", *words).output)
    with likewise.open(tmp_path) as photos:
        hits = photos.search(
            "key:pictures/warm/red.png",
            k=3,
            plus=[("text:blue", 0.9)],
            minus=[photos.query(with_text / "green.png", region=(0, 0, 9, 9))],
        )
    assert by_command["hits"] == hits.to_json()["hits"]
    assert by_command["left_out"] == ["pictures/warm/red.png"]


def test_an_archive_names_its_queries_and_a_pattern_of_words_does_not(
    run: Run, with_text: Path, tmp_path: Path
) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.write(with_text / "blue.png", "blue.png")
    assert run("search", tmp_path / "packed.zip", "-k", "1").output.startswith("blue.png\t1\t")
    assert run("search", "green or what?", "-k", "1").output.startswith("1\t")


def test_a_wrong_part_of_a_mix_ends_the_command(run: Run, indexed: Path) -> None:
    result = run("search", indexed / "blue.png", "--plus", indexed / "none.png", fails=True)
    assert "none.png: no such file" in str(result.exception)


def test_search_together_is_one_query(run: Run, indexed: Path, tmp_path: Path) -> None:
    names = (indexed / "warm", indexed / "green.png=0.01")
    lines = run("search", *names, "--together", "-k", "2", "--metric", "cosine").output.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["1", "2"]
    assert {Path(line.split("\t")[2]).stem for line in lines} == {"red", "rose"}
    run("search", *names, "--together", "--grid", tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "red+rose+green.png"


def test_search_by_region_and_by_key(run: Run, indexed: Path) -> None:
    told = run("search", f"{indexed / 'blue.png'}@0%,0%,50%,50%", "-k", "1").output
    assert told.strip().endswith("blue.png")
    key = "key:pictures/blue.png"
    assert "blue.png" not in run("search", key, "-k", "9").output
    assert run("search", key, "-k", "1", "--with-self").output.strip().endswith("blue.png")


def test_search_takes_standard_input(run: Run, indexed: Path) -> None:
    told = run("search", "-", "-k", "1", data=png(COLOURS["green"], 30)).output
    assert told.strip().endswith("green.png")


def test_search_as_json_says_everything(run: Run, indexed: Path) -> None:
    answer = json.loads(run("search", indexed / "blue.png", "-k", "9", "--json").output)
    assert answer["model"] == "pixels"
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3, 4]
    best = answer["hits"][0]
    assert (best["key"], best["width"], best["height"]) == ("pictures/blue.png", 40, 40)
    assert best["path"] == str(indexed / "blue.png")


def test_search_with_another_metric(run: Run, indexed: Path) -> None:
    answer = json.loads(run("search", indexed / "blue.png", "--metric", "cosine", "--json").output)
    assert answer["hits"][0]["score"] == pytest.approx(1.0)


def test_search_writes_a_grid_for_each_query(run: Run, indexed: Path, tmp_path: Path) -> None:
    run("search", indexed / "blue.png", indexed / "green.png", indexed / "blue.png", "--grid", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["blue-2.png", "blue.png", "green.png"]
    with Picture.open(tmp_path / "out" / "blue.png") as picture:
        assert picture.width > picture.height > 100


def test_search_writes_one_page(run: Run, indexed: Path, tmp_path: Path) -> None:
    run("search", indexed / "blue.png", indexed / "green.png", "--html", tmp_path / "sub" / "page.html")
    text = (tmp_path / "sub" / "page.html").read_text("utf-8")
    assert "2 searches" in text
    assert (indexed / "warm" / "red.png").as_uri() in text


def test_search_previews_without_a_terminal(run: Run, indexed: Path) -> None:
    assert "blue.png" in run("search", indexed / "blue.png", "--preview", "-k", "2").output


def test_search_on_a_terminal_prints_a_table(run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from likewise.cli import search

    monkeypatch.setattr(search, "on_terminal", lambda: True)
    told = run("search", indexed / "blue.png", "-k", "2").output
    assert "rank" in told
    assert "40 × 40" in told


@pytest.mark.parametrize(
    ("size", "told"), [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1500, "1.5 kB"), (3.2e15, "3200.0 TB")]
)
def test_sizes_are_told_as_people_do(size: float, told: str) -> None:
    from likewise.cli.screen import bytes_text

    assert bytes_text(int(size)) == told


def test_a_download_shows_its_bar_only_when_bytes_come() -> None:
    from likewise.cli.screen import download_bar

    with download_bar() as told:
        told(1, -1)
        told(5, 10)


def test_a_bad_query_costs_itself_only(run: Run, indexed: Path, tmp_path: Path) -> None:
    result = run("search", indexed / "torn.png", tmp_path / "none.png", indexed / "blue.png", "-k", "1", fails=True)
    assert result.return_value == 1
    assert "torn.png" in result.stderr
    assert "none.png" in result.stderr
    assert result.stdout.strip().endswith(str(indexed / "blue.png"))


def test_search_without_a_collection_says_how_to_make_one(run: Run, pictures: Path) -> None:
    assert "likewise index" in str(run("search", pictures / "blue.png", fails=True).exception)


def test_info_counts_everything(run: Run, indexed: Path) -> None:
    facts = json.loads(run("info", "--json").output)
    assert (facts["images"], facts["skipped"], facts["model"]) == (4, 1, "pixels")
    assert facts["sources"] == [str(indexed)]
    told = run("info").output
    assert re.search(r"^images +4$", told, re.M)
    assert re.search(r"^size +[\d.]+ [kM]B$", told, re.M)


def test_skipped_lists_keys_and_reasons(run: Run, indexed: Path) -> None:
    key, reason = run("skipped").output.strip().split("\t")
    assert key == "pictures/torn.png"
    assert json.loads(run("skipped", "--json").output) == {"key": key, "reason": reason}


def test_verify_is_content_with_what_is_whole(run: Run, indexed: Path) -> None:
    result = run("verify", "--deep")
    assert result.return_value == 0
    assert "4 of 4 originals read: 0 cannot be read, 0 changed" in result.output
    assert "all is well" in result.output


def test_verify_reports_what_is_wrong(run: Run, indexed: Path, tmp_path: Path) -> None:
    (indexed / "blue.png").write_bytes(png((1, 2, 3)))
    (indexed / "green.png").unlink()
    (array,) = (tmp_path / ".likewise").glob("embeddings-*")
    data = bytearray(array.read_bytes())
    data[-2] ^= 0x3F
    array.write_bytes(bytes(data))
    result = run("verify")
    assert result.return_value == 1
    assert "pictures/blue.png: has other bytes" in result.output
    assert "pictures/green.png" in result.output
    assert "are not what was written" in result.output
    assert "its embedding is no longer what this model computes" in result.output
    assert "something is wrong" in result.output


def test_forget_takes_out_files_and_folders_and_they_stay_out(run: Run, indexed: Path) -> None:
    assert "1 image forgotten, 3 left" in run("forget", indexed / "blue.png").output
    assert "2 images forgotten, 1 left" in run("forget", "pictures/warm").output
    assert "3 forgotten earlier" in run("index").output
    assert "3 new" in run("index", "--include-forgotten").output


def test_forget_refuses_what_it_does_not_know(run: Run, indexed: Path) -> None:
    result = run("forget", indexed / "blue.png", "/nobody", fails=True)
    assert "/nobody" in str(result.exception)
    assert json.loads(run("info", "--json").output)["images"] == 4


def test_compact_gives_back_room(run: Run, indexed: Path) -> None:
    run("forget", indexed / "blue.png")
    assert "1 row dropped, 3 images" in run("compact").output
    assert "all is well" in run("verify").output


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--version"], 0, "likewise, version "),
        (["-h"], 0, "Find the pictures that look like yours"),
        (["nonsense"], 2, "No such command"),
        (["search", "x", "-k", "0"], 2, "k"),
        (["-c", "/nowhere", "info"], 1, "likewise: no collection in /nowhere"),
    ],
)
def test_the_program_leaves_with_the_right_code(
    words: list[str], code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["likewise", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == code
    printed = capsys.readouterr()
    assert told in printed.out + printed.err


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 0)])
def test_interrupts_and_closed_pipes_are_quiet(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.likewise, "main", broken)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == code


def test_a_network_of_torch_by_any_of_its_names_goes_on_with_its_collection(
    run: Run, pictures: Path, small_networks: dict[str, Any]
) -> None:
    weights = small_networks["resnet18"].file
    told = run("index", pictures, "--model", "resnet18/layer4|gem", "--weights", weights, "--recipe", "crop-32").output
    assert "model resnet18:IMAGENET1K_V1/layer4|gem" in told
    assert "4 unchanged" in run("index", pictures, "--model", "torchvision/resnet18/layer4|gem").output
    result = run("index", pictures, "--model", "resnet18/layer3", fails=True)
    assert "pass --model resnet18:IMAGENET1K_V1/layer4|gem" in str(result.exception)
    assert "green.png" in run("search", pictures / "green.png", "-k", "1").output


def test_an_index_is_wished_for_built_told_of_and_verified(
    run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_LEAST_ROWS", 2)
    out = run("index", pictures, "--model", "pixels", "--index", "lists", "--recall", "0.5").output
    assert "index: lists of" in out
    assert "index: " not in run("index").output
    assert "index         " in run("info").output
    told = run("verify").output
    assert "of the ten nearest, 0.5 wished" in told
    assert "all is well" in told
    assert "built in" in run("index", "--rebuild").output
    picture = pictures / "blue.png"
    best = run("search", picture, "-k", "1").output
    assert "blue.png" in best
    assert run("search", picture, "-k", "1", "--recall", "1").output == best
    assert "index: none, searches are exact" in run("index", "--index", "exact").output
    assert run("search", picture, "--recall", "0", fails=True).exit_code != 0
