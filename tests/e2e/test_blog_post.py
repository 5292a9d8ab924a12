"""The blog post's algorithm, written out independently, and ours: the same neighbours.

LIKEWISE_TEST_FULL=1 takes 2,000 gallery and 50 query images in both recipes (`cifar` a minute, `imagenet` most of an hour on two
processors); without it there are fewer.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

import likewise

torch = pytest.importorskip("torch")

FULL = os.environ.get("LIKEWISE_TEST_FULL") == "1"
SIZES = {"cifar": (2000, 50) if FULL else (400, 20), "imagenet": (2000, 50) if FULL else (20, 3)}
K = 7


def pictures(folder: Path, count: int, seed: int) -> list[Path]:
    """Smooth random pictures of 48 × 40, as PNG."""
    draw = np.random.default_rng(seed)
    folder.mkdir()
    paths = []
    for i in range(count):
        coarse = Picture.fromarray(draw.integers(0, 256, (5, 6, 3)).astype(np.uint8))
        paths.append(folder / f"{i:05d}.png")
        coarse.resize((48, 40), Picture.Resampling.BICUBIC).save(paths[-1])
    return paths


def the_posts_features(network, paths: list[Path], recipe: str) -> np.ndarray:
    """torchvision's transforms, the network cut behind the first fully connected layer and its ReLU, one batch after another."""
    from torchvision import transforms

    if recipe == "cifar":
        steps = [transforms.Resize((32, 32))]
        normal = transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    else:
        steps = [transforms.Resize(256), transforms.CenterCrop(224)]
        normal = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    transform = transforms.Compose([*steps, transforms.ToTensor(), normal])
    cut = torch.nn.Sequential(network.features, network.avgpool, torch.nn.Flatten(), *network.classifier[:2])
    features = []
    for start in range(0, len(paths), 50):
        batch = torch.stack([transform(Picture.open(path).convert("RGB")) for path in paths[start : start + 50]])
        with torch.no_grad():
            features.append(cut(batch).numpy())
    return np.concatenate(features)


@pytest.mark.parametrize("recipe", ["cifar", "imagenet"])
def test_our_neighbours_are_the_posts(vgg19_network, vgg19_weights: Path, tmp_path: Path, recipe: str) -> None:
    count, asked = SIZES[recipe]
    gallery = pictures(tmp_path / "gallery", count, seed=1)
    queries = pictures(tmp_path / "queries", asked, seed=2)
    features = the_posts_features(vgg19_network, gallery, recipe)
    wanted = the_posts_features(vgg19_network, queries, recipe)

    photos = likewise.index(
        tmp_path / "gallery", collection=tmp_path, model="vgg19/fc1", recipe=recipe, weights=vgg19_weights
    )
    rows = photos.store.embeddings(np.arange(count))
    assert np.abs(rows - features).max() < 1e-4 * np.abs(features).max()

    swapped = 0
    for path, x in zip(queries, wanted, strict=True):
        distances = np.array([np.linalg.norm(x - f) for f in features])
        nearest = np.argsort(distances, kind="stable")[:K]
        hits = photos.search(path, k=K)
        ours = [hit.row for hit in hits]
        np.testing.assert_allclose([-hit.score for hit in hits], distances[nearest], rtol=1e-4)
        # Folding rounds otherwise than the post's own network: rows may change places if their distances differ by less.
        assert all(abs(distances[a] - distances[b]) <= 1e-4 * distances[b] for a, b in zip(ours, nearest, strict=True))
        swapped += sum(a != b for a, b in zip(ours, nearest.tolist(), strict=True))
    assert swapped <= 0.01 * K * asked


def test_on_equal_embeddings_the_neighbours_are_equal_to_the_last_bit(vgg19_weights: Path, tmp_path: Path) -> None:
    pictures(tmp_path / "gallery", 300, seed=3)
    photos = likewise.index(
        tmp_path / "gallery", collection=tmp_path, model="vgg19/fc1", recipe="cifar", weights=vgg19_weights
    )
    features = photos.store.embeddings(np.arange(300))
    queries = features[::20] + np.float32(0.01)
    scores, rows = photos.store.nearest(queries, K)
    for x, score, row in zip(queries, scores, rows, strict=True):
        distances = np.array([np.linalg.norm(x - f) for f in features])
        nearest = np.argsort(distances, kind="stable")[:K]
        assert row.tolist() == nearest.tolist()
        assert (-score).tolist() == distances[nearest].tolist()
