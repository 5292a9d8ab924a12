"""A gallery with its encoder: what the command line, the service and a notebook talk to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

from likewise import compression, encoders, fitting, images, ingest, maps, significance, verify
from likewise import duplicates as copies
from likewise import search as searching
from likewise.collection import atlas, narrowing, pictures
from likewise.collection.concepts import Concepts
from likewise.collection.hits import Hits
from likewise.collection.narrowing import Where
from likewise.collection.places import find, place_of
from likewise.compression import Codebook
from likewise.duplicates.folding import Folding
from likewise.encoders import Encoder, whitened
from likewise.encoders.runtimes import Precision, Runtime
from likewise.encoders.whitened import Whitened
from likewise.encoders.whitening import Whitening
from likewise.errors import BadArgument, BadImage, NoCollection, StoreMismatch
from likewise.filters import Field
from likewise.filters.summary import FieldSummary, summarised
from likewise.indexes.first import Watch
from likewise.layers import Layered, Slice, Weighing
from likewise.queries import ByImage, ByKey, ByMarks, Part, Query, Term
from likewise.queries.reading import Given, Reader, Weighted, open_place
from likewise.queries.reranking import Explained, explained
from likewise.queries.syntax import Region
from likewise.rerank import Chain
from likewise.rerank import load as load_rerank
from likewise.significance import Null
from likewise.sources import Source
from likewise.stores import home as homes
from likewise.stores.home import Built, Home
from likewise.stores.local import LocalStore, database, indexing
from likewise.teaching import Marks
from likewise.types import Card, Hit, Image, Metric, Record, Skipped

_WORTH_FITTING = 5000  # images; of fewer nothing derived is kept, and the first who asks waits for less than a second
_ELSEWHERE = "keep another in a collection of its own with -c DIR"


class Collection:
    """A folder's worth of embeddings, the encoder that made them, and everything one does with the two.

    Example::

        photos = likewise.index("Pictures")
        hits = photos.search("cat.jpg", k=7)
        hits.save("like-cat.png")
    """

    def __init__(
        self, store: Home, encoder: Encoder | None = None, load: Callable[[Card], Encoder] = encoders.load_as
    ) -> None:
        """Use `create` or `open`; the encoder is loaded when it is first needed."""
        self.store = store
        self.limits = images.Limits()
        self._encoder = encoder
        self._load = load
        self._loading = threading.Lock()
        self._chains: dict[str, Chain] = {}
        self._met: set[Field] = set()
        self._folding: Folding | None = None
        self._layered: Layered | None = None
        self.concepts = Concepts(store)

    @classmethod
    def create(cls, folder: str | Path, encoder: Encoder, *, keep: str | Codebook | None = None) -> Self:
        """Make a collection in `folder/.likewise` or at an address of Milvus, or open the one that is there.

        A whitening behind the encoder is kept in it, so that the whole can be moved to another machine.

        Args:
            folder: The one that will hold `.likewise`, or an address: docs/milvus.md.
            encoder: Makes the embeddings.
            keep: How they are kept, as for `LocalStore.create`; `create_fitted` fits what needs it.

        Raises:
            StoreMismatch: If there is one of another encoder, or it keeps embeddings otherwise.
            BadArgument: If something would have to be fitted first.
        """
        place = place_of(folder)
        if not isinstance(encoder, Whitened):
            return cls(homes.created(place, encoder.card, keep), encoder)
        file = homes.files_of(place) / whitened.file_name(encoder.card)
        if _is_free_or_of(place, encoder):
            file.parent.mkdir(parents=True, exist_ok=True)
            encoder.whitening.write(file)
        store = homes.created(place, encoder.card, keep)
        store.keep_file(file)
        return cls(store, encoder)

    @classmethod
    def create_fitted(  # noqa: PLR0913 - all that is settled when a collection is made
        cls,
        folder: str | Path,
        encoder: Encoder,
        source: Source,
        whiten: fitting.Wanted | None = None,
        *,
        keep: str = "float32",
        options: ingest.Options | None = None,
        watch: fitting.Watch = lambda _what, _done, _total: None,
    ) -> Self:
        """Make a collection whose encoder has a whitening behind it, or whose embeddings are kept as codes, fitted on pictures of its own.

        Their embeddings are kept, and become rows when something is indexed. A run that was killed goes on where it was.

        Args:
            folder: As for `create`.
            encoder: Before the whitening.
            source: Whose pictures it is fitted on.
            whiten: Method, length, sample; None for no whitening.
            keep: How embeddings are kept, such as `pq:64`.
            options: Of speed and limits.
            watch: Told of every step.

        Raises:
            BadArgument: If there is a collection already, or pictures are too few, or embeddings too short, for what is wanted.
            UnknownName: If embeddings cannot be kept so.
        """
        place, wanted = place_of(folder), compression.compression(keep)
        if homes.is_there(place):
            raise BadArgument(f"{place} is a collection already: what it is made with was chosen when it was made")
        wanted.check(encoder.card.dim if whiten is None else whiten.dim)
        with LocalStore.create(homes.files_of(place) / fitting.SAMPLE_FOLDER, encoder.card) as sample:
            found = fitting.fit_all(source, encoder, whiten, wanted, store=sample, options=options, watch=watch)
        made = encoder if found.whitening is None else whitened.behind(encoder, found.whitening)
        return cls.create(folder, made, keep=found.codebook)

    @classmethod
    def open(
        cls,
        folder: str | Path | None = None,
        *,
        weights: Path | None = None,
        runtime: Runtime = "auto",
        precision: Precision = "auto",
    ) -> Self:
        """Open the collection of a folder or at an address; without one, of the current folder or the nearest above it.

        Args:
            folder: The one that holds `.likewise`, or an address of Milvus.
            weights: A file for the encoder, when the one it was made with is not cached.
            runtime: What is to compute embeddings; as for `likewise.encoders.load`.
            precision: At which precision.

        Raises:
            NoCollection: If there is none.
            StoreMismatch: If it holds int8 embeddings and others are asked for, or the other way round.
        """
        place = find(Path.cwd()) if folder is None else place_of(folder)
        store = homes.opened(place)
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
        with self._loading:  # who comes second waits, instead of loading the same
            if self._encoder is None:
                card = self.store.card
                encoder = whitened.kept(self.store.folder, card, self._load) or self._load(card)
                self.store.demand(encoder.card)
                self._encoder = encoder
            return self._encoder

    @property
    def model(self) -> str:
        """The name of the encoder that made the embeddings."""
        return self.store.card.name

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
            raise StoreMismatch(f"{self.store.place} holds {name} embeddings and keeps no whitening: {_ELSEWHERE}")
        theirs = (len(found.axes), found.fit.method, found.fit.power if found.fit.method == "pca-whiten" else 1.0)
        ours = (wanted.dim, wanted.method, wanted.power if wanted.method == "pca-whiten" else 1.0)
        of_it = model in (None, found.base.name, name) and recipe in (None, found.base.recipe.name)
        if theirs != ours or not of_it:
            raise StoreMismatch(
                f"{self.store.place} holds {found.base.name} ({found.base.recipe.name}) embeddings of {len(found.axes)} dimensions "
                f"after {found.fit}: go without --model and --whiten to add to them; {_ELSEWHERE}"
            )

    def __len__(self) -> int:
        return len(self.store)

    def __repr__(self) -> str:
        return f"<{len(self):,} images, {self.store.card.name}, in {self.store.place}>"

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
        wanted = options or ingest.Options(limits=self.limits)
        return self.index_with(
            lambda store: ingest.added_up(
                ingest.ingest(source, store, self.encoder, wanted, watch) for source in opened
            )
        )

    def index_with(self, work: Callable[[Home], ingest.Report]) -> ingest.Report:
        """As `index`, by work that fills the store in its own way, such as that of a cluster."""
        self._note_layers()
        carried = self._carry_over_sample()
        whole = work(self.store)
        carried = min(carried, whole.unchanged)  # they are new here, though their turn came before
        whole.added, whole.unchanged = whole.added + carried, whole.unchanged - carried
        if whole.added + whole.changed:
            self._fit_null()
        return whole

    def wish_for_index(
        self, kind: indexing.Choice | None = None, recall: float | None = None, *, wait_s: float = 0.0
    ) -> None:
        """Say how neighbours are to be found from now on; `bring_index_up_to_date` makes it so.

        Args:
            kind: `auto` (exactly as long as that takes 10 ms, then by lists), `exact`, `lists` or `graph`; as before if None.
            recall: How much of the k nearest is to be found on average; 1 is exact; as before if None.
            wait_s: For another process that is writing.

        Raises:
            BadArgument: If one of them is none that there is.
        """
        before = self.store.wish
        wish = indexing.Wish(kind or before.kind, before.recall if recall is None else recall)
        if wish != before:
            with self.store.write(wait_s=wait_s) as writer:
                writer.note_index(wish)

    def bring_index_up_to_date(
        self, watch: Watch = lambda _what, _done, _all: None, *, anew: bool = False
    ) -> Built | None:
        """Build the index, add to it or remove it; see `Home.bring_index_up_to_date`."""
        return self.store.bring_index_up_to_date(watch, anew=anew)

    def search(  # noqa: PLR0913 - all that a query may be made of, where it is asked
        self,
        query: Given | None = None,
        k: int = 7,
        *,
        plus: Sequence[Weighted] = (),
        minus: Sequence[Weighted] = (),
        region: Sequence[int] | str | None = None,
        with_self: bool = False,
        metric: Metric | None = None,
        rerank: str | Chain | None = None,
        where: Where | None = None,
        significance: float | None = None,
        fold: bool = False,
        liked: Sequence[str] = (),
        disliked: Sequence[str] = (),
        layers: Mapping[str, float] | None = None,
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
            where: Which images may be found, such as `"folder = 'tiger' and width > 1000"`: docs/filters.md.
            significance: Only hits that an unrelated picture would have with at most this probability, such as 0.001; there may be
                none. With 1 all are told with their chance: docs/significance.md.
            fold: Put copies of a better hit under it (`Hit.folded`), so that there are k different pictures: docs/duplicates.md.
            liked: Keys of images to find more of; with these the query may be left out: docs/teaching.md.
            disliked: Keys of images to lead away from.
            layers: How much each layer of a mix is to count, such as `{"conv3_1|gem": 0.3, "fc1": 0.7}`: docs/layers.md.

        Raises:
            SourceError: If something that is named is not there or cannot be read.
            BadImage: If it is not a picture, the parts of the query leave nothing to look for, or a significance is asked of words or
                a mix.
            BadArgument: If a region, a weight or k is wrong, or words are asked of a model that has no text, or
                the reranker does not go with the model, `where` is not written as a filter is, or the gallery is too small for the
                significance.
            UnknownName: If there is no such reranker, or no image has a field that `where` names.
            MissingExtra: If it needs an extra that is not installed.
        """
        given = () if query is None else (query,)
        asked = self.query(
            *given, plus=plus, minus=minus, region=region, with_self=with_self, liked=liked, disliked=disliked
        )
        (answer,) = self.search_many(
            [asked], k, metric=metric, rerank=rerank, where=where, significance=significance, fold=fold, layers=layers
        )
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
        liked: Sequence[str] = (),
        disliked: Sequence[str] = (),
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
            with_self: Whether gallery images that are named by key, or disliked, may be among the hits.
            liked: Keys of images to find more of; with marks nothing need be given.
            disliked: Keys of images to lead away from.

        Raises:
            As `search`.
        """
        marks = Marks(tuple(liked), tuple(disliked)) if liked or disliked else None
        if not given and marks is not None and not plus and not minus and region is None:
            return Query((Term(ByMarks(marks)),), with_self)
        if not given:
            raise BadArgument("nothing to look for: name a picture, words, or a key")
        told = region if isinstance(region, str) or region is None else ",".join(map(str, region))
        made = self.reader().one(given, plus, minus, None if told is None else Region.parse(told))
        kept = any(isinstance(each, Query) and each.with_self for each in given)
        return replace(made, with_self=with_self or kept, marks=marks)

    def reader(self, standard_input: Callable[[], bytes] | None = None) -> Reader:
        """What tells files, keys and words apart for this collection; `standard_input` reads what `-` stands for."""
        return Reader(self.store, lambda: self.encoder, self.limits, standard_input, self.concepts.part)

    def search_many(  # noqa: PLR0913 - as many as of `search`
        self,
        queries: Iterable[Query | Skipped],
        k: int = 7,
        *,
        metric: Metric | None = None,
        rerank: str | Chain | None = None,
        where: Where | None = None,
        significance: float | None = None,
        fold: bool = False,
        embedded: Mapping[Part, searching.Row | Skipped] | None = None,
        layers: Mapping[str, float] | None = None,
    ) -> Iterator[Hits | Skipped]:
        """As `search`, in batches; a query that cannot be used costs one `Skipped`.

        What is `embedded` already, by whoever does that for many callers at once, is neither decoded nor computed again.
        """
        chain = self._chain(rerank) if isinstance(rerank, str) else rerank
        wanted = narrowing.chosen(self.store, where, self._met)
        found = searching.search(
            self.store,
            self.encoder,
            queries,
            k,
            metric=metric,
            limits=self.limits,
            rerank=chain,
            where=wanted,
            significance=significance,
            fold=self._folds() if fold else None,
            embedded=embedded,
            layers=None if layers is None else (self._layers(), Weighing(layers)),
        )
        for answer in found:
            yield answer if isinstance(answer, Skipped) else Hits(self, answer, chain, wanted, significance)

    def records(self, where: Where | None = None) -> Iterator[Record]:
        """The images that pass a filter, in gallery order; all unless there is one.

        Raises:
            BadArgument: If `where` is not written as a filter is.
            UnknownName: If no image has a field that it names.
        """
        wanted = narrowing.chosen(self.store, where, self._met)
        return (record for _, record in self.store.records(where=wanted))

    def fields(self, where: Where | None = None, top: int = 5) -> list[FieldSummary]:
        """What a filter can ask for: every field of the images (that pass another one), with its kinds of values and the most frequent.

        Args:
            where: As for `records`.
            top: How many values are told of each field.
        """
        return summarised(self.records(where), top)

    def null(self, metric: Metric | None = None) -> Null:
        """How high pictures of this gallery score that have nothing to do with each other: docs/significance.md.

        Args:
            metric: The card's unless given.

        Raises:
            BadArgument: If there are too few images.
        """
        return significance.fitted(self.store.snapshot(), metric or self.store.card.metric)

    def duplicates(
        self,
        wanted: copies.Wanted | None = None,
        watch: Callable[[int, int], None] = lambda _done, _of: None,
        *,
        where: Where | None = None,
    ) -> copies.Duplicates:
        """The images that are the same picture again, exactly or nearly; nothing is deleted: docs/duplicates.md.

        Args:
            wanted: What counts as a copy, and which one is kept.
            watch: Told (looks done, looks in all).
            where: Which images are compared with each other: docs/filters.md.

        Raises:
            BadArgument: If nobody can say from which score on images are copies, or `where` is not written as a filter is.
            UnknownName: If no image has a field that `where` names.
            MissingExtra: If geometry is wanted and OpenCV is not installed.
            StoreBusy: If the collection is compacted meanwhile.
        """
        among = narrowing.chosen(self.store, where, self._met)
        return copies.find(self.store, wanted or copies.Wanted(), where=among, limits=self.limits, watch=watch)

    def make_map(
        self, method: maps.Method | None = None, watch: maps.Watch = lambda _what, _done, _of: None
    ) -> maps.Map:
        """Lay out the whole gallery in two dimensions and keep that beside the store: docs/map.md.

        Args:
            method: `tsne` or `pca`; the best that is installed unless given.
            watch: Told of the progress; what it raises ends the work.

        Raises:
            BadArgument: If there are fewer than 2 images.
            MissingExtra: If the method is not installed.
            StoreFull: If the disk is full; the map before it stays.
        """
        return maps.made(self.store, self.store.folder, method, watch)

    def map(self) -> maps.Map | None:
        """The map that was made, brought to the gallery as it is now; None if none was made."""
        return maps.current(self.store, self.store.folder)

    def draw_map(self, drawn: maps.Map, side: int = 2400) -> bytes:
        """A PNG of a map, side × side: each picture where it lies, moved apart where several would lie on one another."""
        return atlas.drawn_map(self.store, drawn, side, self.limits)

    def layers(self) -> tuple[Slice, ...]:
        """The layers of a mix, each with its share of the whole score and the numbers that it gives: docs/layers.md.

        Raises:
            BadArgument: If the embeddings are no mix of layers, or nobody can say where their parts end.
        """
        return self._layers().parts()

    def _layers(self) -> Layered:
        """One for all searches: it remembers the last few queries."""
        if self._layered is None:
            self._layered = Layered(self.store, self.store.layer_dims, self.store.kept_as)
        return self._layered

    def _note_layers(self) -> None:
        """Where the encoder says how long the parts of its mix are, write it down: it does not show in every collection."""
        dims = getattr(self.encoder, "layer_dims", ())
        if len(dims) > 1 and not self.store.layer_dims:
            with self.store.write() as writer:
                writer.note_layer_dims(dims)
            self._layered = None

    def _folds(self) -> Folding:
        """One for all searches: it remembers the pictures that it has seen."""
        if self._folding is None:
            self._folding = Folding(self.store, self.limits)
        return self._folding

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
        return pictures.original(self.store, record)

    def picture(self, record: Record, side: int = 256) -> Image | None:
        """A thumbnail that fits in side × side; None when the original cannot be shown any more."""
        return pictures.of_record(self.store, record, side, self.limits)

    def picture_of(self, part: ByImage | ByKey, side: int = 256) -> Image | None:
        """A thumbnail of a part of a query, its region framed; None when it cannot be shown."""
        return pictures.of_part(self.store, part, side, self.limits)

    def is_live(self, key: str) -> bool:
        """Whether a search can return the image of a key."""
        known = self.store.known(key)
        return known is not None and known.live

    def explained(self, query: Query, hits: Sequence[Hit], rerank: Chain) -> Sequence[Explained]:
        """The places that a query shares with hits, as geometry finds them; none where the rerankers have none."""
        return [] if rerank.matcher is None else explained(self.store, rerank.matcher, query, hits, self.limits)

    def forget(self, *places: str | Path, where: Where | None = None) -> int:
        """Take images, or all below a folder or an archive, out of the collection, and keep them out.

        Args:
            places: Paths or keys; none stands for the whole collection, where there is a filter.
            where: Only those that pass: docs/filters.md.

        Returns:
            How many images were taken out.

        Raises:
            BadArgument: If a place names nothing in the collection, or nothing is said at all; then nothing is forgotten.
            UnknownName: If no image has a field that `where` names.
        """
        if not places and where is None:
            raise BadArgument("nothing to forget: name images or folders, or say which by a filter")
        named = dict.fromkeys(key for place in places for key in narrowing.keys_at(self.store, str(place)))
        if where is not None:
            passing = dict.fromkeys(record.key for record in self.records(where))
            named = dict.fromkeys(key for key in named if key in passing) if places else passing
        with self.store.write() as writer:
            return writer.delete(list(named), remember=True)

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
        folders = [self.store.folder / name for name in fitting.SAMPLE_FOLDERS]
        there = [folder for folder in folders if (folder / database.FILE_NAME).exists()]
        return sum(fitting.carry_over(folder, self.store, self.encoder) for folder in there)

    def _fit_null(self) -> None:
        """Work out now, while somebody waits for seconds anyway, what chance does; small galleries leave it to the first question."""
        if len(self) >= _WORTH_FITTING:
            self.null()


def _is_free_or_of(place: homes.Place, encoder: Encoder) -> bool:
    """Whether a collection of this encoder may be made here, or is here and may have lost its whitening."""
    try:
        store = homes.opened(place)
    except NoCollection:
        return True
    fingerprint = store.card.fingerprint
    store.close()
    return fingerprint == encoder.card.fingerprint
