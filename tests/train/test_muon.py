from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from likewise.train.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (8, 72), (72, 8)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_directions_are_those_of_the_polar_factor() -> None:
    matrix = torch.randn(6, 20, generator=torch.Generator().manual_seed(1))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    polar = left @ right
    ours = orthogonal(matrix)
    cosine = (ours * polar).sum() / (ours.norm() * polar.norm())
    assert cosine > 0.98


def test_a_filter_bank_turns_towards_its_target_and_keeps_its_norm() -> None:
    draw = torch.Generator().manual_seed(2)
    bank = torch.nn.Parameter(torch.randn(4, 3, 3, 3, generator=draw))
    target = torch.randn(4, 3, 3, 3, generator=draw)
    optimiser = Muon([bank], lr=0.05)

    def cosine() -> float:
        held = bank.detach()
        return float((held * target).sum() / (held.norm() * target.norm()))

    before = cosine()
    for _ in range(60):
        optimiser.zero_grad()
        (-(bank * target).sum() / bank.norm()).backward()
        optimiser.step()
    assert cosine() > max(0.9, before)
    assert bank.detach().norm().item() == pytest.approx(2.0, abs=0.3)  # √4, up to one step


def test_parameters_without_a_gradient_stay() -> None:
    bank = torch.nn.Parameter(torch.ones(2, 2, 3, 3))
    Muon([bank], lr=0.1).step()
    assert torch.equal(bank, torch.ones(2, 2, 3, 3))
