"""Seam: rankings in, better rankings out. Query expansion and database augmentation search again; all others reorder a short list."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from likewise import seams
from likewise.errors import BadArgument
from likewise.rerank.types import (
    Arrays,
    Asked,
    Correspondences,
    Gallery,
    Original,
    Reranker,
    Setting,
    Shortlists,
    by_angle,
)
from likewise.types import Embeddings

__all__ = [
    "DEPTH",
    "Arrays",
    "Asked",
    "Chain",
    "Correspondences",
    "Gallery",
    "Matcher",
    "Original",
    "Reranker",
    "Setting",
    "Shortlists",
    "by_angle",
    "load",
    "names",
]

DEPTH = 100
"""Hits that are looked at, unless more or fewer are asked for."""

_RERANKERS = {
    "aqe": "likewise.rerank.expansion:AverageExpansion",
    "alpha-qe": "likewise.rerank.expansion:AlphaExpansion",
    "dba": "likewise.rerank.augmentation:Augmentation",
    "k-reciprocal": "likewise.rerank.reciprocal:KReciprocal",
    "diffusion": "likewise.rerank.diffusion:Diffusion",
    "superglobal": "likewise.rerank.superglobal:SuperGlobal",
    "geometry": "likewise.rerank.geometric:Geometry",
}
_STEP = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?::([^+]*))?")


@runtime_checkable
class Matcher(Protocol):
    """What a reranker can do beside if it finds the same places in two pictures."""

    def correspondences(self, query: Original, hit: Original) -> Correspondences | None:
        """The places that count as inliers; None if one of the pictures cannot be read or shows nothing to compare."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """Rerankers, one after the other.

    Attributes:
        name: As it can be loaded again, every number spelled out: `alpha-qe:10,3+k-reciprocal:20,6,0.3`.
        steps: At least one.
        depth: Hits of each query that they see.
    """

    name: str
    steps: tuple[Reranker, ...]
    depth: int

    @property
    def needs_pictures(self) -> bool:
        """Whether a query of words alone is nothing to it."""
        return any(step.needs_pictures for step in self.steps)

    @property
    def matcher(self) -> Matcher | None:
        """The step that can show which places agree, if one can."""
        return next((step for step in self.steps if isinstance(step, Matcher)), None)

    def run(self, gallery: Gallery, asked: Sequence[Asked], points: Embeddings) -> Shortlists:
        """Search, and take every step.

        Args:
            gallery: What is searched.
            asked: q queries.
            points: (q, dim) their embeddings.

        Returns:
            Their first `depth` hits.

        Raises:
            BadArgument: If a step does not go with how the gallery is compared.
        """
        found = Shortlists.first(gallery, asked, points, self.depth)
        if not found.rows.size:
            return found
        for step in self.steps:
            found = step.rerank(found)
        return found


def names() -> list[str]:
    """What can be asked for: docs/reranking.md says what each does and when it helps."""
    return seams.names("reranker", _RERANKERS)


def load(text: str, depth: int = DEPTH) -> Chain:
    """Read what is written behind `--rerank`.

    Args:
        text: Names with `+` between them, each with its numbers, if others are wanted than the usual ones: `alpha-qe:10,3+geometry`.
        depth: How many of the first hits they see; at least 1.

    Raises:
        UnknownName: If there is no reranker of a name.
        BadArgument: If the text is written otherwise, or a number or the depth is out of range.
        MissingExtra: If a reranker needs an extra that is not installed.

    >>> load("alpha-qe:5 + k-reciprocal").name
    'alpha-qe:5,3+k-reciprocal:20,6,0.3'
    """
    if depth < 1:
        raise BadArgument(f"the depth of re-ranking is {depth}: it must be at least 1")
    loaded = [_step(part) for part in text.split("+")]
    return Chain("+".join(name for name, _ in loaded), tuple(step for _, step in loaded), depth)


def _step(text: str) -> tuple[str, Reranker]:
    found = _STEP.fullmatch(text)
    if found is None:
        raise BadArgument(
            f"{text!r} is no reranker: write its name, and its numbers behind a colon, such as alpha-qe:10,3; "
            "+ stands between several"
        )
    name, told = found[1], found[2]
    made = cast("Callable[..., Reranker]", seams.resolve("reranker", name, _RERANKERS))
    settings: tuple[Setting, ...] = getattr(made, "SETTINGS", ())
    given = told.split(",") if told and told.strip() else []
    if len(given) > len(settings):
        raise BadArgument(f"{text.strip()}: has {len(given)} numbers, {name} takes {_listed(settings)}")
    values = [_value(name, setting, given[i] if i < len(given) else "") for i, setting in enumerate(settings)]
    spelled = ",".join(f"{value:.15g}" for value in values)
    return (f"{name}:{spelled}" if spelled else name), made(*values)


def _value(name: str, setting: Setting, text: str) -> float:
    if not text.strip():
        return int(setting.default) if setting.whole else setting.default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not setting.least <= value <= setting.most or (setting.whole and value != int(value)):
        kind = "a whole number" if setting.whole else "a number"
        most = "" if setting.most == float("inf") else f" and at most {setting.most:g}"
        raise BadArgument(f"{name}: {setting.name} is {text.strip()}: give {kind}, at least {setting.least:g}{most}")
    return int(value) if setting.whole else value


def _listed(settings: Sequence[Setting]) -> str:
    return ", ".join(f"{setting.name} ({setting.default:g})" for setting in settings) or "none"
