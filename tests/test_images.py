"""Bytes become upright sRGB pixels, or a reason that a person understands; whatever the bytes are."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from PIL import ImageCms

from likewise import images
from likewise.errors import BadArgument, BadImage
from likewise.images import Limits
from likewise.types import Recipe

CROP = Recipe("crop", 24, "crop", shorter=32)
SQUASH = Recipe("squash", 32)


def scene(width: int = 96, height: int = 64) -> Picture.Image:
    """Red to the left, green to the right, and a blue top: every turn of it is another picture."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    blue = np.where(y < 0.25, 255, 20)
    return Picture.fromarray(np.stack([255 * (1 - x), 255 * x, blue], axis=-1).astype(np.uint8))


def encoded(picture: Picture.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(picture).save(buffer, quality=-1, **options)
    else:
        picture.save(buffer, kind, **options)
    return buffer.getvalue()


LOSSLESS = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "BMP": {},
    "PPM": {},
    "JPEG2000": {},
    "ICO": {"sizes": [(96, 64)]},
}
LOSSY = {"JPEG": {"quality": 95}, "AVIF": {"quality": 95}, "HEIF": {}, "GIF": {}}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_kinds_come_out_exactly(kind: str) -> None:
    assert np.array_equal(images.decode(encoded(scene(), kind, **LOSSLESS[kind])), np.asarray(scene()))


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_kinds_come_out_nearly(kind: str) -> None:
    found = images.decode(encoded(scene(), kind, **LOSSY[kind])).astype(int)
    assert np.abs(found - np.asarray(scene())).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how an upright picture must be stored for each orientation
    upright = scene()
    stored = upright if orientation == 1 else upright.transpose(Picture.Transpose(turns[orientation]))
    exif = Picture.Exif()
    exif[274] = orientation
    options = {"exif": exif.tobytes()} | ({"quality": 95} if kind in ("JPEG", "WEBP") else {})
    found = images.prepare(encoded(stored, kind, **options), SQUASH)
    wanted = images.prepare(encoded(upright, "PNG"), SQUASH)
    assert (found.width, found.height) == (96, 64)
    assert np.abs(found.pixels.astype(int) - wanted.pixels).mean() < 8


def test_an_orientation_that_is_nonsense_is_left_alone() -> None:
    exif = Picture.Exif()
    exif[274] = 77
    assert np.array_equal(images.decode(encoded(scene(), "PNG", exif=exif.tobytes())), np.asarray(scene()))


def test_what_is_transparent_lies_on_white() -> None:
    half = np.dstack([np.asarray(scene()), np.full((64, 96), 255, np.uint8)])
    half[:, :48, 3] = 0
    for kind in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        found = images.decode(encoded(Picture.fromarray(half), kind, **options))
        assert (found[:, :48] == 255).all()
        assert np.array_equal(found[:, 48:], half[:, 48:, :3])


def test_palettes_greys_and_bits_become_rgb() -> None:
    palette = scene().quantize(8)
    assert np.array_equal(images.decode(encoded(palette, "PNG")), np.asarray(palette.convert("RGB")))
    clear = palette.copy()
    found = images.decode(encoded(clear, "PNG", transparency=int(np.asarray(clear)[0, 0])))
    assert (found[0, 0] == 255).all()
    grey, bits = scene().convert("L"), scene().convert("1")
    assert np.array_equal(images.decode(encoded(grey, "PNG"))[..., 1], np.asarray(grey))
    assert np.array_equal(images.decode(encoded(bits, "PNG"))[..., 0], np.asarray(bits) * 255)


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    ramp = np.linspace(0, 65535, 96 * 64).reshape(64, 96).astype(np.uint16)
    for kind in ("PNG", "TIFF"):
        found = images.decode(encoded(Picture.fromarray(ramp), kind))[..., 0].astype(int)
        assert np.abs(found - ramp / 257).max() <= 1


def test_floats_use_the_range_that_holds_them() -> None:
    for high in (1.0, 255.0, 65535.0):
        ramp = np.linspace(0, high, 96 * 64, dtype=np.float32).reshape(64, 96)
        found = images.decode(encoded(Picture.fromarray(ramp), "TIFF"))[..., 0].astype(int)
        assert np.abs(found - 255 * ramp / high).max() <= 1
    odd = np.linspace(-5, 5, 96 * 64, dtype=np.float32).reshape(64, 96)
    odd[0, 0] = np.nan
    found = images.decode(encoded(Picture.fromarray(odd), "TIFF"))[..., 0]
    assert (found[0, 1], found[-1, -1]) == (0, 255)


def test_cmyk_comes_out_in_natural_colours() -> None:
    found = images.decode(encoded(scene().convert("CMYK"), "JPEG", quality=95)).astype(int)
    assert np.abs(found - np.asarray(scene())).mean() < 12


def test_an_icc_profile_is_applied_and_a_broken_one_ignored() -> None:
    plain = np.asarray(scene()).astype(int)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(images.decode(encoded(scene(), "PNG", icc_profile=srgb)), plain)
    assert np.array_equal(images.decode(encoded(scene(), "PNG", icc_profile=b"broken" * 40)), plain)
    swapped = bytearray(srgb)
    red, green = swapped.find(b"rXYZ"), swapped.find(b"gXYZ")
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    found = images.decode(encoded(scene(), "PNG", icc_profile=bytes(swapped))).astype(int)
    assert np.abs(found - plain[..., [1, 0, 2]]).mean() < np.abs(found - plain).mean()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Picture.new("RGB", (20, 20), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert images.decode(data)[10, 10].tolist() == [255, 0, 0]


@pytest.mark.parametrize(("width", "height"), [(96, 64), (64, 96), (33, 500), (32, 32), (7, 5), (225, 224)])
@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "lanczos", "box"])
def test_a_crop_is_that_of_torchvision(torchvision, width: int, height: int, resample: str) -> None:
    from torchvision.transforms import v2

    modes = {"box": v2.InterpolationMode.BOX, "lanczos": v2.InterpolationMode.LANCZOS}
    mode = modes.get(resample) or v2.InterpolationMode(resample)
    theirs = v2.Compose([v2.Resize(32, mode), v2.CenterCrop(24)])(scene(width, height))
    ours = images.prepare(encoded(scene(width, height), "PNG"), replace(CROP, resample=resample))
    assert np.array_equal(ours.pixels, np.asarray(theirs))
    assert (ours.width, ours.height) == (width, height)


def test_a_squash_is_pillows_resize() -> None:
    wanted = np.asarray(scene(301, 97).resize((32, 32), Picture.Resampling.BILINEAR))
    assert np.array_equal(images.prepare(encoded(scene(301, 97), "PNG"), SQUASH).pixels, wanted)


@pytest.fixture(scope="module", params=[(1632, 1224), (3000, 4000)], ids=["2 MP", "12 MP"])
def photo(request: pytest.FixtureRequest) -> tuple[tuple[int, int], bytes, bytes]:
    """The size of a picture with a camera's grain, its JPEG, and the same pixels without loss."""
    width, height = request.param
    grain = np.random.default_rng(0).standard_normal((height, width), np.float32) * 12
    large = np.asarray(scene(width, height)) + grain[..., None]
    data = encoded(Picture.fromarray(large.clip(0, 255).astype(np.uint8)), "JPEG", quality=90)
    return (width, height), data, encoded(Picture.open(io.BytesIO(data)), "BMP")


@pytest.mark.parametrize("recipe", [SQUASH, CROP, Recipe("big", 224, "crop", shorter=256), Recipe("b", 384, "squash")])
def test_scaled_decoding_of_a_photo_stays_near_full_decoding(
    photo: tuple[tuple[int, int], bytes, bytes], recipe: Recipe
) -> None:
    size, data, full = photo
    ours, wanted = images.prepare(data, recipe), images.prepare(full, recipe)
    assert (ours.width, ours.height) == size
    apart = np.abs(ours.pixels.astype(int) - wanted.pixels)
    assert apart.mean() < 0.75
    assert np.quantile(apart, 0.999) <= 6


def test_a_thumbnail_fits_and_is_never_enlarged() -> None:
    assert images.thumbnail(encoded(scene(900, 300), "JPEG"), 90).shape == (30, 90, 3)
    assert images.thumbnail(encoded(scene(20, 10), "PNG"), 90).shape == (10, 20, 3)
    assert images.thumbnail(encoded(scene(900, 1), "PNG"), 10).shape == (1, 10, 3)
    with pytest.raises(BadArgument, match="at least 1"):
        images.thumbnail(encoded(scene(), "PNG"), 0)


def test_normalising_scales_shifts_and_puts_channels_first() -> None:
    recipe = Recipe("r", 2, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0))
    pixels = np.array([[[[255, 0, 255], [0, 255, 0]], [[128, 64, 2], [1, 2, 3]]]], np.uint8)
    found = images.normalise(pixels, recipe)
    wanted = (pixels / 255 - np.array(recipe.mean)) / np.array(recipe.std)
    np.testing.assert_allclose(found, wanted.transpose(0, 3, 1, 2), atol=1e-6)
    assert images.normalise(pixels[:0], recipe).shape == (0, 3, 2, 2)
    with pytest.raises(BadArgument, match="wants uint8"):
        images.normalise(pixels.astype(np.float32), recipe)  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="above zero"):
        images.normalise(pixels, replace(recipe, std=(1.0, 0.0, 1.0)))


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (replace(CROP, shorter=10), "at least side"),
        (replace(SQUASH, side=0), "at least 1"),
        (replace(SQUASH, resize="stretch"), "crop or squash"),
        (replace(SQUASH, resample="nearest"), "must be one of"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(recipe: Recipe, told: str) -> None:
    with pytest.raises(BadArgument, match=told):
        images.prepare(encoded(scene(), "PNG"), recipe)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7 ...", "like a PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "never run"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"<svg xmlns='x'>", "SVG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\3\4aaaa", "archive"),
        (b"\0" * 64, "begins with zeros"),
        (b"8BPS\0\1", "Photoshop"),
        (b"II*\0\x10\0\0\0CR\2\0", "camera RAW"),
        (b"\xff\x0a....", "JPEG XL"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (b"\0\0\0\x18ftypcrx ", "camera RAW"),
        (b"just some words, at least sixteen", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
    ],
)
def test_what_is_no_picture_says_what_it_looks_like(data: bytes, told: str) -> None:
    with pytest.raises(BadImage, match=told):
        images.prepare(data, SQUASH)


def test_a_picture_that_is_cut_off_says_so() -> None:
    noise = Picture.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8))
    for kind in ("JPEG", "PNG"):
        data = encoded(noise, kind)
        with pytest.raises(BadImage, match="cut off"):
            images.prepare(data[: len(data) // 2], SQUASH)


def test_a_jpeg_whose_end_marker_is_lost_in_junk_is_whole() -> None:
    data = encoded(scene(), "JPEG")
    assert np.array_equal(images.decode(data[:-2] + b"\0" * 64), images.decode(data))
    with pytest.raises(BadImage, match=r"cut off after \d+ of 64 rows"):
        images.decode(data[:-2])


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(max_bytes=100), "raise it with --max-bytes"),
        (Limits(max_pixels=6143), "96 × 64 pixels, over the limit of 0.006143 megapixels: raise it with --max-pixels"),
        (Limits(max_side=95), "raise it with --max-side"),
        (Limits(max_memory_bytes=10_000), "raise it with --max-memory"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "ICO"])
def test_limits_are_named_with_the_way_to_raise_them(limits: Limits, told: str, kind: str) -> None:
    data = encoded(scene(), kind, **({"sizes": [(96, 64)]} if kind == "ICO" else {}))
    with pytest.raises(BadImage, match=told):
        images.prepare(data, SQUASH, limits)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises much and holds nothing."""
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_a_bomb_is_refused_before_it_has_memory() -> None:
    program = (
        "import resource, sys; sys.path.insert(0, 'tests')\n"
        "from test_images import png_header, SQUASH, images, BadImage\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: images.prepare(png_header(90_000, 90_000), SQUASH)\n"
        "except BadImage as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.splitlines()[-1] == "True"
    assert "200 megapixels" in done.stdout


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_a_picture_or_a_reason_and_nothing_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([*LOSSLESS, *LOSSY]))
    options = {**LOSSLESS, **LOSSY}[kind]
    whole = bytearray(encoded(scene(40, 30), kind, **({"sizes": [(40, 30)]} if kind == "ICO" else options)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "insert"])):
            case "flip":
                whole[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del whole[max(1, at) :]
            case "drop":
                del whole[max(1, at) : at + 8]
            case "insert":
                whole[at:at] = data.draw(st.binary(max_size=8))
    limits = Limits(max_pixels=10_000_000)
    try:
        found = images.prepare(bytes(whole), SQUASH, limits)
    except BadImage as error:
        assert str(error)
        return
    assert found.pixels.shape == (32, 32, 3)


def test_warnings_of_decoders_stay_inside_and_others_come_out() -> None:
    exif = b"Exif\0\0" + b"II*\0\xff\xff\xff\xff"
    data = encoded(scene(), "JPEG", exif=exif)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        images.prepare(data, SQUASH)
        warnings.warn("mine", stacklevel=1)
    assert [str(one.message) for one in seen] == ["mine"]


def test_threads_decode_side_by_side() -> None:
    batches = [encoded(scene(50 + i, 40), "JPEG") for i in range(8)]
    calm = [images.prepare(data, SQUASH).pixels for data in batches]
    found: dict[int, np.ndarray] = {}

    def work(i: int) -> None:
        for _ in range(10):
            found[i] = images.prepare(batches[i], SQUASH).pixels

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[i], calm[i]) for i in range(8))


@pytest.mark.skipif("LIKEWISE_TEST_DATA" not in os.environ, reason="LIKEWISE_TEST_DATA names no folder of nasty files")
def test_every_nasty_file_is_a_picture_or_a_reason() -> None:
    files = sorted((Path(os.environ["LIKEWISE_TEST_DATA"]) / "nasty").iterdir())
    assert files
    for path in files:
        try:
            assert images.prepare(path.read_bytes(), SQUASH).pixels.shape == (32, 32, 3)
        except BadImage as error:
            assert len(str(error)) > 10
