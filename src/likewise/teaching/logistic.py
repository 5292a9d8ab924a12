"""A logistic head: what tells liked images from disliked ones and from the rest of the gallery, as a direction.

Regularised logistic regression, fitted by Newton's method in the dual: the number of unknowns is that of the examples, not that of
the dimensions, so that 300 examples of 4096 dimensions take milliseconds.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.float64]

PENALTY = (
    0.02  # λ, of examples that together weigh 1; chosen by bench/teach_marks.py --variants, 0.005 to 0.1 are as good
)
UNMARKED_SHARE = 0.7  # of the weight of what is not wanted, where something is disliked too
_STEPS = 25
_SETTLED = 1e-6


def direction(
    wanted: Rows,
    unwanted: Rows,
    unmarked: Rows,
    *,
    penalty: float = PENALTY,
    unmarked_share: float = UNMARKED_SHARE,
) -> Rows:
    """The normal of the plane between what is wanted and what is not, not of unit norm.

    Either side may be empty: without wanted ones, the unmarked stand for them.

    Args:
        wanted: (n, dim) of unit norm.
        unwanted: (m, dim) of unit norm.
        unmarked: (u, dim) of unit norm; taken for unwanted, with less weight than what was said to be.
        penalty: As of `fitted`.
        unmarked_share: Of the weight of what is not wanted, where something is disliked too.
    """
    sides: list[tuple[Rows, float, float]] = []  # rows, +1 or −1, the weight of all together
    if len(wanted):
        sides += [(wanted, 1.0, 0.5)]
        told = unmarked_share if len(unwanted) else 1.0
        sides += [(unwanted, -1.0, 0.5 * (1 - told)), (unmarked, -1.0, 0.5 * told)]
    else:
        sides += [(unmarked, 1.0, 0.5), (unwanted, -1.0, 0.5)]
    sides = [side for side in sides if len(side[0])]
    rows = np.concatenate([side[0] for side in sides])
    signs = np.concatenate([np.full(len(side[0]), side[1]) for side in sides])
    weights = np.concatenate([np.full(len(side[0]), side[2] / len(side[0])) for side in sides])
    return fitted(rows, signs, weights, penalty)


def fitted(rows: NDArray[np.float64], signs: NDArray[np.float64], weights: NDArray[np.float64], penalty: float) -> Rows:
    """The w of the least Σ weightᵢ · log(1 + exp(−signᵢ (w · rowᵢ + b))) + penalty / 2 · |w|²; b is not regularised.

    Args:
        rows: (n, dim).
        signs: (n,) of +1 and −1; with one sign alone, w leads from the origin to the mean of the rows, or away from it.
        weights: (n,) above zero.
        penalty: Above zero.

    Source: iteratively reweighted least squares in the dual: Jaakkola and Haussler, Probabilistic kernel regression models,
        AISTATS 1999; Minka, A comparison of numerical optimizers for logistic regression, 2003.
    """
    if (signs == signs[0]).all():
        return np.asarray(signs[0] * (weights @ rows) / weights.sum(), np.float64)
    kernel = rows @ rows.T
    count = len(rows)
    dual, shift = np.zeros(count), 0.0
    system = np.zeros((count + 1, count + 1))
    system[count, :count] = system[:count, count] = 1.0
    for _ in range(_STEPS):
        score = kernel @ dual + shift
        chance = 1 / (1 + np.exp(-np.clip(signs * score, -30, 30)))
        curve = np.maximum(weights * chance * (1 - chance), 1e-12)
        target = score + weights * signs * (1 - chance) / curve
        system[:count, :count] = kernel
        system[np.arange(count), np.arange(count)] += penalty / curve
        solved = np.linalg.solve(system, np.append(target, 0.0))
        moved = float(np.abs(kernel @ (solved[:count] - dual)).max())
        dual, shift = solved[:count], float(solved[count])
        if moved < _SETTLED * max(1.0, float(np.abs(score).max())):
            break
    return np.asarray(dual @ rows, np.float64)
