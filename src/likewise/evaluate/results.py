"""What an evaluation found, with everything that is needed to repeat it; written as JSON and read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from likewise.benchmarks import Facts
from likewise.errors import BadArgument
from likewise.evaluate.intervals import RESAMPLES, Interval
from likewise.metrics import Values
from likewise.types import Card, Skipped, Verdict

FORMAT = 1
_HITS_WRITTEN = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """One metric in one setup.

    Attributes:
        setup: Such as `easy`; empty where the benchmark has only one.
        metric: Such as `P@7`.
        values: One for each query of `Result.answers`; NaN where it is not defined.
        interval: Of their mean.
    """

    setup: str
    metric: str
    values: Values
    interval: Interval

    @property
    def undefined(self) -> int:
        """How many queries have no value, because nothing in the gallery is a positive of theirs."""
        return int(np.isnan(self.values).sum())


@dataclass(frozen=True, slots=True)
class TopHit:
    """One of the first hits of a query, before junk and self are taken out.

    Attributes:
        key: In the gallery's source.
        score: Higher is better.
        verdicts: One for each setup.
    """

    key: str
    score: float
    verdicts: Mapping[str, Verdict]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One query that was evaluated.

    Attributes:
        key: In the source of the queries.
        hits: Its first 20 hits; the first 10, once written and read again.
    """

    key: str
    hits: tuple[TopHit, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """The gallery or the queries.

    Attributes:
        location: Where the images were; `location/key` is the place of one.
        listed: How many the benchmark has.
        skipped: Those that could not be read. A skipped query is in no figure; a skipped gallery image is in no ranking, and
            counts as a positive that was not found.
        seconds: Spent on embedding in this run.
    """

    location: str
    listed: int
    skipped: tuple[Skipped, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """An evaluation of one model on one benchmark.

    Attributes:
        benchmark: Its name.
        benchmark_sha256: Over the keys of its images and what is right: equal ones ask the same questions.
        facts: Where it is from, and under which licence.
        notes: How it departs from the official one.
        card: Of the model.
        kept_as: How the gallery's embeddings were kept, such as `pq:64`; queries are always float32.
        row_bytes: Of each.
        rerank: The rerankers, as `likewise.rerank.load` reads them; empty if there were none.
        depth: How many of the first hits they put in order; 0 if there were none.
        estimates: The figures, setup by setup.
        answers: Queries that were evaluated, in the benchmark's order.
        gallery: What was searched.
        queries: What was looked for.
        seed: Of the resampling.
        ranking_seconds: Time for all rankings and metrics.
        running: What computed the embeddings: runtime, precision, threads, and why these.
        versions: Of the programs that took part.
        machine: That it ran on.
    """

    benchmark: str
    benchmark_sha256: str
    facts: Facts
    notes: tuple[str, ...]
    card: Card
    kept_as: str
    row_bytes: int
    rerank: str
    depth: int
    estimates: tuple[Estimate, ...]
    answers: tuple[Ranked, ...]
    gallery: Side
    queries: Side
    seed: int
    ranking_seconds: float
    running: Mapping[str, str | int]
    versions: Mapping[str, str]
    machine: Mapping[str, str | int]

    def estimate(self, metric: str, setup: str | None = None) -> Estimate:
        """The figure of that name; of the first setup unless one is named.

        Raises:
            BadArgument: If it was not computed.
        """
        for each in self.estimates:
            if each.metric == metric and setup in (None, each.setup):
                return each
        there = ", ".join(f"{each.setup} {each.metric}".strip() for each in self.estimates)
        raise BadArgument(f"{' '.join(filter(None, (setup, metric)))} was not computed: there are {there}")

    def to_json(self) -> str:
        """Everything as JSON, with the first 10 hits of each query; `from_json` is the way back. NaN becomes null."""
        told = {
            "format": FORMAT,
            "benchmark": self.benchmark,
            "benchmark_sha256": self.benchmark_sha256,
            "facts": asdict(self.facts),
            "notes": list(self.notes),
            "fingerprint": self.card.fingerprint,
            "card": json.loads(self.card.to_json()),
            "kept_as": self.kept_as,
            "row_bytes": self.row_bytes,
            "rerank": self.rerank,
            "depth": self.depth,
            "estimates": [_estimate_told(each) for each in self.estimates],
            "seed": self.seed,
            "resamples": RESAMPLES,
            "gallery": asdict(self.gallery),
            "queries": asdict(self.queries),
            "ranking_seconds": self.ranking_seconds,
            "running": dict(self.running),
            "versions": dict(self.versions),
            "machine": dict(self.machine),
            "answers": [{"key": each.key, "hits": _hits_told(each)} for each in self.answers],
        }
        return json.dumps(told, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Result:
        """The result that `to_json` wrote.

        Raises:
            BadArgument: If the text is something else, or of a later format.
        """
        try:
            told = json.loads(text)
            if told["format"] != FORMAT:
                raise BadArgument(f"the result has format {told['format']}, wanted {FORMAT}: evaluate again")
            return _read(told)
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, BadArgument):
                raise
            raise BadArgument("this is not a result: pass a file that `likewise evaluate --out` wrote") from error


def _estimate_told(estimate: Estimate) -> dict[str, object]:
    numbers = {name: _or_null(value) for name, value in asdict(estimate.interval).items()}
    values = [_or_null(value) for value in estimate.values.tolist()]
    named = {"setup": estimate.setup, "metric": estimate.metric}
    return named | numbers | {"undefined": estimate.undefined, "values": values}


def _hits_told(answer: Ranked) -> list[dict[str, object]]:
    return [{"key": hit.key, "score": hit.score, "verdicts": dict(hit.verdicts)} for hit in answer.hits[:_HITS_WRITTEN]]


def _read(told: dict[str, Any]) -> Result:
    card = Card.from_json(json.dumps(told["card"]))
    return Result(
        benchmark=told["benchmark"],
        benchmark_sha256=told["benchmark_sha256"],
        facts=Facts(**told["facts"]),
        notes=tuple(told["notes"]),
        card=card,
        kept_as=told.get("kept_as", "float32"),
        row_bytes=told.get("row_bytes", 4 * card.dim),
        rerank=told.get("rerank", ""),
        depth=told.get("depth", 0),
        estimates=tuple(_estimate_read(each) for each in told["estimates"]),
        answers=tuple(Ranked(each["key"], tuple(TopHit(**hit) for hit in each["hits"])) for each in told["answers"]),
        gallery=_side_read(told["gallery"]),
        queries=_side_read(told["queries"]),
        seed=told["seed"],
        ranking_seconds=told["ranking_seconds"],
        running=told.get("running", {}),
        versions=told["versions"],
        machine=told["machine"],
    )


def _estimate_read(told: dict[str, Any]) -> Estimate:
    mean, low, high = (_or_nan(told[name]) for name in ("mean", "low", "high"))
    values = np.array([_or_nan(value) for value in told["values"]], np.float64)
    return Estimate(told["setup"], told["metric"], values, Interval(mean, low, high, told["n"]))


def _side_read(told: dict[str, Any]) -> Side:
    skipped = tuple(Skipped(**skip) for skip in told["skipped"])
    return Side(told["location"], told["listed"], skipped, told["seconds"])


def _or_null(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124 - NaN is what differs from itself


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
