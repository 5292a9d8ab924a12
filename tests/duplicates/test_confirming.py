"""Whether two pictures are copies, by their pixels."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from likewise.duplicates.confirming import LEAST, Geometry, Pixels, overlap_agreement
from likewise.errors import SourceError
from likewise.images import Limits
from likewise.images.spoiling import SPOILINGS, spoiled
from likewise.rerank import Original
from likewise.types import Image, Record
from photos import encoded, photo, shrunk


class Shelf:
    """Pictures by name; counts how often each is read."""

    def __init__(self, **pictures: bytes) -> None:
        self.pictures, self.reads = pictures, []

    def __call__(self, record: Record) -> Original:
        def read() -> bytes:
            self.reads.append(record.key)
            if record.key not in self.pictures:
                raise SourceError("gone")
            return self.pictures[record.key]

        return Original(read, "", Limits())


def record(name: str) -> Record:
    return Record(name, hashlib.sha256(name.encode()).hexdigest(), 1, 1, 1, 1)


def agreement(first: bytes, second: bytes) -> float:
    shelf = Shelf(first=first, second=second)
    return float(Pixels(shelf).agreements([(record("first"), record("second"))])[0])


@pytest.mark.parametrize("kind", sorted({*SPOILINGS} - {"crop", "mirror"}))
@pytest.mark.parametrize("seed", range(4))
def test_a_spoiled_picture_is_a_copy(kind: str, seed: int) -> None:
    picture = photo(seed, 320, 240)
    assert agreement(encoded(picture), spoiled(picture, kind, np.random.default_rng(seed))) >= LEAST


@pytest.mark.parametrize("kind", ["crop", "mirror"])
def test_cuts_and_mirror_images_are_none_for_whole_pictures(kind: str) -> None:
    picture = photo(5, 320, 240)
    assert agreement(encoded(picture), spoiled(picture, kind, np.random.default_rng(5))) < LEAST


def test_a_copy_may_have_other_sides_and_another_format() -> None:
    picture = photo(1, 200, 150)
    assert agreement(encoded(picture), encoded(shrunk(picture, 90, 90), "JPEG", quality=80)) >= LEAST
    assert agreement(encoded(picture), encoded(shrunk(picture, 17, 11))) > 0.7  # smaller than what is compared


def test_other_pictures_are_no_copies() -> None:
    data = [encoded(photo(seed)) for seed in range(12)]
    assert max(agreement(a, b) for i, a in enumerate(data) for b in data[:i]) < 0.6


def test_a_frame_alone_is_no_agreement() -> None:
    def framed(seed: int) -> bytes:
        picture = photo(seed) // 3
        picture[:8] = picture[-8:] = 255
        picture[:, :8] = picture[:, -8:] = 255
        return encoded(picture)

    assert agreement(framed(1), framed(2)) < LEAST


def test_the_same_in_another_colour_is_no_copy() -> None:
    grey = np.full((80, 80, 3), 230, np.uint8)
    red, green = grey.copy(), grey.copy()
    red[20:60, 20:60], green[20:60, 20:60] = (200, 30, 30), (30, 130, 30)
    assert agreement(encoded(red), encoded(green)) < LEAST


def plain(*colour: int, height: int = 30) -> bytes:
    return encoded(np.full((height, 40, 3), colour, np.uint8))


def test_pictures_of_one_colour_are_copies_of_that_colour_and_shape_only() -> None:
    assert agreement(plain(255, 255, 255), plain(255, 255, 255, height=31)) == 1
    assert agreement(plain(255, 255, 255), plain(255, 255, 255, height=60)) == 0
    assert agreement(plain(200, 10, 10), plain(203, 10, 12)) == 1
    assert agreement(plain(200, 10, 10), plain(150, 10, 10)) == 0
    assert agreement(plain(200, 10, 10), encoded(photo(1))) == 0


def test_what_cannot_be_read_is_unknown_and_asked_once() -> None:
    shelf = Shelf(there=encoded(photo(1)), torn=b"torn")
    names = [("there", "gone"), ("torn", "there"), ("there", "there")]
    found = Pixels(shelf).agreements([(record(a), record(b)) for a, b in names])
    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(1)
    assert sorted(shelf.reads) == ["gone", "there", "torn"]


def test_pictures_are_read_once_as_long_as_they_are_remembered() -> None:
    shelf = Shelf(**{str(i): encoded(photo(i)) for i in range(4)})
    pixels = Pixels(shelf, held=2)
    for a, b in ("01", "10", "12", "12", "01"):
        pixels.agreements([(record(a), record(b))])
    assert shelf.reads.count("1") == 1
    assert shelf.reads.count("2") == 1
    assert shelf.reads.count("0") == 2  # forgotten for 2
    assert pixels.agreements([]).shape == (0,)


def test_geometry_also_finds_cuts_and_borders() -> None:
    picture = photo(7, 480, 360)
    bordered = np.full((420, 560, 3), 255, np.uint8)
    bordered[30:390, 40:520] = picture
    shelf = Shelf(
        whole=encoded(picture),
        cut=encoded(picture[40:330, 50:430], "JPEG", quality=80),
        bordered=encoded(bordered),
        detail=encoded(picture[100:220, 100:260]),
        other=encoded(photo(8, 480, 360)),
        plain=plain(1, 2, 3),
    )
    names = ["cut", "bordered", "whole", "detail", "other", "plain", "gone"]
    found = Geometry(shelf).agreements([(record("whole"), record(name)) for name in names])
    assert dict(zip(names, (found >= LEAST).tolist(), strict=True)) == {
        "cut": True,
        "bordered": True,
        "whole": True,
        "detail": False,
        "other": False,
        "plain": False,
        "gone": False,
    }
    assert np.isnan(found[-1])


def places(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.2, 0.8, (count, 2))


def cut(picture: Image, left: float, top: float, share: float) -> Image:
    height, width = picture.shape[:2]
    x, y = round(left * width), round(top * height)
    return picture[y : y + round(share * height), x : x + round(share * width)]


def test_an_overlap_agrees_where_the_cut_is_right_and_nowhere_else() -> None:
    picture = photo(3, 400, 300)
    part = cut(picture, 0.1, 0.2, 0.75)
    here = places()
    there = (here - (0.1, 0.2)) / 0.75
    assert overlap_agreement(picture, part, here, there) > 0.97
    assert overlap_agreement(part, picture, there, here) > 0.97
    assert overlap_agreement(picture, part, here, there + np.array([0.1, 0.0])) < LEAST


def test_what_is_turned_or_seen_at_an_angle_is_no_cut() -> None:
    picture, here = photo(3, 400, 300), places()
    turned = (here - 0.5) @ np.array([[np.cos(0.05), -np.sin(0.05)], [np.sin(0.05), np.cos(0.05)]]) + 0.5
    assert overlap_agreement(picture, picture, here, turned) == -1
    mirrored = here * (-1, 1) + (1, 0)
    assert overlap_agreement(picture, picture, here, mirrored) == -1
    line = here * (1, 0)
    assert overlap_agreement(picture, picture, line, line) == -1  # on one line: no height to tell
