"""Every pooling against the formula of its paper, written out in loops, and by hand on the smallest maps."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from likewise.encoders.networks import pooling
from likewise.encoders.networks.pooling import MAPS, NAMES, TOKENS, canonical, make, regions
from likewise.errors import BadArgument, UnknownName

SHAPES = [(7, 7), (1, 1), (2, 2), (5, 8), (12, 4), (1, 6), (14, 15)]


def maps(height: int, width: int, *, channels: int = 6, count: int = 2, seed: int = 0) -> np.ndarray:
    """Non-negative, about a third of them 0, as behind a ReLU."""
    draw = np.random.default_rng([seed, height, width])
    return np.maximum(draw.normal(0.4, 1, (count, channels, height, width)), 0).astype(np.float32)


def pooled(name: str, found: np.ndarray, **arguments: int) -> np.ndarray:
    return make(name, **arguments)(torch.from_numpy(found)).numpy()


def near(ours: np.ndarray, theirs: np.ndarray) -> None:
    """To 1e-5 of the largest component, as rows are compared by direction."""
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


# The formulas, one picture and one channel at a time, in double precision.


def spoc(picture: np.ndarray) -> list[float]:
    _, height, width = picture.shape
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    sigma = min(height, width) / 2 / 3  # a third of the way from the middle to the nearest border
    return [
        sum(
            float(channel[y, x]) * math.exp(-((y - middle_y) ** 2 + (x - middle_x) ** 2) / (2 * sigma**2))
            for y in range(height)
            for x in range(width)
        )
        for channel in picture
    ]


def gem(picture: np.ndarray, p: float) -> list[float]:
    return [
        (sum(max(float(value), 1e-6) ** p for value in channel.ravel()) / channel.size) ** (1 / p)
        for channel in picture
    ]


def crow(picture: np.ndarray) -> list[float]:
    """With ε = 0: a channel that is nowhere above 0 has a sum of 0, whatever its weight."""
    _, height, width = picture.shape
    summed = {(y, x): float(picture[:, y, x].sum(dtype=np.float64)) for y in range(height) for x in range(width)}
    norm = math.sqrt(sum(value**2 for value in summed.values()))
    place = {at: math.sqrt(value / norm) for at, value in summed.items()}
    seen = [sum(1 for value in channel.ravel() if value > 0) / channel.size for channel in picture]
    return [
        0.0
        if share == 0
        else math.log(sum(seen) / share) * sum(float(channel[y, x]) * weight for (y, x), weight in place.items())
        for channel, share in zip(picture, seen, strict=True)
    ]


def squares(height: int, width: int, levels: int) -> list[tuple[int, int, int]]:
    """As the paper tells it, in fractions of a place; rounded down at the end."""
    from fractions import Fraction

    w, longer = min(height, width), max(height, width)
    m = 1
    if longer > w:
        overlaps = {count: 1 - Fraction(longer - w, (count - 1) * w) for count in range(2, 200)}
        m = min(overlaps, key=lambda count: abs(overlaps[count] - Fraction(2, 5)))
    found = []
    for level in range(1, levels + 1):
        side = math.floor(Fraction(2 * w, level + 1))
        many_y, many_x = (level + m - 1, level) if height > width else (level, level + m - 1)
        for i in range(many_y):
            for j in range(many_x):
                top = Fraction(height - side, many_y - 1) * i if many_y > 1 else 0
                left = Fraction(width - side, many_x - 1) * j if many_x > 1 else 0
                if side >= 1:
                    found.append((math.floor(top), math.floor(left), side))
    return found


def rmac(picture: np.ndarray, levels: int) -> list[float]:
    whole = [0.0] * len(picture)
    for top, left, side in squares(*picture.shape[1:], levels):
        largest = [max(float(v) for v in channel[top : top + side, left : left + side].ravel()) for channel in picture]
        norm = math.sqrt(sum(value**2 for value in largest))
        if norm > 0:
            whole = [before + value / norm for before, value in zip(whole, largest, strict=True)]
    return whole


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("max", lambda picture: [max(map(float, channel.ravel())) for channel in picture]),
        ("mean", lambda picture: [math.fsum(channel.ravel()) / channel.size for channel in picture]),
        ("spoc", spoc),
        ("gem", lambda picture: gem(picture, 3)),
        ("gem:2.5", lambda picture: gem(picture, 2.5)),
        ("gem:1", lambda picture: gem(picture, 1)),
        ("gem:9", lambda picture: gem(picture, 9)),
        ("crow", crow),
        ("rmac", lambda picture: rmac(picture, 3)),
        ("rmac:1", lambda picture: rmac(picture, 1)),
        ("rmac:5", lambda picture: rmac(picture, 5)),
    ],
)
def test_a_map_is_pooled_as_its_paper_says(name: str, formula, shape: tuple[int, int]) -> None:
    found = maps(*shape)
    near(pooled(name, found), np.array([formula(picture) for picture in found]))


def test_by_hand_on_two_by_two() -> None:
    found = np.array([[[[1, 2], [3, 6]], [[0, 4], [0, 0]]]], np.float32)
    near(pooled("max", found), np.array([[6, 4]]))
    near(pooled("mean", found), np.array([[3, 1]]))
    bell = math.exp(-(0.25 + 0.25) / (2 / 9))  # each place is half a place from the middle both ways; σ = 1/3
    near(pooled("spoc", found), np.array([[12 * bell, 4 * bell]]))
    near(pooled("gem:2", found), np.array([[math.sqrt(50 / 4), 2]]))
    # Places sum to 1, 6, 3, 6 with norm √82; channels are seen at 4/4 and 1/4 of the places.
    place = np.sqrt(np.array([1, 6, 3, 6]) / math.sqrt(82))
    wanted = [math.log(1.25) * (place @ [1, 2, 3, 6]), math.log(5) * (place @ [0, 4, 0, 0])]
    near(pooled("crow", found), np.array([wanted]))
    # The whole, then four single places: (6, 4) / √52, (1, 0), (2, 4) / √20, (1, 0), (1, 0).
    near(pooled("rmac:2", found), np.array([[6 / 52**0.5 + 1 + 2 / 20**0.5 + 1 + 1, 4 / 52**0.5 + 4 / 20**0.5]]))


def test_gem_is_bit_by_bit_what_collections_hold() -> None:
    found = torch.from_numpy(maps(7, 7) * 30)
    before = found.clamp(min=1e-6).pow(3.0).mean(dim=(2, 3)).pow(1 / 3.0)
    assert torch.equal(make("gem")(found), before)
    assert torch.equal(make("gem:3")(found), before)


def test_a_large_power_does_not_overflow() -> None:
    found = maps(7, 7) * 1e4
    near(pooled("gem:200", found), np.array([gem_of_large(picture, 200) for picture in found]))


def gem_of_large(picture: np.ndarray, p: float) -> list[float]:
    logs = [[p * math.log(max(float(value), 1e-6)) for value in channel.ravel()] for channel in picture]
    return [
        math.exp((top + math.log(sum(math.exp(v - top) for v in each) / len(each))) / p)
        for each in logs
        for top in [max(each)]
    ]


def test_regions_are_those_of_the_paper() -> None:
    # A square map has 1 + 4 + 9; a map of 3 : 2 has two along its longer side: 2 + 6 + 12.
    assert len(regions(14, 14)) == 14
    assert len(regions(14, 21)) == 20
    assert regions(4, 6, 2) == [
        *[(0, 0, 4), (0, 2, 4)],
        *[(0, 0, 2), (0, 2, 2), (0, 4, 2), (2, 0, 2), (2, 2, 2), (2, 4, 2)],
    ]
    assert (
        len(regions(15, 27, 1)) == 2
    )  # overlaps of 20 % with two and 60 % with three are equally near to 40 %: the fewer
    assert regions(1, 1) == [(0, 0, 1)]  # at the second level they would be narrower than a place


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
@example(15, 27, 1)
def test_regions_cover_the_map_and_stay_inside_it(height: int, width: int, levels: int) -> None:
    covered = np.zeros((height, width), int)
    found = regions(height, width, levels)
    for top, left, side in found:
        assert 0 <= top <= height - side
        assert 0 <= left <= width - side
        covered[top : top + side, left : left + side] += 1
    assert covered.all()
    assert found == squares(height, width, levels)
    assert sorted((left, top, side) for top, left, side in found) == sorted(regions(width, height, levels))


@given(st.integers(0, 1000), st.sampled_from(["max", "mean", "gem", "gem:4"]))
@settings(max_examples=30)
def test_the_order_of_places_does_not_matter(seed: int, name: str) -> None:
    found = maps(4, 6, seed=seed)
    order = np.random.default_rng(seed).permutation(24)
    near(pooled(name, found.reshape(2, 6, 24)[:, :, order].reshape(2, 6, 4, 6)), pooled(name, found))


@given(st.integers(0, 1000), st.floats(1, 20), st.floats(0, 5))
@settings(max_examples=30)
def test_gem_lies_between_mean_and_maximum_and_grows_with_p(seed: int, p: float, more: float) -> None:
    found = np.maximum(maps(5, 5, seed=seed), 1e-3)
    low, high = pooled(f"gem:{p}", found), pooled(f"gem:{p + more}", found)
    slack = 1e-5 * found.max()
    assert (pooled("mean", found) <= low + slack).all()
    assert (low <= high + slack).all()
    assert (high <= pooled("max", found) + slack).all()


@pytest.mark.parametrize("name", ["max", "mean", "spoc", "gem", "crow", "rmac"])
def test_channels_are_told_apart_and_a_mirror_image_is_pooled_alike(name: str) -> None:
    found = maps(6, 6)
    near(pooled(name, found[:, ::-1].copy()), pooled(name, found)[:, ::-1])
    if name != "rmac":  # whose regions are rounded towards one border
        near(pooled(name, found[..., ::-1].copy()), pooled(name, found))


@pytest.mark.parametrize("name", MAPS)
def test_maps_of_zeros_and_of_negative_numbers_stay_finite(name: str) -> None:
    for found in (np.zeros((1, 3, 4, 4), np.float32), -maps(4, 4, channels=3)):
        assert np.isfinite(pooled(name, found)).all()


def test_tokens_are_taken_or_averaged() -> None:
    tokens = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(pooled("cls", tokens, prefix=5), tokens[:, 0])
    for prefix in (0, 1, 5):
        wanted = [[math.fsum(picture[prefix:, d]) / (7 - prefix) for d in range(3)] for picture in tokens]
        near(pooled("patches", tokens, prefix=prefix), np.array(wanted))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [1, 2])
def test_each_can_be_exported_at_a_fixed_size_for_any_number_of_pictures(name: str, side: int) -> None:
    module = make(name)
    example = torch.rand(2, 3, 4) if name in TOKENS else torch.rand(2, 3, side, side + 1)
    program = torch.export.export(module, (example,), dynamic_shapes=({0: torch.export.Dim("n")},))
    other = torch.rand(5, *example.shape[1:])
    assert torch.equal(program.module()(other), module(other))


def test_onnx_computes_the_same(tmp_path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")

    class All(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.each = torch.nn.ModuleList([make(name) for name in [*MAPS, "gem:2.5"]])

        def forward(self, found: torch.Tensor) -> torch.Tensor:
            return torch.stack([pooling(found) for pooling in self.each])

    found = torch.from_numpy(maps(2, 3))
    path = tmp_path / "all.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own parts warn each other of what they will no longer do
        torch.onnx.export(All().eval(), (found,), str(path), dynamo=True, verbose=False)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (ours,) = session.run(None, {session.get_inputs()[0].name: found.numpy()})
    near(ours, All()(found).numpy())


@pytest.mark.parametrize(
    ("name", "nearest"), [("gme", "gem"), ("r-mac", "rmac"), ("average", "max"), ("patch", "patches"), ("", "max")]
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownName, match=f"did you mean .*{nearest}"):
        make(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gem:0.5", "from 1"),
        ("gem:nan", "from 1"),
        ("gem:inf", "from 1"),
        ("gem:three", "no number"),
        ("rmac:0", "at least 1"),
        ("rmac:2.5", "whole"),
        ("rmac:inf", "whole"),
        ("max:2", "go without :2"),
    ],
)
def test_a_number_out_of_range_is_refused(name: str, told: str) -> None:
    with pytest.raises(BadArgument, match=told):
        make(name)
    with pytest.raises(BadArgument, match=told):
        canonical(name)


def test_what_a_layer_does_not_give_is_refused() -> None:
    with pytest.raises(BadArgument, match="take cls or patches"):
        make("spoc")(torch.rand(2, 5, 8))
    with pytest.raises(BadArgument, match="take max"):
        make("patches")(torch.rand(2, 5, 4, 4))
    with pytest.raises(BadArgument, match="smaller prefix"):
        make("patches", prefix=5)(torch.rand(2, 5, 8))
    with pytest.raises(BadArgument, match="take `patches`"):
        make("cls", prefix=0)
    with pytest.raises(BadArgument, match="0 or more"):
        make("patches", prefix=-1)


def test_a_spelling_is_one_name() -> None:
    assert [canonical(name) for name in NAMES] == list(NAMES)
    assert pooling.canonical("gem:4.0") == "gem:4"
