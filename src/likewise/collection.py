"""A gallery with its encoder: what the command line, the service and a notebook talk to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, overload

import numpy as np

from likewise import encoders, fitting, images, ingest, sources, verify
from likewise import search as searching
from likewise.encoders import Encoder, whitened
from likewise.encoders.runtimes import Precision, Runtime
from likewise.encoders.whitened import Whitened
from likewise.encoders.whitening import Whitening
from likewise.errors import BadArgument, BadImage, NoCollection, SourceError, StoreMismatch
from likewise.queries import ByImage, ByKey, ByText, Query, Term, sign_of
from likewise.queries.reading import Given, Reader, Weighted, open_place
from likewise.queries.reranking import Explained, explained
from likewise.queries.syntax import Region
from likewise.rerank import Chain, Original
from likewise.rerank import load as load_rerank
from likewise.show import Answer, Asked, inliers_text, marked, score_text
from likewise.sources import Source
from likewise.stores.local import LocalStore, database
from likewise.stores.local.arrays import Dtype
from likewise.types import Card, Hit, Image, Metric, Record, Skipped

if TYPE_CHECKING:
    from likewise.show.matches import Pair

FOLDER = ".likewise"
DEFAULT_MODEL = "compact"
_ELSEWHERE = "keep another in a collection of its own with -c DIR"
_SHOWN_PARTS = 7  # of a query; with the sign for the others they fill a row of the grid


class Hits(Sequence[Hit]):
    """The answer to one query, best first; shows itself as pictures in a notebook."""

    def __init__(self, collection: Collection, found: searching.Found, rerank: Chain | None = None) -> None:
        self._collection = collection
        self._found = found
        self._rerank = rerank

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Hit]: ...
    def __getitem__(self, index: int | slice) -> Hit | Sequence[Hit]:
        return self._found.hits[index]

    def __len__(self) -> int:
        return len(self._found.hits)

    def __repr__(self) -> str:
        lines = [f"{hit.rank:3d}  {hit.score:9.4f}  {hit.key}" for hit in self]
        return "\n".join([f"{len(self)} images like {self.query.name}", *lines])

    def _repr_html_(self) -> str:
        from likewise.show import page

        return page.fragment(self.answer())

    @property
    def query(self) -> Query:
        """What was looked for."""
        return self._found.query

    @property
    def note(self) -> str:
        """What a reader of the hits should know: whether gallery images that the query names are left out."""
        count = len(self.query.left_out)
        if not count or len(self.query.terms) == 1:
            return "itself left out" if count else ""
        return f"without the {'image' if count == 1 else f'{count} images'} that it names"

    def bare(self) -> Answer:
        """The query and the hits without pictures."""
        return Answer(self.query.name, None, list(self), [None] * len(self), note=self.note)

    def answer(self, side: int = 256) -> Answer:
        """The query and the hits with their thumbnails, none larger than side × side."""
        asked = [self._asked(i, term, side) for i, term in enumerate(self.query.terms[:_SHOWN_PARTS])]
        more = len(self.query.terms) - len(asked)
        if more:
            asked.append(Asked("+", "", None, words=f"{more} more"))
        pictures = [self._collection.picture(hit.record, side) for hit in self]
        return Answer(self.query.name, asked[0].picture, list(self), pictures, asked=asked, note=self.note)

    def _asked(self, number: int, term: Term, side: int) -> Asked:
        part, away = term.part, term.weight < 0
        weight = "" if abs(term.weight) == 1 or len(self.query.terms) == 1 else f"{abs(term.weight):.3g}"
        title = f"{sign_of(term) if number or away else 'query'} {weight}".strip()
        if isinstance(part, ByText):
            return Asked(title, "", None, part.words, away)
        return Asked(title, part.name, self._collection.part_picture(part, side), away=away)

    def save(self, path: str | Path) -> Path:
        """Write the answer as a picture (.png), a page (.html) or data (.json), by the ending of `path`.

        Raises:
            BadArgument: If the ending is none of these.
        """
        from likewise.show import grid, page

        target = Path(path)
        if target.suffix == ".png":
            target.write_bytes(grid.png(self.answer()))
        elif target.suffix in (".html", ".htm"):
            notes = self._collection.notes()
            target.write_text(page.html([self.answer()], title=f"Like {self.query.name}", notes=notes), "utf-8")
        elif target.suffix == ".json":
            target.write_text(json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
        else:
            raise BadArgument(f"{target}: the ending says what to write: .png, .html or .json")
        return target

    def explain(self, path: str | Path, most: int = 3) -> Path:
        """Draw which places of the query and of its best hits are the same, as geometry found them.

        Args:
            path: Of a PNG.
            most: How many hits are drawn.

        Raises:
            BadArgument: If these hits were not re-ranked by geometry.
        """
        from likewise.show import matches

        matcher = None if self._rerank is None else self._rerank.matcher
        if matcher is None:
            raise BadArgument(f"{self.query.name}: nothing to explain: search with rerank='geometry'")
        found = explained(self._collection.store, matcher, self.query, self[:most], self._collection.limits)
        target = Path(path)
        target.write_bytes(matches.png([self._collection.pair(self.query, each) for each in found]))
        return target

    def to_json(self) -> dict[str, object]:
        """The query and the hits as plain values."""
        hits = [
            {"rank": hit.rank, "score": hit.score, "inliers": hit.inliers, "path": hit.path, "row": hit.row}
            | asdict(hit.record)
            for hit in self
        ]
        return {
            "query": self.query.name,
            "parts": [_told(term) for term in self.query.terms],
            "left_out": sorted(self.query.left_out),
            "model": self._collection.store.card.name,
            "rerank": "" if self._rerank is None else self._rerank.name,
            "hits": hits,
        }


class Collection:
    """A folder's worth of embeddings, the encoder that made them, and everything one does with the two.

    Example::

        photos = likewise.index("Pictures")
        hits = photos.search("cat.jpg", k=7)
        hits.save("like-cat.png")
    """

    def __init__(
        self, store: LocalStore, encoder: Encoder | None = None, load: Callable[[Card], Encoder] = encoders.load_as
    ) -> None:
        """Use `create` or `open`; the encoder is loaded when it is first needed."""
        self.store = store
        self.limits = images.Limits()
        self._encoder = encoder
        self._load = load
        self._chains: dict[str, Chain] = {}

    @classmethod
    def create(cls, folder: str | Path, encoder: Encoder, *, dtype: Dtype = "float32") -> Self:
        """Make a collection in `folder/.likewise`, or open the one that is there.

        A whitening behind the encoder is kept in it, so that the whole can be moved to another machine.

        Raises:
            StoreMismatch: If there is one of another encoder or dtype.
        """
        place = home(folder)
        if isinstance(encoder, Whitened) and _is_free_or_of(place, encoder):
            place.mkdir(parents=True, exist_ok=True)
            encoder.whitening.write(place / whitened.file_name(encoder.card))
        return cls(LocalStore.create(place, encoder.card, dtype), encoder)

    @classmethod
    def create_whitened(  # noqa: PLR0913 - all that is settled when a collection is made
        cls,
        folder: str | Path,
        encoder: Encoder,
        source: Source,
        wanted: fitting.Wanted,
        *,
        options: ingest.Options | None = None,
        watch: fitting.Watch = lambda _what, _done, _total: None,
        dtype: Dtype = "float32",
    ) -> Self:
        """Make a collection whose encoder has a whitening behind it, fitted on pictures of its own.

        Their embeddings are kept, and become rows when something is indexed. A run that was killed goes on where it was.

        Args:
            folder: The one that will hold `.likewise`.
            encoder: Before the whitening.
            source: Whose pictures it is fitted on.
            wanted: Method, length, sample.
            options: Of speed and limits.
            watch: Told of every step.
            dtype: As for `create`.

        Raises:
            BadArgument: If there is a collection already, or there are too few pictures for what is wanted.
        """
        place = home(folder)
        if (place / database.FILE_NAME).exists():
            raise BadArgument(f"{place} is a collection already: its whitening was chosen when it was made")
        with LocalStore.create(place / fitting.SAMPLE_FOLDER, encoder.card) as sample:
            found = fitting.fit(source, encoder, wanted, store=sample, options=options, watch=watch)
        return cls.create(folder, whitened.behind(encoder, found), dtype=dtype)

    @classmethod
    def open(
        cls,
        folder: str | Path | None = None,
        *,
        weights: Path | None = None,
        runtime: Runtime = "auto",
        precision: Precision = "auto",
    ) -> Self:
        """Open the collection of a folder; without one, of the current folder or the nearest above it.

        Args:
            folder: The one that holds `.likewise`.
            weights: A file for the encoder, when the one it was made with is not cached.
            runtime: What is to compute embeddings; as for `likewise.encoders.load`.
            precision: At which precision.

        Raises:
            NoCollection: If there is none.
            StoreMismatch: If it holds int8 embeddings and others are asked for, or the other way round.
        """
        place = find(Path.cwd()) if folder is None else home(folder)
        store = LocalStore.open(place)
        held = store.card
        if precision != "auto" and (precision == "int8") != bool(held.quantised):
            store.close()
            theirs = "int8" if held.quantised else "floating point"
            raise StoreMismatch(
                f"{place} holds {held.name} embeddings in {theirs}, which cannot be compared with {precision}: go without "
                f"--precision {precision}, or keep the other ones in a collection of their own with -c DIR"
            )
        load = partial(encoders.load_as, weights=weights, runtime=runtime, precision=precision)
        return cls(store, load=load)

    @property
    def encoder(self) -> Encoder:
        """The encoder that the card names.

        Raises:
            StoreMismatch: If what loads under that name today computes other embeddings.
        """
        if self._encoder is None:
            card = self.store.card
            encoder = whitened.kept(self.store.folder, card, self._load) or self._load(card)
            self.store.demand(encoder.card)
            self._encoder = encoder
        return self._encoder

    @property
    def whitening(self) -> Whitening | None:
        """The whitening that the collection keeps; None if it keeps none.

        Raises:
            StoreDamaged: If its file is not the one that the collection was made with.
        """
        return whitened.kept_whitening(self.store.folder, self.store.card)

    def demand_whitening(self, wanted: fitting.Wanted, model: str | None = None, recipe: str | None = None) -> None:
        """Refuse a whitening that is not the one of this collection; its sample and seed were settled when it was made.

        Args:
            wanted: Length, method and power.
            model: Before the whitening; any if None.
            recipe: Of the model; any if None.

        Raises:
            StoreMismatch: If the collection has none, or another.
        """
        found, name = self.whitening, self.store.card.name
        if found is None:
            raise StoreMismatch(f"{self.store.folder} holds {name} embeddings and keeps no whitening: {_ELSEWHERE}")
        theirs = (len(found.axes), found.fit.method, found.fit.power if found.fit.method == "pca-whiten" else 1.0)
        ours = (wanted.dim, wanted.method, wanted.power if wanted.method == "pca-whiten" else 1.0)
        of_it = model in (None, found.base.name, name) and recipe in (None, found.base.recipe.name)
        if theirs != ours or not of_it:
            raise StoreMismatch(
                f"{self.store.folder} holds {found.base.name} ({found.base.recipe.name}) embeddings of {len(found.axes)} dimensions "
                f"after {found.fit}: go without --model and --whiten to add to them; {_ELSEWHERE}"
            )

    def __len__(self) -> int:
        return len(self.store)

    def __repr__(self) -> str:
        return f"<{len(self):,} images, {self.store.card.name}, in {self.store.folder}>"

    def index(
        self,
        *places: str | Path,
        options: ingest.Options | None = None,
        watch: ingest.Watch = lambda _: None,
    ) -> ingest.Report:
        """Bring the collection up to date with one or more places; with none, with all that were indexed before.

        Args:
            places: Folders, archives, lists, globs, images; see `likewise.sources.open_source`.
            options: Of speed and limits.
            watch: Told of the progress.

        Returns:
            What was done, all places together.
        """
        names = [str(place) for place in places] or self.places()
        if not names:
            raise BadArgument("nothing to index: name a folder, an archive, a list or an image")
        return self.index_sources([open_place(name) for name in names], options, watch)

    def places(self) -> list[str]:
        """What was indexed before and can be opened again: all but what came by standard input."""
        return [name for name in self.store.sources() if name != "-"]

    def index_sources(
        self, opened: Iterable[Source], options: ingest.Options | None = None, watch: ingest.Watch = lambda _: None
    ) -> ingest.Report:
        """As `index`, for sources that are open already."""
        options = options or ingest.Options(limits=self.limits)
        carried = self._carry_over_sample()
        reports = [ingest.ingest(source, self.store, self.encoder, options, watch) for source in opened]
        whole = ingest.added_up(reports)
        carried = min(carried, whole.unchanged)  # they are new here, though their turn came before
        whole.added, whole.unchanged = whole.added + carried, whole.unchanged - carried
        return whole

    def search(  # noqa: PLR0913 - all that a query may be made of, where it is asked
        self,
        query: Given,
        k: int = 7,
        *,
        plus: Sequence[Weighted] = (),
        minus: Sequence[Weighted] = (),
        region: Sequence[int] | str | None = None,
        with_self: bool = False,
        metric: Metric | None = None,
        rerank: str | Chain | None = None,
    ) -> Hits:
        """The k images most like a picture, a part of one, words, an image of the gallery, or a mix of these.

        Args:
            query: As for `query`, or one that was made before.
            k: At least 1.
            plus: As for `query`.
            minus: As for `query`.
            region: As for `query`.
            with_self: As for `query`.
            metric: The card's unless given.
            rerank: What makes the answer better, as on the command line, such as `"geometry"`, or what `likewise.rerank.load` made
                of it: docs/reranking.md.

        Raises:
            SourceError: If something that is named is not there or cannot be read.
            BadImage: If it is not a picture, or the parts of the query leave nothing to look for.
            BadArgument: If a region, a weight or k is wrong, or words are asked of a model that has no text, or
                the reranker does not go with the model.
            UnknownName: If there is no such reranker.
            MissingExtra: If it needs an extra that is not installed.
        """
        asked = self.query(query, plus=plus, minus=minus, region=region, with_self=with_self)
        (answer,) = self.search_many([asked], k, metric=metric, rerank=rerank)
        if isinstance(answer, Skipped):
            raise BadImage(f"{answer.key}: {answer.reason}")
        return answer

    def query(
        self,
        *given: Weighted,
        plus: Sequence[Weighted] = (),
        minus: Sequence[Weighted] = (),
        region: Sequence[int] | str | None = None,
        with_self: bool = False,
    ) -> Query:
        """Read what is named, as one query.

        Args:
            given: A text by the rules of docs/queries.md (a path, an address, a key, words where the model has text, with a region
                and a weight if need be), a `Path`, an encoded image, or a query that is added to. Several count alike. A
                pair `(one of these, 0.5)` says how much it counts.
            plus: More of the same.
            minus: What hits are to lead away from.
            region: Of the first picture: left, top, width and height in pixels of the upright picture, or a text as on the
                command line, such as `"25%,0%,50%,100%"`.
            with_self: Whether gallery images that are named by key may be among the hits.

        Raises:
            As `search`.
        """
        if not given:
            raise BadArgument("nothing to look for: name a picture, words, or a key")
        told = region if isinstance(region, str) or region is None else ",".join(map(str, region))
        made = self.reader().one(given, plus, minus, None if told is None else Region.parse(told))
        kept = any(isinstance(each, Query) and each.with_self for each in given)
        return replace(made, with_self=with_self or kept)

    def reader(self, standard_input: Callable[[], bytes] | None = None) -> Reader:
        """What tells files, keys and words apart for this collection; `standard_input` reads what `-` stands for."""
        return Reader(self.store, lambda: self.encoder, self.limits, standard_input)

    def search_many(
        self,
        queries: Iterable[Query | Skipped],
        k: int = 7,
        *,
        metric: Metric | None = None,
        rerank: str | Chain | None = None,
    ) -> Iterator[Hits | Skipped]:
        """As `search`, in batches; a query that cannot be used costs one `Skipped`."""
        chain = self._chain(rerank) if isinstance(rerank, str) else rerank
        found = searching.search(self.store, self.encoder, queries, k, metric=metric, limits=self.limits, rerank=chain)
        for answer in found:
            yield answer if isinstance(answer, Skipped) else Hits(self, answer, chain)

    def _chain(self, text: str) -> Chain:
        """Rerankers by name, each chain once: geometry remembers the pictures that it has seen."""
        if text not in self._chains:
            self._chains[text] = load_rerank(text)
        return self._chains[text]

    def original(self, record: Record) -> bytes:
        """The encoded bytes of a gallery image, from where it was found.

        Raises:
            SourceError: If it is no longer there.
        """
        source, item = sources.locate(self.store.roots.path(record.key))
        return source.read(item)

    def picture(self, record: Record, side: int = 256) -> Image | None:
        """A thumbnail that fits in side × side; None when the original cannot be shown any more."""
        try:
            return images.thumbnail(self.original(record), side, self.limits)
        except (SourceError, BadImage):
            return None

    def pair(self, query: Query, explained: Explained) -> Pair:
        """A query and a hit, with the places that they share."""
        from likewise.show.matches import Pair

        hit, places = explained.hit, explained.places
        told = [*inliers_text(hit)] or ["nothing to compare"]
        title = " · ".join([str(hit.rank), score_text(hit.score), *told, f"{query.name} and {hit.key}"])
        none = np.zeros((0, 2), np.float32)
        return Pair(
            title,
            self._drawn(explained.picture),
            self._drawn(explained.original),
            none if places is None else places.query,
            none if places is None else places.hit,
        )

    def _drawn(self, original: Original) -> Image | None:
        try:
            return images.thumbnail(original.read(), 720, original.limits)
        except (SourceError, BadImage):
            return None

    def part_picture(self, part: ByImage | ByKey, side: int = 256) -> Image | None:
        """A thumbnail of a part of a query, its region framed; None when it cannot be shown."""
        try:
            if isinstance(part, ByKey):
                known = self.store.known(part.key)
                return None if known is None or known.record is None else self.picture(known.record, side)
            shown = images.thumbnail(part.data, side, self.limits)
            return shown if part.region is None else marked(shown, part.region, images.size(part.data, self.limits))
        except BadImage:  # pragma: no cover - the query was decoded before
            return None

    def forget(self, *places: str | Path) -> int:
        """Take images, or all below a folder or an archive, out of the collection, and keep them out.

        Args:
            places: Paths or keys.

        Returns:
            How many images were taken out.

        Raises:
            BadArgument: If a place names nothing in the collection; then nothing is forgotten.
        """
        chosen = [key for place in places for key in self._keys_at(str(place))]
        with self.store.write() as writer:
            return writer.delete(list(dict.fromkeys(chosen)), remember=True)

    def compact(self) -> int:
        """Give back the room of images that are gone; returns how many rows were dropped."""
        with self.store.write() as writer:
            return writer.compact()

    def verify(
        self, *, deep: bool = False, sample: int = 256, watch: Callable[[int, int], None] = lambda _done, _all: None
    ) -> verify.Verification:
        """Check files, originals and embeddings; `deep` looks at every image instead of a sample."""
        return verify.verify(
            self.store, self.encoder, self.original, sample=None if deep else sample, limits=self.limits, watch=watch
        )

    def notes(self) -> dict[str, str]:
        """A few facts for the head of a page."""
        card = self.store.card
        return {
            "gallery": f"{len(self):,} images",
            "model": f"{card.name}, {card.dim}-d, compared by {card.metric}",
            "input": f"{card.recipe.name}, {card.recipe.side} × {card.recipe.side}",
            "fingerprint": card.fingerprint,
        }

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _carry_over_sample(self) -> int:
        folder = self.store.folder / fitting.SAMPLE_FOLDER
        if not (folder / database.FILE_NAME).exists() or not isinstance(self.encoder, Whitened):
            return 0
        return fitting.carry_over(folder, self.store, self.encoder)

    def _keys_at(self, place: str) -> list[str]:
        if self.store.known(place) is not None:
            return [place]
        roots = self.store.roots
        path = Path(place).expanduser().absolute().as_posix()
        try:
            key = roots.key(path)
        except SourceError:
            key = None
        if key and self.store.known(key) is not None:
            return [key]
        prefixes = [roots.prefix(path)] if key is not None else []
        below = [
            record.key for prefix in [*prefixes, f"{place.rstrip('/')}/"] for _, record in self.store.records(prefix)
        ]
        if not below:
            raise BadArgument(f"{place}: no image of the collection has this path or key, or lies below it")
        return below


def home(folder: str | Path) -> Path:
    """Where a folder's collection lies: `folder/.likewise`, or `folder` itself if that is its name."""
    place = Path(folder).expanduser().absolute()
    return place if place.name == FOLDER else place / FOLDER


def _is_free_or_of(place: Path, encoder: Encoder) -> bool:
    """Whether a collection of this encoder may be made here, or is here and may have lost its whitening."""
    try:
        with LocalStore.open(place) as store:
            return store.card.fingerprint == encoder.card.fingerprint
    except NoCollection:
        return True


def find(start: Path) -> Path:
    """The nearest `.likewise` in a folder or above it, as git finds its repository.

    Raises:
        NoCollection: If there is none up to the root.
    """
    for folder in (start, *start.parents):
        if (folder / FOLDER / "collection.sqlite").exists():
            return folder / FOLDER
    raise NoCollection(f"no collection in {start} or above it: make one with `likewise index FOLDER`, or pass -c DIR")


def _told(term: Term) -> dict[str, object]:
    part, kind = term.part, _KINDS[type(term.part)]
    region = {"region": list(part.region)} if isinstance(part, ByImage) and part.region is not None else {}
    return {"kind": kind, "name": part.name, "weight": term.weight} | region


_KINDS = {ByImage: "image", ByText: "text", ByKey: "key"}


def index(
    *places: str | Path,
    collection: str | Path = ".",
    model: str = DEFAULT_MODEL,
    recipe: str | None = None,
    weights: Path | None = None,
    whiten: int | fitting.Wanted | None = None,
) -> Collection:
    """Embed the images of some places and give back the collection, ready to search.

    Args:
        places: Folders, archives, lists, globs, images.
        collection: The folder that holds, or will hold, `.likewise`.
        model: As `likewise.encoders.names()` lists them.
        recipe: The model's default unless given.
        weights: A file instead of the published weights.
        whiten: To so many dimensions, fitted on pictures of the first place when the collection is made.

    Returns:
        The collection; `collection.store.skipped()` says what was left out and why.

    Raises:
        StoreMismatch: If the collection is there, and of another encoder or whitening.
    """
    wanted = fitting.Wanted(whiten) if isinstance(whiten, int) else whiten
    if wanted is None:
        made = Collection.create(collection, encoders.load(model, recipe=recipe, weights=weights))
    elif (home(collection) / database.FILE_NAME).exists():
        made = Collection.open(collection, weights=weights)
        made.demand_whitening(wanted, model, recipe)
    else:
        encoder = encoders.load(model, recipe=recipe, weights=weights)
        made = Collection.create_whitened(collection, encoder, open_place(str(places[0])), wanted)
    made.index(*places)
    return made


def open(folder: str | Path | None = None) -> Collection:  # noqa: A001 - likewise.open, as gzip.open and wave.open
    """Open the collection of a folder; without one, of the current folder or the nearest above it."""
    return Collection.open(folder)
