"""Run a benchmark: embed, rank, judge, and say how sure the figures are. Read it from top to bottom."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise import weights
from likewise.benchmarks import Benchmark, Classes
from likewise.compression import Codebook, Compression
from likewise.encoders import Encoder
from likewise.encoders.runtimes import running
from likewise.errors import BadArgument
from likewise.evaluate import compressing
from likewise.evaluate.embedding import Embedded, Watch, embed
from likewise.evaluate.intervals import interval
from likewise.evaluate.judging import VERDICTS, judge, verdicts
from likewise.evaluate.machine import machine, versions
from likewise.evaluate.measures import Measure, measure
from likewise.evaluate.ranking import block_size, ranked
from likewise.evaluate.reranking import QUERIES_AT_ONCE, Reranking
from likewise.evaluate.results import Estimate, Ranked, Result, Side, TopHit
from likewise.rerank import Chain
from likewise.sources import Source
from likewise.stores.local import LocalStore
from likewise.types import Rows, Scores

_HITS_KEPT = 20
_MOST_THREADS = 4  # each holds a block of rankings


def evaluate(  # noqa: PLR0913 - all that a figure depends on
    benchmark: Benchmark,
    encoder: Encoder,
    *,
    folder: Path | None = None,
    metrics: Sequence[str] | None = None,
    rerank: Chain | None = None,
    seed: int = 0,
    watch: Watch = lambda _what, _done, _total: None,
) -> Result:
    """Say how good an encoder is on a benchmark.

    Images take the very path of indexing and searching. Their embeddings are kept, so a run that was killed goes on where it was,
    and a second one only ranks. Rankings are exact and whole: no index comes between. With re-ranking, the first `rerank.depth` hits of
    each are put in another order, and those behind them keep theirs.

    Args:
        benchmark: What is looked for among what, and what is right.
        encoder: The one to judge.
        folder: Where embeddings are kept; a folder of this benchmark and encoder in the cache unless given.
        metrics: Names as in `METRICS`, such as `P@7`; the benchmark's own unless given.
        rerank: Makes the rankings better; none unless given.
        seed: Of the resampling that the intervals come from.
        watch: Told of every step.

    Returns:
        Figures, values of each query, and what is needed to repeat them.

    Raises:
        UnknownName: If there is no metric of that name.
        BadArgument: If a metric does not go with the benchmark, the benchmark contradicts itself, nothing can be ranked, or the
            rerankers do not go with how the encoder's embeddings are compared.
        StoreMismatch: If `folder` holds embeddings of another encoder.
    """
    (result,) = evaluate_kept(
        benchmark, encoder, (), folder=folder, metrics=metrics, rerank=rerank, seed=seed, watch=watch
    )
    return result


def evaluate_kept(  # noqa: PLR0913 - all that a figure depends on
    benchmark: Benchmark,
    encoder: Encoder,
    compressions: Sequence[Compression],
    *,
    folder: Path | None = None,
    metrics: Sequence[str] | None = None,
    rerank: Chain | None = None,
    seed: int = 0,
    watch: Watch = lambda _what, _done, _total: None,
) -> list[Result]:
    """As `evaluate`, and again for each way to keep the gallery's embeddings, which are made once.

    Args:
        benchmark: As for `evaluate`.
        encoder: As for `evaluate`.
        compressions: Those that need it are fitted on at most 10,000 embeddings of the gallery, as in a collection.
        folder: As for `evaluate`.
        metrics: As for `evaluate`.
        rerank: As for `evaluate`; its rerankers see what is kept.
        seed: Of the resampling, and of what a codec draws.
        watch: Told of every step.

    Returns:
        The result in float32, then one for each.

    Raises:
        UnknownName: As `evaluate`.
        BadArgument: As `evaluate`; and if the gallery is too small to fit a codec on, or the embeddings are too short for it.
        StoreMismatch: As `evaluate`.
    """
    measures = {name: measure(name) for name in metrics or benchmark.metrics}
    for each in compressions:
        each.check(encoder.card.dim)
    place = folder or cache_folder(benchmark, encoder)
    with ExitStack() as opened:

        def embedded(source: Source, name: str) -> Embedded:
            store = opened.enter_context(LocalStore.create(place / name, encoder.card))
            return embed(source, store, encoder, lambda done, total: watch(name, done, total))

        gallery = embedded(benchmark.gallery, "gallery")
        same = benchmark.queries is benchmark.gallery
        queries = gallery if same else embedded(benchmark.queries, "queries")
        _check(benchmark, gallery, queries)
        judging = _Judging(benchmark, encoder, queries, measures, rerank, seed)
        results = [judging.result(gallery, None, partial(watch, "ranking"))]
        for wanted in compressions:
            watch(f"ranking {wanted.name}", 0, len(queries.present))
            codebook = compressing.fitted(gallery, wanted, seed)
            kept = compressing.compressed(gallery, codebook)
            results.append(judging.result(kept, codebook, partial(watch, f"ranking {wanted.name}")))
    return results


def cache_folder(benchmark: Benchmark, encoder: Encoder) -> Path:
    """Where the embeddings of a benchmark are kept when no folder is given."""
    name = re.sub(r"[^\w.-]+", "-", benchmark.name)
    bf16 = (
        "-bf16" if running(encoder).precision == "bf16" else ""
    )  # comparable with fp32, but not the same to be judged
    return weights.cache_folder() / "evaluate" / f"{name}-{encoder.card.fingerprint}{bf16}"


@dataclass(frozen=True, slots=True)
class _Judging:
    """What all results of one evaluation share."""

    benchmark: Benchmark
    encoder: Encoder
    queries: Embedded
    measures: Mapping[str, tuple[Measure, int]]
    rerank: Chain | None
    seed: int

    def result(self, gallery: Embedded, codebook: Codebook | None, told: Callable[[int, int], None]) -> Result:
        """Rank a gallery, as it is kept, for all queries."""
        benchmark, rerank, queries, card = self.benchmark, self.rerank, self.queries, self.encoder.card
        started = time.monotonic()
        better = None if rerank is None else Reranking(rerank, gallery, queries)
        measures = list(self.measures.values())
        run = _Run(benchmark, gallery, queries, measures, better)
        parts = []
        for part in run.parts():
            parts.append(part)
            told(sum(len(each.queries) for each in parts), len(queries.present))
        estimates = [
            Estimate(setup, name, values, interval(values, self.seed))
            for setup, columns in zip(benchmark.truths, _whole(parts, measures), strict=True)
            for name, values in zip(self.measures, columns, strict=True)
        ]
        return Result(
            benchmark=benchmark.name,
            benchmark_sha256=_digest(benchmark, gallery, queries),
            facts=benchmark.facts,
            notes=(*benchmark.notes, *_note_of(codebook)),
            card=card,
            kept_as="float32" if codebook is None else codebook.name,
            row_bytes=4 * card.dim if codebook is None else codebook.codec.row_bytes,
            rerank="" if rerank is None else rerank.name,
            depth=0 if rerank is None else rerank.depth,
            estimates=tuple(estimates),
            answers=tuple(answer for part in parts for answer in run.answers(part)),
            gallery=_side(gallery),
            queries=_side(queries),
            seed=self.seed,
            ranking_seconds=time.monotonic() - started,
            running=asdict(running(self.encoder)),
            versions=versions(),
            machine=machine(),
        )


def _note_of(codebook: Codebook | None) -> tuple[str, ...]:
    if codebook is None:
        return ()
    fit = f", {codebook.fit}" if codebook.is_fitted else ""
    return (
        f"the gallery is kept as {codebook.name}, {codebook.codec.row_bytes:,} bytes a row{fit}; queries are float32",
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What is kept of a block of rankings.

    Attributes:
        queries: (b,) their numbers in the benchmark.
        values: For each setup and each metric what its `of_block` gave.
        scores: (b, 20).
        rows: (b, 20) gallery rows.
    """

    queries: NDArray[np.int64]
    values: list[list[NDArray[np.float64]]]
    scores: Scores
    rows: Rows


class _Run:
    """The ranking of all queries: what its steps share; threads only read it."""

    def __init__(
        self,
        benchmark: Benchmark,
        gallery: Embedded,
        queries: Embedded,
        measures: Sequence[tuple[Measure, int]],
        better: Reranking | None,
    ) -> None:
        self._better = better
        self._benchmark, self._gallery, self._queries, self._measures = benchmark, gallery, queries, measures
        self._present = gallery.present
        self._read_gallery, self._read_queries = gallery.reader(), queries.reader()

    def parts(self) -> Iterator[_Part]:
        """Blocks of queries, in order, as many at once as there are processors."""
        size, numbers = block_size(len(self._present)), self._queries.present
        if self._better is not None:
            size = min(size, QUERIES_AT_ONCE)
        starts = range(0, len(numbers), size)
        threads = min(os.cpu_count() or 1, _MOST_THREADS)
        with ThreadPoolExecutor(threads, thread_name_prefix="likewise-rank") as pool:
            try:
                yield from pool.map(lambda start: self._part(start, numbers[start : start + size]), starts)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def answers(self, part: _Part) -> Iterator[Ranked]:
        """The first hits of a block's queries, with what they are in each setup."""
        keys, truths = self._gallery.keys, self._benchmark.truths
        told = {setup: verdicts(truth, part.queries, part.rows).tolist() for setup, truth in truths.items()}
        for i, (query, scores, rows) in enumerate(
            zip(part.queries.tolist(), part.scores.tolist(), part.rows.tolist(), strict=True)
        ):
            yield Ranked(
                self._queries.keys[query],
                tuple(
                    TopHit(keys[row], score, {setup: VERDICTS[codes[i][j]] for setup, codes in told.items()})
                    for j, (score, row) in enumerate(zip(scores, rows, strict=True))
                ),
            )

    def _part(self, start: int, numbers: NDArray[np.int64]) -> _Part:
        queries = self._read_queries(start, start + len(numbers))
        card = self._gallery.store.card
        if self._better is None:
            scores, places = ranked(queries, self._read_gallery, len(self._present), card)
        else:
            scores, places = self._better.ranked(queries, numbers)
        rows = self._present[places]
        values = []
        for truth in self._benchmark.truths.values():
            block = judge(truth, numbers, scores, rows)
            values.append([measured.of_block(block, k) for measured, k in self._measures])
        return _Part(numbers, values, scores[:, :_HITS_KEPT].copy(), rows[:, :_HITS_KEPT].copy())


def _whole(parts: Sequence[_Part], measures: Sequence[tuple[Measure, int]]) -> Iterator[list[NDArray[np.float64]]]:
    """For each setup the values of each metric, over all queries."""
    for of_setup in zip(*(part.values for part in parts), strict=True):
        columns = zip(*of_setup, strict=True)
        yield [measured.whole(np.concatenate(column)) for (measured, _), column in zip(measures, columns, strict=True)]


def _check(benchmark: Benchmark, gallery: Embedded, queries: Embedded) -> None:
    """Refuse what cannot be ranked or contradicts itself."""
    for what, side in (("gallery", gallery), ("queries", queries)):
        if not len(side.present):
            why = f": {side.skipped[0].key}: {side.skipped[0].reason}" if side.skipped else ""
            raise BadArgument(f"{benchmark.name}: none of its {len(side.keys)} {what} could be read{why}")
    for setup, truth in benchmark.truths.items():
        asked = truth.queries if isinstance(truth, Classes) else truth.positives
        rows = len(truth.gallery) if isinstance(truth, Classes) else len(gallery.keys)
        if len(asked) != len(queries.keys) or rows != len(gallery.keys):
            raise BadArgument(
                f"{benchmark.name} {setup}: the truth is about {len(asked)} queries and {rows} gallery images, and there are "
                f"{len(queries.keys)} and {len(gallery.keys)}: check that its folder is complete and holds nothing else"
            )


def _digest(benchmark: Benchmark, gallery: Embedded, queries: Embedded) -> str:
    """SHA-256 over the keys and the truths."""
    digest = hashlib.sha256(json.dumps([gallery.keys, queries.keys, list(benchmark.truths)]).encode())
    for truth in benchmark.truths.values():
        sets = (
            (truth.queries, truth.gallery, truth.self_rows)
            if isinstance(truth, Classes)
            else (*truth.positives, *truth.junk)
        )
        for each in sets:
            digest.update(len(each).to_bytes(8, "little") + np.ascontiguousarray(each, "<i8").tobytes())
    return digest.hexdigest()


def _side(embedded: Embedded) -> Side:
    return Side(embedded.source.location, len(embedded.keys), embedded.skipped, embedded.seconds)
