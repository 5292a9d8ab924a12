"""Which model for these pictures: measured on themselves, spoiled, and on their folders where those look like classes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likewise import images, sources
from likewise.encoders import Together
from likewise.encoders.whitening import Whitening, pca
from likewise.errors import BadArgument, BadImage, SourceError
from likewise.evaluate.intervals import Interval, interval
from likewise.evaluate.ranking import falling
from likewise.images.spoiling import SPOILINGS, spoiled
from likewise.metrics import Values, judged_by_label, map_at_r
from likewise.sources import Source
from likewise.types import Card, Embeddings, Image, Item, Pixels, Recipe, Skipped

DIMS = (64, 128, 256)
_SIDE = 512  # pictures are spoiled at this size at the most; no encoder looks closer
_BATCH = 32
_OF_A_CLASS = 5  # images from which a folder looks like a class

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to embed these pictures, measured.

    Attributes:
        name: Of the encoder, with ` + PCA d` where a whitening is behind it.
        card: Of the encoder, before whitening.
        whitening: Fitted on pictures that were not queries; None for none.
        dim: Length of the embedding.
        itself: R@1 of spoiled copies among all pictures: is the original found first?
        classes: MAP@R of folders as classes; None where folders do not look like classes.
        ms: Of arithmetic for one image; the layers of one network share a pass, so each shows the whole of it.
        size_bytes: Of one embedding in float32.
    """

    name: str
    card: Card
    whitening: Whitening | None
    dim: int
    itself: Interval
    classes: Interval | None
    ms: float
    size_bytes: int

    @property
    def judged(self) -> Interval:
        """What candidates are chosen by: classes where there are some, else the spoiled copies."""
        return self.classes or self.itself


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was found.

    Attributes:
        candidates: Best first, by what they are judged by.
        efficient: Of each, whether no other is at least as good, as quick and as small, and better in one of these.
        chosen: The one to take.
        why: In a sentence or two.
        pictures: How many were looked at.
        queries: How many of them were spoiled, each in every way.
        classes: How many folders count as classes; 0 if they do not look like classes.
        skipped: What could not be read.
    """

    candidates: tuple[Candidate, ...]
    efficient: tuple[bool, ...]
    chosen: Candidate
    why: str
    pictures: int
    queries: int
    classes: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class _Sample:
    """Pictures to look at, and copies of some of them.

    Attributes:
        pictures: Decoded, small.
        labels: (n,) class of each; -1 for none.
        asked: Rows of the pictures that are spoiled.
        copies: Encoded; for each asked picture one of every kind.
        skipped: What could not be read.
        name: Of the place that they are from.
    """

    pictures: list[bytes]
    labels: NDArray[np.int64]
    asked: NDArray[np.int64]
    copies: list[bytes]
    skipped: tuple[Skipped, ...]
    name: str


def tune(
    source: Source,
    encoders: Sequence[Together],
    *,
    count: int = 1000,
    queries: int = 100,
    seed: int = 0,
    told: Told = lambda _what, _done, _all: None,
) -> Tuned:
    """Measure encoders, with and without whitening, on a sample of somebody's own pictures.

    Args:
        source: The pictures; labels are not needed.
        encoders: What to choose from; the layers of a network as one.
        count: Pictures to look at, at the most.
        queries: How many of them are spoiled in each of six ways and searched for.
        seed: Of the sample and of the spoiling.
        told: Given (what is done, how many, of how many).

    Raises:
        BadArgument: If fewer than 20 pictures can be read.
    """
    sample = _sampled(source, count, queries, seed, told)
    candidates: list[Candidate] = []
    for number, together in enumerate(encoders):
        recipe = together.cards[0].recipe
        told(together.cards[0].name, number, len(encoders))
        started = time.perf_counter()
        gallery = _embedded(together, sample.pictures, recipe)
        ms = 1000 * (time.perf_counter() - started - gallery[1]) / len(sample.pictures)
        copies = _embedded(together, sample.copies, recipe)
        for card, rows, asked in zip(together.cards, gallery[0], copies[0], strict=True):
            candidates += _candidates(card, rows, asked, sample, ms)
        told(together.cards[0].name, number + 1, len(encoders))
    candidates.sort(key=lambda each: (-each.judged.mean, each.size_bytes, each.ms))
    chosen, why = _choice(candidates)
    classes = len(set(sample.labels.tolist()) - {-1})
    efficient = tuple(not any(_dominates(other, each) for other in candidates) for each in candidates)
    asked_count = len(sample.asked)
    return Tuned(tuple(candidates), efficient, chosen, why, len(sample.pictures), asked_count, classes, sample.skipped)


def look_like_classes(labels: Sequence[str]) -> NDArray[np.int64]:
    """Numbers for the folders that look like classes; -1 for every image if they do not.

    They do if at least two have five images or more, and these hold at least six images of ten.
    """
    counts = Counter(labels)
    large = sorted(name for name, found in counts.items() if found >= _OF_A_CLASS)
    inside = sum(counts[name] for name in large)
    if len(large) < 2 or inside < 0.6 * len(labels):
        return np.full(len(labels), -1, np.int64)
    number = {name: i for i, name in enumerate(large)}
    return np.array([number.get(label, -1) for label in labels], np.int64)


def _sampled(source: Source, count: int, queries: int, seed: int, told: Told) -> _Sample:
    draw = np.random.default_rng(seed)
    items = list(source.items())
    order = draw.permutation(len(items))
    pictures: list[bytes] = []
    small: list[Image] = []
    chosen: list[Item] = []
    skipped: list[Skipped] = []
    for place in order:
        if len(pictures) == min(count, len(items)):
            break
        item = items[int(place)]
        try:
            data = source.read(item)
            small.append(images.thumbnail(data, _SIDE))
        except (BadImage, SourceError) as error:
            skipped.append(Skipped(item.key, str(error)))
            continue
        pictures.append(data)
        chosen.append(item)
        told("reading", len(pictures), min(count, len(items)))
    if len(pictures) < 20:
        raise BadArgument(f"{source.name}: {len(pictures)} pictures can be read, and it takes 20 to tell models apart")
    asked = np.arange(min(queries, max(5, len(pictures) // 4)))
    copies = [spoiled(small[row], kind, draw) for row in asked for kind in SPOILINGS]
    labels = look_like_classes([_folder(item) for item in chosen])
    return _Sample(pictures, labels, asked, copies, tuple(skipped), sources.short_name(source))


def _folder(item: Item) -> str:
    label = item.metadata.get("label")
    return str(label) if label is not None else item.key.rpartition("/")[0]


def _embedded(together: Together, pictures: Sequence[bytes], recipe: Recipe) -> tuple[list[Embeddings], float]:
    """Embeddings of every card, and the seconds that decoding took of it."""
    decoding = 0.0
    parts: list[list[Embeddings]] = []
    for start in range(0, len(pictures), _BATCH):
        began = time.perf_counter()
        pixels = _pixels(pictures[start : start + _BATCH], recipe)
        decoding += time.perf_counter() - began
        parts.append(together.encode(pixels))
    return [np.concatenate(rows) for rows in zip(*parts, strict=True)], decoding


def _pixels(pictures: Iterable[bytes], recipe: Recipe) -> Pixels:
    return np.stack([images.prepare(data, recipe).pixels for data in pictures])


def _candidates(card: Card, rows: Embeddings, copies: Embeddings, sample: _Sample, ms: float) -> list[Candidate]:
    """A card as it is, and whitened to each length that the sample can tell."""
    found = [_candidate(card, None, (rows, copies), sample, ms)]
    others = np.setdiff1d(np.arange(len(rows)), sample.asked)
    for dim in DIMS:
        if dim < min(card.dim, len(others) // 2):
            fitted = pca(rows[others], card, dim)
            whitening = replace(fitted, fit=replace(fitted.fit, on=f"{len(others):,} pictures of {sample.name}"))
            applied = whitening.applied(rows), whitening.applied(copies)
            found.append(_candidate(card, whitening, applied, sample, ms))
    return found


def _candidate(
    card: Card, whitening: Whitening | None, rows: tuple[Embeddings, Embeddings], sample: _Sample, ms: float
) -> Candidate:
    gallery, copies = rows
    cosine = whitening is not None or card.metric == "cosine"
    first = _scores(copies, gallery, cosine=cosine).argmax(axis=1)
    right = (first == np.repeat(sample.asked, len(SPOILINGS))).astype(np.float64)
    itself = interval(right.reshape(len(sample.asked), -1).mean(axis=1), 0)
    classes = None
    if (sample.labels >= 0).any():
        classes = interval(_class_values(gallery, sample.labels, cosine=cosine), 0)
    dim = gallery.shape[1]
    name = card.name if whitening is None else f"{card.name} + PCA {dim}"
    return Candidate(name, card, whitening, dim, itself, classes, ms, 4 * dim)


def _class_values(gallery: Embeddings, labels: NDArray[np.int64], *, cosine: bool) -> Values:
    """MAP@R of the images that have a class, among them; each left out of its own ranking."""
    inside = np.flatnonzero(labels >= 0)
    scores = _scores(gallery[inside], gallery[inside], cosine=cosine)
    found = judged_by_label(falling(scores), labels[inside], labels[inside], np.arange(len(inside)))
    return map_at_r(found)


def _scores(queries: Embeddings, gallery: Embeddings, *, cosine: bool) -> NDArray[np.float32]:
    if cosine:
        return np.asarray(_unit(queries) @ _unit(gallery).T, np.float32)
    squares = (queries**2).sum(axis=1)[:, None] + (gallery**2).sum(axis=1)[None]
    return np.asarray(-(squares - 2 * (queries @ gallery.T)), np.float32)


def _unit(rows: Embeddings) -> Embeddings:
    unit: Embeddings = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def _dominates(a: Candidate, b: Candidate) -> bool:
    """Whether a is at least as good, quick and small as b, and better in one of these."""
    told = [(x.judged.mean, -x.ms, -float(x.size_bytes)) for x in (a, b)]
    return all(x >= y for x, y in zip(*told, strict=True)) and told[0] != told[1]


def _choice(candidates: Sequence[Candidate]) -> tuple[Candidate, str]:
    """The smallest, then quickest, of those that cannot be told from the best."""
    best = candidates[0]
    what = "MAP@R of the folders" if best.classes is not None else "R@1 of spoiled copies"
    near = [each for each in candidates if each.judged.mean >= best.judged.low]
    chosen = min(near, key=lambda each: (each.size_bytes, each.ms))
    reached = f"{what} {chosen.judged.mean:.3f}"
    if chosen is best:
        return (
            chosen,
            f"{chosen.name} has the best {reached}, and nothing smaller comes as near as the interval is wide.",
        )
    return chosen, (
        f"{chosen.name} ({reached}) cannot be told from the best, {best.name} ({best.judged.mean:.3f}, from "
        f"{best.judged.low:.3f}), and takes {chosen.size_bytes:,} bytes an image instead of {best.size_bytes:,}."
    )
