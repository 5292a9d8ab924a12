from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("matplotlib")

import likewise
from likewise import encoders
from likewise.cli import train as cli_train
from likewise.encoders.networks.exporting import export
from likewise.errors import BadArgument
from likewise.sources import open_source
from likewise.train import job, losses, scratch
from likewise.train.augment import Augmentation
from likewise.train.backbones import network_of
from likewise.train.data import Labelled
from likewise.train.loop import Plan
from likewise.train.network import Compact
from likewise.train.recipes import METHODS, Method, Shape
from likewise.types import Card, Recipe

QUICK = Plan(epochs=4, batch=10, filter_rate=0.05, sides=((0.0, 24),), augmentation=Augmentation(2, mirror=False))
ANEW = Method("tiny", "none", "normalised-softmax", QUICK)


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five classes of ten noisy pictures; the class is the colour of a stripe."""
    folder = tmp_path_factory.mktemp("stripes")
    draw = np.random.default_rng(0)
    for label in range(5):
        (folder / f"class{label}").mkdir()
        for i in range(10):
            pixels = draw.integers(0, 120, (32, 32, 3)).astype(np.uint8)
            pixels[6 * label : 6 * label + 6, :, label % 3] += 130
            Picture.fromarray(pixels).save(folder / f"class{label}" / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def own(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, job.Outcome]:
    folder = tmp_path_factory.mktemp("own")
    wanted = job.Wanted(ANEW, hold_out_images=10, licence="CC0-1.0")
    return folder, job.train([open_source(str(stripes))], wanted, folder)


def test_a_network_from_nothing_becomes_a_file_that_indexes_and_searches(own, stripes: Path, tmp_path: Path) -> None:
    folder, outcome = own
    assert outcome.model == folder / "model.onnx"
    assert (outcome.trained_on, outcome.judged_on) == (40, 10)
    assert outcome.agreement > 0.99
    assert outcome.after[0] >= 0.3  # chance is 0.11
    assert np.isnan(outcome.before[0])
    with Picture.open(folder / "curves.png") as curves:
        assert curves.size[0] > 300
    photos = likewise.index(stripes, collection=tmp_path, model=str(outcome.model))
    hits = photos.search(stripes / "class0" / "0.png", k=3)
    assert hits[0].key.endswith("class0/0.png")
    assert hits[0].score == pytest.approx(1, abs=1e-5)
    with likewise.open(tmp_path) as again:  # the file is found by its content
        assert again.search(stripes / "class0" / "0.png", k=1)[0].key == hits[0].key


def test_what_was_trained_can_be_trained_on(own, stripes: Path, tmp_path: Path) -> None:
    _, outcome = own
    method = Method("fine", "none", "supcon", Plan(epochs=3, batch=20, optimiser="adamw", rate=1e-3, per_class=4))
    wanted = job.Wanted(method, start=str(outcome.model), hold_out_classes=0.4, kept="float32")
    source = open_source(str(stripes))
    fine = job.train([source], wanted, tmp_path)
    assert (fine.trained_on, fine.judged_on) == (30, 20)
    assert fine.before[0] >= 0
    assert fine.card.dim == scratch.DIM
    assert fine.card.licence == "CC0-1.0"
    assert "trained on 30 pictures of 3 classes" in fine.card.source
    assert encoders.load(str(fine.model)).card.weights_sha256 != encoders.load(str(outcome.model)).card.weights_sha256


def test_neural_codes_are_shortened_by_a_pca(own, stripes: Path, tmp_path: Path) -> None:
    plan = Plan(epochs=1, batch=20, optimiser="adamw", rate=1e-4)
    method = Method("codes", "arXiv:1404.1777", "softmax", plan, whitened_to=12)
    fine = job.train([open_source(str(stripes))], job.Wanted(method, start=str(own[1].model)), tmp_path)
    encoder = encoders.load(str(fine.model))
    assert encoder.card.dim == fine.card.dim == 12
    rows = encoder.encode(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    with pytest.raises(BadArgument, match="keep fewer"):
        job.shortened(torch.nn.Identity(), rows, 13)


def test_pairs_are_mined_where_there_are_no_labels(own, stripes: Path, tmp_path: Path) -> None:
    plan = Plan(epochs=1, batch=20, optimiser="adamw", rate=1e-4, per_class=2)
    wanted = job.Wanted(Method("siamese", "none", "contrastive", plan), start=str(own[1].model), mined=True)
    fine = job.train([open_source(str(stripes / "class1"))], wanted, tmp_path)
    assert fine.trained_on == 10
    with pytest.raises(BadArgument, match="start from one"):
        job.train([open_source(str(stripes))], job.Wanted(ANEW, mined=True), tmp_path / "x")


def test_a_layer_of_vgg19_can_be_trained_on(vgg19_weights: Path) -> None:
    network, card = network_of("vgg19/conv1_2", recipe="cifar", weights=vgg19_weights)
    pixels = torch.randn(2, 3, 32, 32)
    out = network(pixels)
    assert out.shape == (2, card.dim)
    out.sum().backward()
    assert any(each.grad is not None for each in network.parameters())


def test_models_without_a_network_are_refused() -> None:
    with pytest.raises(BadArgument, match="classical cannot be trained on"):
        network_of("classical")


def test_too_many_held_out_classes_are_refused(stripes: Path, tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="hold out fewer"):
        job.train([open_source(str(stripes))], job.Wanted(ANEW, hold_out_classes=0.8), tmp_path)


@pytest.mark.parametrize(("classes", "trained", "judges"), [(5, 5, 5), (6, 4, 2)])
def test_one_class_alone_does_not_judge(classes: int, trained: int, judges: int) -> None:
    labels = np.repeat(np.arange(classes), 10)
    names, keys = tuple(f"c{i}" for i in range(classes)), tuple(f"{i}.png" for i in range(len(labels)))
    whole = Labelled(np.zeros((len(labels), 2, 2, 3), np.uint8), labels, names, keys)
    left, out = job._split(whole, job.Wanted(ANEW, hold_out_classes=0.2))
    assert (len(np.unique(left.labels)), len(np.unique(out.labels))) == (trained, judges)
    assert len(left) + len(out) == len(whole)


def test_the_command_line_knows_all_methods_and_losses() -> None:
    assert set(cli_train.METHODS) == set(METHODS)
    assert set(cli_train.LOSSES) == set(losses.NAMES)


@pytest.mark.parametrize(("patch", "widths", "depths"), [(2, (8, 16), (2, 1)), (4, (8, 8, 16), (1, 2, 3))])
def test_a_file_says_itself_what_shape_its_network_has(tmp_path: Path, patch: int, widths, depths) -> None:
    torch.manual_seed(0)
    network = Compact(12, widths, depths, stem=16, patch=patch).eval()
    recipe = Recipe("small", 24)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 24, 24, 3)).astype(np.uint8)
    export(network, Card("compact", 12, recipe), tmp_path / "m.onnx", pixels)
    again, card = network_of(str(tmp_path / "m.onnx"))
    assert card.dim == 12
    inputs = torch.rand(2, 3, 24, 24)
    torch.testing.assert_close(again.eval()(inputs), network(inputs))


def test_listed_pictures_are_not_trained_on_and_a_key_of_none_is_refused(stripes: Path, tmp_path: Path) -> None:
    plan = Plan(epochs=1, batch=10, sides=((0.0, 24),), precision="fp32")
    method = Method("tiny", "none", "normalised-softmax", plan)
    without = frozenset(f"class{label}/{i}.png" for label in (0, 3) for i in range(9))
    source = open_source(str(stripes))
    both = job.train([source, source], job.Wanted(method, without=without), tmp_path / "a")
    assert both.trained_on == 2 * (50 - 18)
    with pytest.raises(BadArgument, match="no picture has the key class9/1.png"):
        job.train([source], job.Wanted(method, without=frozenset(["class9/1.png"])), tmp_path / "b")


def test_a_list_of_keys_may_explain_itself(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("# copies\na/1.png  # of x\n\n  b/2.png\n", "utf-8")
    assert cli_train._lines(tmp_path / "keys.txt") == ["a/1.png", "b/2.png"]
    assert cli_train._lines(None) == []


def test_the_wider_network_sees_the_side_of_its_last_pictures(stripes: Path, tmp_path: Path) -> None:
    plan = Plan(epochs=1, batch=20, sides=((0.0, 24), (0.5, 48)), precision="fp32")
    shape = Shape(widths=(8, 8, 16), stem=16, patch=4)
    method = Method("tiny", "none", "normalised-softmax", plan, shape=shape)
    outcome = job.train([open_source(str(stripes))], job.Wanted(method, hold_out_images=10), tmp_path)
    assert outcome.card.recipe.side == 48
    assert encoders.load(str(outcome.model)).card.recipe.side == 48
    assert scratch.recipe_of(METHODS["compact"]).side == 32
    assert scratch.recipe_of(METHODS["compact-64"]).side == 64
