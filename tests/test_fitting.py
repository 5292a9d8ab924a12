"""A whitening in the collection: fitted on its own pictures, moved with it, checked by its hash, and safe from kill -9."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import likewise
from fakes import MeanColour, Memory, colours, png
from likewise import encoders, fitting, weights
from likewise.collection import Collection
from likewise.compression import Fit
from likewise.encoders import whitened
from likewise.encoders.whitening import pca
from likewise.errors import BadArgument, StoreDamaged, StoreMismatch, WeightsError
from likewise.fitting import SAMPLE_FOLDER, Sample, Wanted, fit
from likewise.sources import open_source
from likewise.stores.local import LocalStore


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for key, data in colours(60).items():
        place = folder / "abc"[int(key[:5]) % 3] / key
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    (folder / "a" / "torn.png").write_bytes(b"torn")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore.create(tmp_path / "kept", MeanColour().card)


def everything(collection: Collection) -> tuple[object, np.ndarray]:
    pairs = list(collection.store.records())
    return [record for _, record in pairs], collection.store.embeddings(np.array([row for row, _ in pairs]))


def test_a_sample_is_stated_seeded_and_in_the_order_of_the_source(store: LocalStore) -> None:
    source = Memory(colours(50))
    found = fit(source, MeanColour(), Wanted(2, sample=20), store=store)
    assert found.fit.on == "20 of 50 pictures of memory, seed 0"
    assert found.fit.pictures == 20
    again = fit(source, MeanColour(), Wanted(2, sample=20), store=store)
    assert again.to_bytes() == found.to_bytes()
    other = fit(source, MeanColour(), Wanted(2, sample=20, seed=1), store=store)
    assert other.fit.set_sha256 != found.fit.set_sha256
    keys = [item.key for item in fitting._chosen(list(source.items()), 20, 0)]
    assert keys == sorted(keys)
    sampled = Sample(source, list(source.items())[:3])
    assert [item.key for item in sampled.items()] == ["00000.png", "00001.png", "00002.png"]
    assert (sampled.name, sampled.covers("x")) == (source.name, True)


def test_the_set_is_known_by_its_content_alone(tmp_path: Path) -> None:
    files = colours(10)
    renamed = {f"x/{9 - i}.png": data for i, data in enumerate(files.values())}
    found = []
    for number, each in enumerate((files, renamed)):
        with LocalStore.create(tmp_path / str(number), MeanColour().card) as kept:
            found.append(fit(Memory(each, f"/m{number}"), MeanColour(), Wanted(2), store=kept).fit.set_sha256)
    assert found[0] == found[1]


def test_a_fit_is_pca_of_the_embeddings_of_the_sample(store: LocalStore) -> None:
    source = Memory({**colours(30), "torn.png": b"torn"})
    found = fit(source, MeanColour(), Wanted(3, method="pca"), store=store)
    rows = store.embeddings(np.arange(30))
    wanted = pca(rows, MeanColour().card, 3, power=0)
    np.testing.assert_allclose(found.axes, wanted.axes, atol=1e-12)
    assert found.fit.method == "pca"
    assert found.fit.on == "30 of 31 pictures of memory, seed 0"


def test_learned_looks_at_two_of_every_class_before_a_third_of_any(tmp_path: Path) -> None:
    files = {
        f"{name}{i}.png": png((i, i, i))
        for name, count in (("a", 20), ("b", 2), ("c", 1), ("d", 5))
        for i in range(count)
    }
    items = list(Memory(files).items())  # its label is the first letter of the key
    for size, wanted in (
        (6, {"a": 2, "b": 2, "d": 2}),
        (8, {"a": 4, "b": 2, "d": 2}),
        (100, {"a": 20, "b": 2, "d": 5}),
    ):
        chosen = fitting._chosen(items, size, 0, by_twos=True)
        counts = {letter: sum(item.key[0] == letter for item in chosen) for letter in "abcd"}
        assert {letter: count for letter, count in counts.items() if count} == wanted


def test_learned_takes_folders_as_classes(pictures: Path, tmp_path: Path) -> None:
    with LocalStore.create(tmp_path / "kept", MeanColour().card) as kept:
        found = fit(open_source(str(pictures)), MeanColour(), Wanted(3, "learned"), store=kept)
    assert found.fit.pairs == 3 * 20 * 19 // 2
    with (
        LocalStore.create(tmp_path / "flat", MeanColour().card) as kept,
        pytest.raises(BadArgument, match="no two classes"),
    ):
        fit(open_source(str(pictures / "a")), MeanColour(), Wanted(3, "learned"), store=kept)


def test_too_few_pictures_say_how_many(store: LocalStore) -> None:
    with pytest.raises(BadArgument, match="ask for fewer"):
        fit(Memory(colours(4)), MeanColour(), Wanted(4), store=store)
    with pytest.raises(BadArgument, match=r"0 pictures to fit on, it takes more than 2: .*x\.png"):
        fit(Memory({"x.png": b"torn"}, "/other"), MeanColour(), Wanted(2), store=store)
    with pytest.raises(BadArgument, match="0 pictures to fit on"):
        fit(Memory({}, "/none"), MeanColour(), Wanted(2), store=store)


def test_a_second_fit_embeds_nothing(pictures: Path) -> None:
    encoder = MeanColour("seen-before")
    source = open_source(str(pictures))
    told: list[str] = []
    fit(source, encoder, Wanted(2), watch=lambda what, _done, _total: told.append(what))
    assert {"embedding", "fitting"} == set(told)
    before = encoder.calls
    assert fit(source, encoder, Wanted(3, "learned")).fit.method == "learned"
    assert encoder.calls == before == 60


@pytest.fixture
def gallery(pictures: Path, tmp_path: Path) -> Collection:
    return likewise.index(pictures, collection=tmp_path / "own", model="pixels", whiten=8)


def test_index_whitens_on_its_own_pictures_and_queries_pass_through_it(gallery: Collection, pictures: Path) -> None:
    card = gallery.store.card
    assert (card.name, card.dim, card.metric, card.unit) == ("whitened/pixels", 8, "cosine", True)
    assert card.fingerprint != encoders.load("pixels").card.fingerprint
    file = gallery.store.folder / whitened.file_name(card)
    assert weights.sha256_of(file) == card.weights_sha256
    assert gallery.whitening is not None
    assert gallery.whitening.fit.on.startswith("60 of 61 pictures of pictures")
    with gallery, Collection.open(gallery.store.folder) as opened:
        (best, *_) = opened.search(pictures / "b" / "00001.png")
        assert best.key.endswith("b/00001.png")
        assert best.score == pytest.approx(1, abs=1e-5)
        assert opened.verify(deep=True).ok


def test_the_rows_are_those_of_embedding_each_picture_whitened(gallery: Collection, pictures: Path) -> None:
    """Those of the sample were carried over, not embedded again."""
    assert not (gallery.store.folder / SAMPLE_FOLDER).exists()
    assert len(gallery) == 60
    assert [skip.key.rpartition("/")[2] for skip in gallery.store.skipped()] == ["torn.png"]
    records, rows = everything(gallery)
    pixels = np.stack(
        [likewise.images.prepare(gallery.original(record), gallery.store.card.recipe).pixels for record in records]
    )
    np.testing.assert_allclose(rows, gallery.encoder.encode(pixels), atol=1e-6)


def test_a_small_sample_is_carried_over_and_the_rest_embedded(pictures: Path, tmp_path: Path) -> None:
    made = likewise.index(pictures, collection=tmp_path, model="pixels", whiten=Wanted(4, sample=20))
    assert len(made) == 60
    assert made.whitening is not None
    assert made.whitening.fit.pictures in (19, 20)  # the torn one may be among them
    report = made.index(pictures)
    assert (report.added, report.unchanged) == (0, 60)


def test_the_report_counts_carried_rows_as_new(pictures: Path, tmp_path: Path) -> None:
    source = open_source(str(pictures))
    made = Collection.create_fitted(tmp_path, encoders.load("pixels"), source, Wanted(4, sample=20))
    report = made.index_sources([source])
    assert (report.added, report.unchanged, len(report.skipped) + report.still_skipped) == (60, 0, 1)


def test_a_moved_collection_opens_where_nothing_is_cached(
    gallery: Collection, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.close()
    shutil.move(tmp_path / "own", tmp_path / "elsewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    with Collection.open(tmp_path / "elsewhere") as moved:
        assert moved.search(pictures / "c" / "00002.png")[0].key.endswith("00002.png")


def test_a_file_that_was_given_is_kept_in_the_collection_too(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.npz"
    fit(open_source(str(pictures)), encoders.load("pixels"), Wanted(5)).write(path)
    likewise.index(pictures, collection=tmp_path, model=str(path)).close()
    path.unlink()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    with Collection.open(tmp_path) as opened:
        assert opened.store.card.name == "whitened/mine"
        assert len(opened.search(pictures / "c" / "00002.png")) == 7


def test_the_weights_before_the_whitening_can_be_given_where_they_are_not_cached(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = tmp_path / "mine.onnx"
    shutil.copyfile(Path(encoders.__file__).with_name("compact.onnx"), network)
    likewise.index(pictures, collection=tmp_path, model=str(network), whiten=6).close()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    with Collection.open(tmp_path) as opened, pytest.raises(WeightsError, match=r"pass it with --weights FILE\.onnx"):
        opened.search(pictures / "c" / "00002.png")
    with Collection.open(tmp_path, weights=network) as opened:
        assert opened.store.card.name == "whitened/onnx/mine"
        assert opened.search(pictures / "c" / "00002.png")[0].key.endswith("00002.png")


def test_a_whitening_that_is_not_the_one_is_told_by_its_hash(
    gallery: Collection, pictures: Path, tmp_path: Path
) -> None:
    gallery.close()
    folder = tmp_path / "own" / ".likewise"
    (file,) = folder.glob("whitening-*.npz")
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with Collection.open(folder) as opened, pytest.raises(StoreDamaged, match="put the file back"):
        opened.search(pictures / "a" / "00000.png")
    pca(np.random.default_rng(0).normal(size=(99, 3072)).astype(np.float32), encoders.load("pixels").card, 8).write(
        file
    )
    with Collection.open(folder) as opened, pytest.raises(StoreDamaged, match="has SHA-256"):
        opened.index(pictures)
    file.unlink()
    with Collection.open(folder) as opened, pytest.raises(WeightsError, match="is not here"):
        opened.search(pictures / "a" / "00000.png")
    file.write_bytes(whole)
    with Collection.open(folder) as opened:
        assert len(opened.search(pictures / "a" / "00000.png")) == 7


def test_a_lost_whitening_comes_back_with_its_file(pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    fit(open_source(str(pictures)), encoders.load("pixels"), Wanted(5)).write(path)
    likewise.index(pictures, collection=tmp_path, model=str(path)).close()
    (kept,) = (tmp_path / ".likewise").glob("whitening-*.npz")
    kept.unlink()
    likewise.index(pictures, collection=tmp_path, model=str(path)).close()
    assert kept.read_bytes() == path.read_bytes()


def test_another_whitening_than_the_one_that_is_kept_is_refused(
    gallery: Collection, pictures: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    before = sorted(path.name for path in (own / ".likewise").iterdir())
    for wrong in (9, Wanted(8, "pca"), Wanted(8, power=0.5)):
        with pytest.raises(StoreMismatch, match="8 dimensions after PCA-whitening"):
            likewise.index(pictures, collection=own, model="pixels", whiten=wrong)
    with pytest.raises(StoreMismatch, match="holds pixels"):
        likewise.index(pictures, collection=own, model="classical", whiten=8)
    with pytest.raises(StoreMismatch, match="holds whitened/pixels"):
        likewise.index(pictures, collection=own, model="pixels")
    with pytest.raises(BadArgument, match="is a collection already"):
        Collection.create_fitted(own, encoders.load("pixels"), open_source(str(pictures)), Wanted(8))
    assert len(likewise.index(pictures, collection=own, model="pixels", whiten=8)) == 60
    likewise.index(pictures, collection=tmp_path / "plain", model="pixels").close()
    with pytest.raises(StoreMismatch, match="keeps no whitening"):
        likewise.index(pictures, collection=tmp_path / "plain", model="pixels", whiten=8)
    assert before == sorted(path.name for path in (own / ".likewise").iterdir())


def test_a_sample_of_another_model_is_a_leftover_and_goes(gallery: Collection, pictures: Path) -> None:
    folder = gallery.store.folder / SAMPLE_FOLDER
    with LocalStore.create(folder, MeanColour().card) as leftover:
        fit(open_source(str(pictures)), MeanColour(), Wanted(2), store=leftover)
    gallery.index(pictures)
    assert not folder.exists()
    assert len(gallery) == 60


PROGRAM = """
import os, signal, sys
import likewise
from likewise import fitting
from likewise.encoders import whitening
from likewise.stores.local import LocalStore, writer

place, folder, moment = sys.argv[1:]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
fitting._CARRIED = 7

if moment == "sample":
    embed = fitting.embed
    def embed_some(source, store, encoder, watch, options):
        options = likewise.ingest.Options(batch=10, commit_s=0)
        return embed(source, store, encoder, lambda done, total: die() if len(store) >= 20 else None, options)
    fitting.embed = embed_some
if moment == "whitening":
    write = whitening.Whitening.write
    def write_and_die(self, path):
        write(self, path)
        die()
    whitening.Whitening.write = write_and_die
if moment == "torn":
    from pathlib import Path
    Path.replace = lambda self, target: die() if target.suffix == ".npz" else os.replace(self, target)
if moment == "created":
    fitting.carry_over = lambda *_: die()
if moment == "carried":
    extend, calls = writer.LocalWriter.extend, []
    def extend_and_die(self, records, rows):
        extend(self, records, rows)
        calls.append(len(records))
        if calls[-3:] == [7, 7, 7]:
            die()
    writer.LocalWriter.extend = extend_and_die
if moment == "removing":
    fitting.shutil.rmtree = lambda _: die()
likewise.index(place, collection=folder, model="pixels", whiten=8)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("moment", ["sample", "whitening", "torn", "created", "carried", "removing"])
def test_kill_9_leaves_what_the_next_run_goes_on_from(
    gallery: Collection, pictures: Path, tmp_path: Path, moment: str
) -> None:
    program = [sys.executable, "-c", PROGRAM, str(pictures), str(tmp_path / "killed"), moment]
    killed = subprocess.run(program, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "killed" / ".likewise" / SAMPLE_FOLDER / "collection.sqlite").exists()
    again = likewise.index(pictures, collection=tmp_path / "killed", model="pixels", whiten=8)
    names = {path.name for path in again.store.folder.iterdir() if not path.name.startswith("collection.sqlite-")}
    whitening = whitened.file_name(again.store.card)
    assert names == {"collection.sqlite", "embeddings-000000.f32", "writer.lock", whitening}
    records, rows = everything(again)
    calm_records, calm_rows = everything(gallery)
    assert [record.content_sha256 for record in records] == [record.content_sha256 for record in calm_records]
    np.testing.assert_allclose(rows, calm_rows, atol=1e-6)
    assert again.store.check()[1] == []


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough pictures to fit a codec of bytes on."""
    folder = tmp_path_factory.mktemp("many")
    for key, data in colours(420).items():
        (folder / key).write_bytes(data)
    return folder


CODED = {"whiten": Wanted(8, sample=400), "keep": "pq:4"}


@pytest.fixture(scope="module")
def coded(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coded")
    likewise.index(many, collection=folder, model="pixels", **CODED).close()
    return folder


def test_a_codec_is_fitted_on_the_whitened_sample_and_measured_on_pictures_it_has_not_seen(
    coded: Path, many: Path
) -> None:
    with Collection.open(coded) as opened:
        book = opened.store.codebook
        assert (book.name, book.dim, book.unit, len(opened)) == ("pq:4", 8, True, 420)
        assert book.fit.on == "320 of 420 pictures of many, seed 0".replace("many", many.name)
        assert (book.fit.pictures, book.fit.asked, book.fit.among) == (320, 80, 400)
        assert book.fit.neighbours is not None
        assert 0.5 < book.fit.neighbours <= 1
        for key in ("00003.png", "00417.png"):
            (best, *_) = opened.search(many / key)
            assert best.key.endswith(key)
        assert opened.verify(deep=True).ok
        _, rows = everything(opened)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_codec_without_whitening_is_fitted_on_embeddings_as_they_are(tmp_path: Path) -> None:
    source, encoder = Memory(colours(400)), MeanColour()
    with Collection.create_fitted(tmp_path, encoder, source, keep="pq:4") as made:
        assert made.whitening is None
        assert made.index_sources([source]).added == 400
        assert encoder.calls == 400  # the sample was carried over
        assert not (made.store.folder / SAMPLE_FOLDER).exists()
        _, rows = everything(made)
    pixels = np.stack([likewise.images.prepare(data, encoder.card.recipe).pixels for data in colours(400).values()])
    np.testing.assert_allclose(rows, encoder.encode(pixels), atol=0.03)


def test_int8_is_measured_and_nothing_is_fitted(tmp_path: Path) -> None:
    source = Memory(colours(30))
    with Collection.create_fitted(tmp_path, MeanColour(), source, keep="int8") as made:
        fit = made.store.codebook.fit
        assert (fit.pictures, fit.asked, fit.among) == (0, 30, 30)
        assert fit.neighbours is not None
        assert fit.neighbours > 0.9
        assert list(made.store.folder.glob("codebook-*")) == []


def test_floating_point_is_neither_fitted_nor_measured(tmp_path: Path) -> None:
    with Collection.create_fitted(tmp_path, MeanColour(), Memory(colours(30)), Wanted(2), keep="float16") as made:
        assert (made.store.kept_as, made.store.codebook.fit) == ("float16", Fit())


def test_int8_of_nothing_is_a_collection_too(tmp_path: Path) -> None:
    with Collection.create_fitted(tmp_path, MeanColour(), Memory({"a.png": b"torn"}), keep="int8") as made:
        assert made.store.codebook.fit.neighbours is None
        assert len(made) == 0


def test_too_few_pictures_for_a_codec_say_how_many_it_takes(tmp_path: Path) -> None:
    source = Memory({**colours(300), "torn.png": b"torn"})
    with pytest.raises(BadArgument, match=r"300 pictures to fit pq:2 on, it takes 320: torn\.png: .*keep int8"):
        Collection.create_fitted(tmp_path, MeanColour(), source, keep="pq:2")


def test_a_codec_that_does_not_go_with_the_length_is_refused_before_anything_is_embedded(tmp_path: Path) -> None:
    encoder = MeanColour()
    for whiten, count in ((None, 5), (Wanted(3), 4)):
        with pytest.raises(BadArgument, match=f"pq:{count} makes {count} bytes of {count - 1} components"):
            Collection.create_fitted(tmp_path, encoder, Memory(colours(9)), whiten, keep=f"pq:{count}")
    assert encoder.calls == 0
    assert not (tmp_path / ".likewise").exists()


def test_another_way_to_keep_embeddings_is_refused(coded: Path, many: Path) -> None:
    with pytest.raises(StoreMismatch, match="keeps pq:4: go without --keep int8"):
        likewise.index(many, collection=coded, model="pixels", whiten=CODED["whiten"], keep="int8")
    with pytest.raises(BadArgument, match="is a collection already"):
        Collection.create_fitted(coded, encoders.load("pixels"), open_source(str(many)), keep="pq:4")
    assert len(likewise.index(many, collection=coded, model="pixels", **CODED)) == 420


def test_a_sample_of_a_former_version_is_carried_over_too(pictures: Path, tmp_path: Path) -> None:
    source = open_source(str(pictures))
    made = Collection.create_fitted(tmp_path, encoders.load("pixels"), source, Wanted(4))
    former = made.store.folder / "whitening-sample"
    (made.store.folder / SAMPLE_FOLDER).rename(former)
    assert made.index_sources([source]).added == 60
    assert not former.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("moment", ["whitening", "codebook", "created", "carried"])
def test_kill_9_of_a_collection_of_codes_leaves_what_the_next_run_goes_on_from(
    coded: Path, many: Path, tmp_path: Path, moment: str
) -> None:
    asked = "whiten=fitting.Wanted(8, sample=400), keep='pq:4'"
    text = PROGRAM.replace("whiten=8", asked) if moment != "codebook" else DIES_BEHIND_THE_CODEBOOK
    program = [sys.executable, "-c", text, str(many), str(tmp_path / "killed"), moment]
    killed = subprocess.run(program, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (tmp_path / "killed" / ".likewise" / "codebook-0000000000000000.npz").touch()  # of an earlier one, fitted elsewhere
    with likewise.index(many, collection=tmp_path / "killed", model="pixels", **CODED) as again:
        names = {path.name for path in again.store.folder.iterdir() if not path.name.startswith("collection.sqlite-")}
        whitening, book = whitened.file_name(again.store.card), f"codebook-{again.store.codebook_sha256[:16]}.npz"
        assert names == {"collection.sqlite", "embeddings-000000.codes", "writer.lock", whitening, book}
        assert again.store.check()[1] == []
        found = everything(again)
    with Collection.open(coded) as calm:
        wanted = everything(calm)
    assert [record.content_sha256 for record in found[0]] == [record.content_sha256 for record in wanted[0]]
    np.testing.assert_allclose(found[1], wanted[1], atol=1e-6)


DIES_BEHIND_THE_CODEBOOK = """
import os, signal, sys
import likewise
from likewise import compression, fitting

place, folder, _ = sys.argv[1:]
write = compression.Codebook.write
def write_and_die(self, folder):
    write(self, folder)
    os.kill(os.getpid(), signal.SIGKILL)
compression.Codebook.write = write_and_die
likewise.index(place, collection=folder, model="pixels", whiten=fitting.Wanted(8, sample=400), keep="pq:4")
"""
