"""Places that two pictures share, over HTTP."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from serving import client_of, index_folder

SIDE = 320
pytest.importorskip("cv2", reason="OpenCV is not installed")


def scene(seed: int) -> Image.Image:
    """A picture with many corners."""
    random = np.random.default_rng(seed)
    pixels = np.full((SIDE, SIDE, 3), 128, np.uint8)
    for _ in range(160):
        x, y = random.integers(0, SIDE - 40, 2)
        width, height = random.integers(6, 40, 2)
        pixels[y : y + height, x : x + width] = random.integers(0, 256, 3)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Two scenes; the second one is also there cut out of its middle."""
    folder = tmp_path_factory.mktemp("machine") / "scenes"
    folder.mkdir()
    for seed in (1, 2):
        scene(seed).save(folder / f"{seed}.png")
    scene(2).crop((40, 60, 280, 300)).save(folder / "cut.png")
    with client_of(index_folder(folder)) as client:
        yield client


def test_the_places_of_a_cut_lie_where_it_was_cut(scenes: TestClient) -> None:
    told = scenes.post("/v1/explain", json={"term": {"key": "2.png"}, "key": "cut.png"}).json()
    assert told["query"] == {"width": SIDE, "height": SIDE}
    assert told["hit"] == {"width": 240, "height": 240}
    assert told["inliers"] == len(told["matches"]) > 30
    moved = np.array([[qx - hx, qy - hy] for qx, qy, hx, hy in told["matches"]])
    assert np.abs(moved - (40, 60)).max() < 4


def test_strange_pictures_share_nothing(scenes: TestClient) -> None:
    told = scenes.post("/v1/explain", json={"term": {"key": "1.png"}, "key": "cut.png"}).json()
    assert (told["inliers"], told["matches"]) == (0, [])


def test_a_region_is_told_in_the_pixels_of_the_whole_picture(scenes: TestClient) -> None:
    buffer = io.BytesIO()
    scene(2).save(buffer, "PNG")
    term = {"data": base64.b64encode(buffer.getvalue()).decode(), "region": "60,80,200,200"}
    told = scenes.post("/v1/explain", json={"term": term, "key": "cut.png"}).json()
    assert told["query"] == {"width": SIDE, "height": SIDE}
    assert told["inliers"] > 10
    assert all(60 <= qx <= 260 and 80 <= qy <= 280 for qx, qy, _, _ in told["matches"])
    moved = np.array([[qx - hx, qy - hy] for qx, qy, hx, hy in told["matches"]])
    assert np.abs(moved - (40, 60)).max() < 4


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"term": {"key": "1.png"}, "key": "nowhere.png"}, 404),
        ({"term": {"key": "nowhere.png"}, "key": "cut.png"}, 404),
        ({"term": {"text": "words"}, "key": "cut.png"}, 400),
        ({"term": {"data": base64.b64encode(b"no picture").decode()}, "key": "cut.png"}, 415),
    ],
)
def test_what_cannot_be_explained_is_refused(scenes: TestClient, body: dict[str, object], status: int) -> None:
    answer = scenes.post("/v1/explain", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
