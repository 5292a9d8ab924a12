"""Re-ranked searches of a collection: from Python, from the command line, and as pictures."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Picture

from fakes import NamedColours, RandomDirections
from likewise import cli, encoders, rerank
from likewise.collection import Collection, Hits
from likewise.errors import BadArgument, BadImage, UnknownName
from likewise.stores.local import LocalStore
from likewise.stores.local.snapshot import LocalSnapshot
from rerankings import encoded, textured, turned

COUNT = 8
SHOWN = 5


def random_directions(_: object) -> RandomDirections:
    """As a family of encoders makes it."""
    return RandomDirections()


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """Pictures whose embeddings mean nothing, and `photo.png`, a photo of the fifth."""
    monkeypatch.setitem(encoders._FAMILIES, "random-directions", f"{__name__}:random_directions")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(COUNT):
        (folder / f"{i}.png").write_bytes(encoded(textured(i)))
    (tmp_path / "photo.png").write_bytes(encoded(turned(textured(SHOWN))))
    made = Collection.create(tmp_path, RandomDirections())
    made.index(folder)
    return made


@pytest.fixture
def run(photos: Collection, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(encoders, "load", lambda *_, **__: RandomDirections())

    def call(*words: str) -> Result:
        return CliRunner().invoke(cli.likewise, list(words), standalone_mode=False)

    return call


def keys(hits: Hits) -> list[str]:
    return [Path(hit.key).stem for hit in hits]


def test_a_reranked_search_is_the_chain_over_the_store(photos: Collection) -> None:
    for name in ("alpha-qe:3,3", "dba:2", "k-reciprocal:3,2,0.3", "diffusion:3", "superglobal:3", "dba:2+aqe:2"):
        hits = photos.search("photo.png", k=COUNT, rerank=name)
        assert sorted(keys(hits)) == [str(i) for i in range(COUNT)]
        assert [hit.rank for hit in hits] == list(range(1, COUNT + 1))
        assert {hit.inliers for hit in hits} == {None}
    plain = photos.search("photo.png", k=COUNT)
    shallow = photos.search("photo.png", k=COUNT, rerank=rerank.load("k-reciprocal", 3))
    assert sorted(keys(shallow)[:3]) == sorted(keys(plain)[:3])
    assert keys(shallow)[3:] == keys(plain)[3:]


def test_rows_that_were_taken_out_are_never_found(photos: Collection) -> None:
    with photos.store.write() as writer:
        writer.delete(["pictures/2.png"])
    for name in ("dba:2+diffusion:3", "superglobal:3"):
        assert sorted(keys(photos.search("photo.png", k=COUNT, rerank=name))) == ["0", "1", "3", "4", "5", "6", "7"]


def test_geometry_counts_inliers_into_the_hits(photos: Collection) -> None:
    pytest.importorskip("cv2")
    hits = photos.search("photo.png", k=COUNT, rerank="geometry")
    assert keys(hits)[0] == str(SHOWN)
    assert hits[0].inliers is not None
    assert hits[0].inliers > 20
    assert [hit.inliers for hit in hits[1:]] == [0] * (COUNT - 1)
    told = hits.to_json()
    assert told["rerank"] == "geometry:640,1000,8"
    assert told["hits"][0]["inliers"] == hits[0].inliers  # type: ignore[index]


def test_a_key_and_a_region_are_verified_by_their_pictures(photos: Collection) -> None:
    pytest.importorskip("cv2")
    (photos.store.folder.parent / "pictures" / "copy.png").write_bytes(encoded(textured(3)[:, 20:]))
    photos.index()
    hits = photos.search("key:pictures/3.png", rerank="geometry")
    assert keys(hits)[0] == "copy"
    assert "3" not in keys(hits)
    region = photos.search("pictures/3.png", region=(0, 0, 120, 160), rerank="geometry")
    assert set(keys(region)[:2]) == {"copy", "3"}
    assert all(hit.inliers for hit in region[:2])


def test_words_alone_have_nothing_to_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    made = Collection.create(tmp_path, NamedColours())
    for name in ("red", "blue"):
        (tmp_path / f"{name}.png").write_bytes(encoded(np.full((20, 20, 3), NamedColours.COLOURS[name], np.uint8)))
    made.index(tmp_path)
    with pytest.raises(BadImage, match="text:?.*compares pictures, and here is none|compares pictures"):
        made.search("text:red", rerank="geometry")
    assert len(made.search(tmp_path / "red.png", plus=["text:blue"], rerank="geometry")) == 2
    assert len(made.search("text:red", rerank="aqe:1")) == 2
    assert [
        len(each) for each in made.search_many([made.query("text:red")], rerank=None) if isinstance(each, Hits)
    ] == [2]


def test_an_unknown_reranker_is_refused(photos: Collection) -> None:
    with pytest.raises(UnknownName, match="did you mean"):
        photos.search("photo.png", rerank="geometri")


def test_a_gallery_that_is_renumbered_in_the_middle_is_searched_again(
    photos: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bool] = []
    records = LocalSnapshot.records

    def once_renumbered(self: LocalSnapshot, rows: np.ndarray) -> object:
        looked.append(True)
        return None if len(looked) == 1 else records(self, rows)

    monkeypatch.setattr(LocalSnapshot, "records", once_renumbered)
    assert len(photos.search("photo.png", k=3, rerank="aqe:2")) == 3
    assert len(looked) == 2


# On the command line


def test_the_table_and_the_page_show_inliers(photos: Collection, run: Callable[..., Result]) -> None:
    pytest.importorskip("cv2")
    from rich.console import Console

    from likewise.show import terminal

    hits = photos.search("photo.png", rerank="geometry")
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(terminal.table(hits.bare()))
    told = console.export_text()
    assert "inliers" in told
    assert f" {hits[0].inliers} " in told
    run("search", "photo.png", "--rerank", "geometry", "--html", "page.html", "--grid", "grid")
    page = Path("page.html").read_text("utf-8")
    assert f"{hits[0].inliers} inliers" in page
    assert "· 0 inliers" in page
    console.print(terminal.table(photos.search("photo.png").bare()))
    assert "inliers" not in console.export_text(clear=True).split("pictures/")[-1]


def test_search_takes_rerank_and_depth(run: Callable[..., Result]) -> None:
    told = json.loads(run("search", "photo.png", "--rerank", "k-reciprocal", "--depth", "5", "--json").stdout)
    assert told["rerank"] == "k-reciprocal:20,6,0.3"
    wrong = run("search", "photo.png", "--depth", "5")
    assert "give both, or neither" in str(wrong.exception)
    assert "no reranker is called" in str(run("search", "photo.png", "--rerank", "nothing").exception)


def test_explain_draws_a_picture_for_each_query(run: Callable[..., Result]) -> None:
    pytest.importorskip("cv2")
    result = run("search", "photo.png", "pictures/1.png", "--rerank", "geometry", "--explain", "why")
    assert result.exception is None
    assert sorted(path.name for path in Path("why").iterdir()) == ["1.png", "photo.png"]
    drawn = np.asarray(Picture.open("why/photo.png"))
    assert drawn.shape[0] > 3 * 360
    between = drawn[30:380, 500:550]
    assert len(np.unique(between.reshape(-1, 3), axis=0)) > 20  # lines of many colours cross the gap to the first hit
    assert (drawn[430:760, 500:550] == 255).all()  # and none to the second
    assert "2 explanations in why" in result.stderr


def test_explain_without_geometry_is_refused(run: Callable[..., Result], photos: Collection) -> None:
    for words in (("--explain", "why"), ("--rerank", "aqe", "--explain", "why")):
        assert "add --rerank geometry" in str(run("search", "photo.png", *words).exception)
    with pytest.raises(BadArgument, match="search with rerank='geometry'"):
        photos.search("photo.png").explain("why.png")


def test_an_original_that_is_gone_is_explained_by_its_absence(photos: Collection, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    hits = photos.search("photo.png", rerank="geometry")
    (tmp_path / "pictures" / f"{SHOWN}.png").unlink()
    (tmp_path / "pictures" / "0.png").write_bytes(encoded(np.zeros((50, 50, 3), np.uint8)))
    path = hits.explain(tmp_path / "why.png", most=1)
    drawn = np.asarray(Picture.open(path))
    assert drawn.shape[0] < 500
    assert (drawn[100:300, 560:1030] == (0xF2, 0xF2, 0xF4)).all(axis=-1).mean() > 0.8


# What lasts


def test_the_neighbours_of_a_large_gallery_are_kept_on_disk_for_its_state(
    photos: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likewise.stores.local import snapshot as snapshots

    monkeypatch.setattr(snapshots, "_WORTH_A_FILE", 1)
    first = photos.search("photo.png", k=COUNT, rerank="dba:2+diffusion:3")
    (kept,) = (tmp_path / ".likewise" / "derived").glob("neighbours-2-cosine.*.npz")
    assert len(list(kept.parent.iterdir())) == 1  # what is made of them is quick
    made: list[int] = []
    opened = LocalStore.open(tmp_path / ".likewise").snapshot()

    def anew() -> dict[str, np.ndarray]:
        made.append(1)
        return {"scores": np.zeros((1, 1)), "rows": np.zeros((1, 1), np.int64)}

    assert opened.remembered("neighbours-2-cosine", anew, lasting=True)["rows"].shape == (COUNT, 2)
    assert made == []
    whole = kept.read_bytes()
    kept.write_bytes(whole[:50])
    assert keys(Collection.open(tmp_path).search("photo.png", k=COUNT, rerank="dba:2")) == keys(
        photos.search("photo.png", k=COUNT, rerank="dba:2")
    )
    assert kept.read_bytes() == whole
    with photos.store.write() as writer:
        writer.delete(["pictures/0.png"])
    photos.search("photo.png", rerank="dba:2")
    (newer,) = kept.parent.iterdir()
    assert newer.name != kept.name
    assert len(first) == COUNT


def test_a_folder_that_cannot_be_written_to_is_searched_all_the_same(
    photos: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from likewise.stores.local import snapshot as snapshots

    monkeypatch.setattr(snapshots, "_WORTH_A_FILE", 1)
    (tmp_path / ".likewise" / "derived").write_bytes(b"in the way")
    assert len(photos.search("photo.png", rerank="dba:2")) == 7
