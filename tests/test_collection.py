"""The library as a program or a notebook uses it."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

import likewise
from fakes import colours, png
from likewise import collection as here
from likewise import encoders
from likewise.errors import BadArgument, BadImage, NoCollection, SourceError, StoreMismatch
from likewise.ingest import Options
from likewise.queries import Query, reading
from likewise.types import Card, Skipped


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for key, data in colours(12).items():
        (folder / key).write_bytes(data)
    return folder


@pytest.fixture
def gallery(tmp_path: Path, pictures: Path) -> likewise.Collection:
    return likewise.index(pictures, collection=tmp_path, model="pixels")


def test_five_lines_index_and_search(gallery: likewise.Collection, pictures: Path) -> None:
    hits = gallery.search(pictures / "00004.png", k=3)
    assert len(hits) == 3
    assert hits[0].key == "pictures/00004.png"
    assert hits[0].path == str(pictures / "00004.png")
    assert [hit.rank for hit in hits[:2]] == [1, 2]
    assert "3 images like" in repr(hits)
    assert "12 images, pixels" in repr(gallery)


def test_a_query_may_be_bytes(gallery: likewise.Collection, pictures: Path) -> None:
    by_bytes = gallery.search((pictures / "00004.png").read_bytes())
    assert list(by_bytes) == list(gallery.search(str(pictures / "00004.png")))


def test_hits_show_themselves_in_a_notebook(gallery: likewise.Collection, pictures: Path) -> None:
    shown = gallery.search(pictures / "00004.png", k=2)._repr_html_()
    assert shown.count("<img") == 3
    assert "data:image" in shown


def test_hits_can_be_saved_in_three_ways(gallery: likewise.Collection, pictures: Path, tmp_path: Path) -> None:
    hits = gallery.search(pictures / "00004.png", k=2)
    with Picture.open(hits.save(tmp_path / "a.png")) as picture:
        assert picture.format == "PNG"
    assert "pictures/00004.png" in hits.save(tmp_path / "a.html").read_text("utf-8")
    told = json.loads(hits.save(str(tmp_path / "a.json")).read_text("utf-8"))
    assert [hit["rank"] for hit in told["hits"]] == [1, 2]
    with pytest.raises(BadArgument, match=r"\.png, \.html or \.json"):
        hits.save(tmp_path / "a.bmp")


def test_the_query_passes_the_very_path_of_the_gallery(gallery: likewise.Collection, pictures: Path) -> None:
    for picture in sorted(pictures.iterdir()):
        best = gallery.search(picture, k=1)[0]
        assert best.path == str(picture)
        assert best.score == 0.0


def test_what_cannot_be_searched_says_why(gallery: likewise.Collection, tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", "x" * 5000, "~nobody-of-that-name/x.png"):
        with pytest.raises(SourceError, match="check the path"):
            gallery.search(path)
    for place in ("x" * 5000, "~nobody-of-that-name"):
        with pytest.raises(SourceError, match="check|nothing is there"):
            gallery.index(place)
    with pytest.raises(BadImage, match="image: "):
        gallery.search(b"no picture")
    with pytest.raises(BadArgument):
        gallery.search(png((1, 2, 3)), k=0)


def test_many_queries_keep_their_order_around_a_bad_one(gallery: likewise.Collection) -> None:
    queries = [
        Query.image("a", png((1, 2, 3))),
        Query.image("b", b"torn"),
        Skipped("c", "gone"),
        Query.image("d", png((4, 5, 6))),
    ]
    answers = list(gallery.search_many(queries, k=1))
    names = [answer.key if isinstance(answer, Skipped) else answer.query.name for answer in answers]
    assert names == ["a", "b", "c", "d"]
    assert answers[2] == Skipped("c", "gone")


def test_the_collection_is_found_from_below(gallery: likewise.Collection, pictures: Path, monkeypatch) -> None:
    deep = pictures / "deep" / "er"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    with likewise.open() as found:
        assert found.store.folder == gallery.store.folder
    monkeypatch.chdir("/")
    with pytest.raises(NoCollection, match="or above it"):
        likewise.open()


def test_the_folder_itself_may_be_named(gallery: likewise.Collection) -> None:
    with likewise.open(gallery.store.folder) as found:
        assert len(found) == 12


def test_indexing_again_needs_no_place(gallery: likewise.Collection, tmp_path: Path) -> None:
    assert gallery.index().unchanged == 12
    empty = here.Collection.create(tmp_path / "other", encoders.load("pixels"))
    with pytest.raises(BadArgument, match="nothing to index"):
        empty.index()


def test_overlapping_places_index_no_image_twice(tmp_path: Path, pictures: Path) -> None:
    gallery = likewise.index(tmp_path, collection=tmp_path, model="pixels")
    report = gallery.index(pictures, pictures / "*1.png", pictures / "00003.png")
    assert (report.added, report.unchanged) == (0, 12 + 2 + 1)
    assert len(gallery) == 12


def test_archives_below_a_folder_are_not_lost_when_the_folder_is_indexed(tmp_path: Path, pictures: Path) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in/side.png", png((9, 8, 7)))
    gallery = likewise.index(packed, tmp_path, collection=tmp_path, model="pixels")
    assert gallery.index(tmp_path).vanished == 0
    assert gallery.store.known("packed.zip/in/side.png") is not None
    packed.unlink()
    assert gallery.index(tmp_path).vanished == 1


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
def test_an_archive_gives_the_embeddings_and_pictures_of_its_folder(
    gallery: likewise.Collection, pictures: Path, tmp_path: Path, ending: str
) -> None:
    packed = tmp_path / f"packed{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted(pictures.iterdir()):
                archive.write(path, path.name)
    else:
        with tarfile.open(packed, "w:gz" if ending.endswith("gz") else "w") as tar:
            for path in sorted(pictures.iterdir()):
                tar.add(path, path.name)
    other = likewise.index(packed, collection=tmp_path / "other", model="pixels")
    rows = np.arange(12)
    assert np.array_equal(other.store.embeddings(rows), gallery.store.embeddings(rows))
    hit = other.search(pictures / "00004.png", k=1)[0]
    assert hit.key == f"packed{ending}://00004.png"
    assert hit.path == f"{packed}/00004.png"
    picture = other.picture(hit.record)
    assert picture is not None
    assert np.array_equal(picture, np.asarray(Picture.open(pictures / "00004.png")))


def test_a_hit_whose_original_is_gone_is_still_a_hit(gallery: likewise.Collection, pictures: Path) -> None:
    query = (pictures / "00004.png").read_bytes()
    (pictures / "00004.png").unlink()
    hits = gallery.search(query, k=2)
    assert hits[0].key == "pictures/00004.png"
    assert gallery.picture(hits[0].record) is None
    assert "<img" in hits._repr_html_()


def test_another_encoder_under_the_same_name_is_refused(gallery: likewise.Collection, monkeypatch) -> None:
    def other(named: Card, **_: object) -> object:
        class Other:
            card = Card(named.name, 3072, gallery.store.card.recipe, version=99)

        return Other()

    monkeypatch.setattr(encoders, "load_as", other)
    with likewise.open(gallery.store.folder) as found, pytest.raises(StoreMismatch, match="holds pixels"):
        found.search(png((1, 2, 3)))


def test_forget_takes_keys_paths_and_folders(gallery: likewise.Collection, pictures: Path) -> None:
    assert gallery.forget("pictures/00001.png", pictures / "00002.png", pictures / "00002.png") == 2
    assert gallery.forget(str(pictures)) == 10
    with pytest.raises(BadArgument, match="no image of the collection"):
        gallery.forget(pictures)


def test_images_outside_the_base_can_be_forgotten_by_their_path(tmp_path: Path, pictures: Path) -> None:
    gallery = likewise.index(pictures, collection=tmp_path / "elsewhere", model="pixels")
    assert gallery.forget(pictures / "00001.png") == 1
    assert gallery.forget("pictures://00002.png") == 1
    assert gallery.forget(pictures) == 10


def test_verify_takes_a_sample_or_all(gallery: likewise.Collection) -> None:
    assert gallery.verify(sample=5).images == 5
    whole = gallery.verify(deep=True)
    assert (whole.images, whole.embedded, whole.largest_drift, whole.ok) == (12, 12, 0.0, True)


def test_limits_hold_for_the_gallery_and_for_queries(tmp_path: Path, pictures: Path) -> None:
    gallery = here.Collection.create(tmp_path, encoders.load("pixels"))
    gallery.limits = type(gallery.limits)(max_pixels=10)
    assert len(gallery.index(pictures).skipped) == 12
    assert gallery.index(pictures, options=Options(retry=True)).added == 12
    with pytest.raises(BadImage, match="limit"):
        gallery.search(png((1, 2, 3)))


def test_a_query_may_come_from_an_address(gallery: likewise.Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading.web, "fetch", lambda url: png((1, 2, 3)))
    assert gallery.search("https://example.org/cat.png", k=1).query.name == "https://example.org/cat.png"


def test_unknown_names_of_the_package_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        likewise.nonsense  # noqa: B018
    assert set(likewise.__all__) >= {"index", "open", "Collection"}
    assert all(getattr(likewise, name) for name in likewise.__all__)


@pytest.mark.parametrize("module", ["likewise", "likewise.cli", "likewise.collection"])
def test_importing_loads_neither_torch_nor_a_web_server(module: str) -> None:
    heavy = ("torch", "fastapi", "starlette", "pydantic", "prometheus_client", "uvicorn", "http.server", "onnxruntime")
    program = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
