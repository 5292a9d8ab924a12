from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likewise.errors import BadArgument, UnknownName
from likewise.train import losses


def clusters(spread: float, seed: int = 0):
    """Four classes of four unit rows around the axes of 8-d space."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(4).repeat_interleave(4)
    rows = torch.eye(8)[labels] + spread * torch.randn(16, 8, generator=draw)
    return torch.nn.functional.normalize(rows), labels


@pytest.mark.parametrize(
    "name", [name for name in losses.NAMES if name not in ("softmax", "normalised-softmax", "proxy-anchor")]
)
def test_a_loss_without_weights_prefers_separated_classes_to_mixed_ones(name: str) -> None:
    loss = losses.make(name, 4, 8)
    tidy, labels = clusters(0.05)
    mixed = tidy[torch.randperm(16, generator=torch.Generator().manual_seed(1))]
    assert loss(tidy, labels).item() < loss(mixed, labels).item()


@pytest.mark.parametrize("name", ["softmax", "normalised-softmax", "proxy-anchor"])
def test_a_loss_with_weights_can_be_trained_down(name: str) -> None:
    torch.manual_seed(0)
    loss = losses.make(name, 4, 8)
    rows, labels = clusters(0.05)
    optimiser = torch.optim.Adam(loss.parameters(), 0.1)
    first = loss(rows, labels).item()
    for _ in range(30):
        optimiser.zero_grad()
        loss(rows, labels).backward()
        optimiser.step()
    assert loss(rows, labels).item() < first / 2


def test_normalised_softmax_by_hand() -> None:
    loss = losses.NormalisedSoftmax(2, 2, scale=3.0, margin=0.5)
    with torch.no_grad():
        loss.proxies.copy_(torch.tensor([[2.0, 0.0], [0.0, 5.0]]))  # their length does not count
    row = torch.tensor([[0.6, 0.8]])
    wanted = -math.log(math.exp(3 * (0.6 - 0.5)) / (math.exp(3 * (0.6 - 0.5)) + math.exp(3 * 0.8)))
    assert loss(row, torch.tensor([0])).item() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("classes", "options"), [(1, {}), (3, {"scale": 0.0}), (3, {"margin": -1.0})])
def test_impossible_settings_are_refused(classes: int, options: dict[str, float]) -> None:
    with pytest.raises(BadArgument, match="two classes"):
        losses.make("normalised-softmax", classes, 8, **options)


def test_a_picture_is_told_apart_from_the_classes_of_its_own_set_only() -> None:
    sets = np.array([0, 0, 1, 1, 1])
    loss = losses.make("normalised-softmax", 5, 8, sets=sets, scale=7.0, smoothing=0.2)
    alone = losses.make("normalised-softmax", 3, 8, scale=7.0, smoothing=0.2)
    with torch.no_grad():
        alone.proxies.copy_(loss.proxies[2:])
    rows = torch.nn.functional.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    assert loss(rows, labels + 2).item() == pytest.approx(alone(rows, labels).item(), abs=1e-6)
    loss(rows, labels + 2).backward()
    assert loss.proxies.grad[:2].abs().max() == 0
    assert torch.isfinite(loss.proxies.grad).all()
    cosines = 7.0 * rows @ torch.nn.functional.normalize(loss.proxies[2:]).T
    theirs = torch.nn.functional.cross_entropy(cosines, labels, label_smoothing=0.2).item()
    assert alone(rows, labels).item() == pytest.approx(theirs, abs=1e-6)


def test_a_loss_that_knows_no_sets_refuses_several() -> None:
    with pytest.raises(BadArgument, match="train on one place"):
        losses.make("supcon", 4, 8, sets=np.array([0, 0, 1, 1]))


def test_an_unknown_loss_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="triplet"):
        losses.make("tripplet", 3, 8)
