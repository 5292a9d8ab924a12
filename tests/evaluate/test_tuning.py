from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Picture

from likewise import cli, encoders
from likewise.errors import BadArgument
from likewise.evaluate import tuning
from likewise.evaluate.intervals import Interval
from likewise.evaluate.tuning import Candidate, look_like_classes, tune
from likewise.sources import open_source
from likewise.types import Card, Recipe


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four folders of ten pictures: a colour of the folder with smooth noise of the picture's own."""
    folder = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(0)
    for number in range(4):
        (folder / f"c{number}").mkdir()
        for i in range(10):
            coarse = draw.integers(0, 110, (4, 5, 3)).astype(np.uint8)
            coarse[..., number % 3] += 100 if number < 3 else 0
            picture = Picture.fromarray(coarse).resize((60, 48), Picture.Resampling.BICUBIC)
            picture.save(folder / f"c{number}" / f"{i}.png")
    (folder / "c0" / "torn.png").write_bytes(b"torn")
    return folder


def test_candidates_are_measured_on_spoiled_copies_and_on_folders(photos: Path) -> None:
    loaded = encoders.load_together(["pixels", "classical"])
    found = tune(open_source(str(photos)), loaded, seed=1)
    assert (found.pictures, found.queries, found.classes) == (40, 10, 4)
    assert [skip.key for skip in found.skipped] == ["c0/torn.png"]
    by_name = {each.name: each for each in found.candidates}
    assert set(by_name) == {"pixels", "classical"}  # 40 pictures are too few to fit 64 dimensions on
    assert by_name["classical"].size_bytes == 4 * 928
    assert 0.5 < by_name["classical"].itself.mean <= 1
    assert all(each.classes is not None and each.ms > 0 for each in found.candidates)
    assert found.chosen in found.candidates
    assert any(found.efficient)
    again = tune(open_source(str(photos)), loaded, seed=1)
    assert [each.itself for each in again.candidates] == [each.itself for each in found.candidates]


def test_whitenings_are_fitted_on_pictures_that_do_not_judge(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "DIMS", (8,))
    seen: list[int] = []
    fit = tuning.pca
    monkeypatch.setattr(tuning, "pca", lambda rows, card, dim: (seen.append(len(rows)), fit(rows, card, dim))[1])
    found = tune(open_source(str(photos)), encoders.load_together(["classical"]))
    assert seen == [30]  # 40 pictures less 10 queries
    (shorter,) = (each for each in found.candidates if each.whitening is not None)
    assert (shorter.name, shorter.dim, shorter.size_bytes) == ("classical + PCA 8", 8, 32)
    assert shorter.whitening.fit.on == f"30 pictures of {photos.name}"


def test_too_few_pictures_are_refused(photos: Path) -> None:
    with pytest.raises(BadArgument, match="takes 20"):
        tune(open_source(str(photos / "c1")), encoders.load_together(["pixels"]))


def test_folders_look_like_classes_only_if_they_hold_enough() -> None:
    assert look_like_classes(["a"] * 5 + ["b"] * 5 + ["c"] * 2).tolist() == [0] * 5 + [1] * 5 + [-1] * 2
    assert (look_like_classes(["a"] * 20) == -1).all()
    assert (look_like_classes(["a"] * 5 + ["b"] * 5 + [f"d{i}" for i in range(20)]) == -1).all()


def candidate(name: str, mean: float, width: float, size: int, ms: float = 1.0) -> Candidate:
    measured = Interval(mean, mean - width, mean + width, 10)
    return Candidate(name, Card(name, size // 4, Recipe("r", 8)), None, size // 4, measured, None, ms, size)


def test_the_smallest_is_chosen_of_those_that_cannot_be_told_from_the_best() -> None:
    best, near, far = (
        candidate("best", 0.9, 0.05, 4000),
        candidate("near", 0.86, 0.05, 400),
        candidate("far", 0.8, 0.05, 40),
    )
    chosen, why = tuning._choice([best, near, far])
    assert chosen is near
    assert "cannot be told from the best, best (0.900, from 0.850)" in why
    assert "400 bytes an image instead of 4,000" in why
    alone, why = tuning._choice([candidate("best", 0.9, 0.01, 4000), near])
    assert alone.name == "best"
    assert "has the best R@1" in why


def test_a_candidate_is_dominated_by_one_that_is_nowhere_worse() -> None:
    a, b = candidate("a", 0.9, 0.1, 400), candidate("b", 0.8, 0.1, 400)
    assert tuning._dominates(a, b)
    assert not tuning._dominates(b, a)
    assert not tuning._dominates(a, candidate("c", 0.8, 0.1, 40))
    assert not tuning._dominates(a, candidate("same", 0.9, 0.1, 400))


def test_the_command_prints_a_table_and_an_advice_that_works(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "DIMS", (4,))

    def run(*words: object) -> str:
        result = CliRunner().invoke(cli.likewise, [str(word) for word in words], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result.output

    told = run("tune", photos, "--model", "pixels", "--out", tmp_path / "out")
    assert "40 pictures, 10 of them spoiled in six ways; 4 folders as classes" in told
    assert "pixels + PCA 4" in told
    assert "take it: likewise index" in told
    whitened = tmp_path / "w.npz"
    found = tune(open_source(str(photos)), encoders.load_together(["pixels"]))
    next(each for each in found.candidates if each.whitening).whitening.write(whitened)
    assert "model whitened/w" in run("-c", tmp_path, "index", photos, "--model", whitened)
